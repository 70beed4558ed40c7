/* What a dead run made on another engine is not judged by this one's emptiness: nobody is asked,
 * the lockfile stays, and it is said which engine to ask. The engines here only listen. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "kernel/run_fixture.h"

static const char *dir;
static int here = -1, there = -1;

static int set_up(void)
{
	dir = temp_dir();
	here = listening_socket(dir, "here.sock");
	there = listening_socket(dir, "there.sock");
	return 0;
}

static int tear_down(void)
{
	close(here);
	return close(there);
}

#define WITH "exec " PROGRAM " --lock-dir %s -H unix://%s/%s.sock "

/* A run of `shop` on the engine of that name, killed. */
static void die_on(const char *engine)
{
	struct process run;
	struct record record;
	char expected[600];

	process_start(&run, WITH "run --no-fresh shop -- sleep 60", dir, dir, engine);
	CU_ASSERT_TRUE(wait_for_phase(dir, "shop", RUN_PHASE_RUNNING));
	lockfile_record(dir, "shop", &record);
	snprintf(expected, sizeof(expected), "unix://%s/%s.sock", dir, engine);
	CHECK_TEXT(record.engine, expected);
	CU_ASSERT_TRUE(record.engine_socket[0] != '\0');
	background_signal(&run, SIGKILL);
	CHECK_NUMBER(process_wait(&run, SOON_MS, NULL), 128 + SIGKILL);
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
}

static bool was_asked(int fd)
{
	struct pollfd listening = { .fd = fd, .events = POLLIN };

	return poll(&listening, 1, 0) != 0;
}

static void check_left(const char *arguments)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, WITH "%s", dir, dir, "here", arguments);
	CHECK_NUMBER(result.status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "/there.sock"));
	CU_ASSERT_FALSE(was_asked(here));
	CU_ASSERT_FALSE(was_asked(there));
	CU_ASSERT_TRUE(lockfile_exists(dir, "shop"));
	CU_ASSERT_TRUE(lockfile_is_free(dir, "shop"));
}

static void test_left(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct record record;

	die_on("there");
	check_left("sweep");
	check_left("sweep --dry-run");
	check_left("--json sweep");
	run_command(&result, WITH "list --json", dir, dir, "here");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "/there.sock\""));
	/* A new run of the app would forget what the old one has left there. */
	run_command(&result, WITH "run shop -- touch %s/started", dir, dir, "here", dir);
	CHECK_NUMBER(result.status, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "/there.sock"));
	run_command(&result, "test ! -e %s/started", dir);
	CHECK_NUMBER(result.status, 0);
	lockfile_record(dir, "shop", &record);
	CU_ASSERT_PTR_NOT_NULL(strstr(record.engine, "/there.sock"));
	/* DOCKER_HOST is no word about this app. */
	run_command(&result, "DOCKER_HOST=unix://%s/here.sock " PROGRAM " --lock-dir %s reap shop",
		    dir, dir);
	CHECK_NUMBER(result.status, 1);
	CU_ASSERT_FALSE(was_asked(here));
}

/* By the same engine, by whatever name, and by the one that a person names for this app. */
static void test_asked(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	static const char *const arguments[] = { "here.sock reap", "there.sock sweep",
						 "linked.sock sweep" };

	run_command(&result, "ln %s/there.sock %s/linked.sock", dir, dir);
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
		struct process janitor;
		int listening = i == 0 ? here : there, connection;

		process_start(&janitor, "exec " PROGRAM " --lock-dir %s -H unix://%s/%s %s", dir,
			      dir, arguments[i], i == 0 ? "shop" : "");
		connection = accept_soon(listening);
		CU_ASSERT_TRUE(connection >= 0);
		close(connection);
		process_kill(&janitor);
		CU_ASSERT_TRUE(lockfile_exists(dir, "shop"));
	}
	lockfile_drop_cgroup(dir, "shop");
}

/* A program of another language need not say it. */
static void test_not_stated(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process janitor;
	int connection;

	run_command(&result, "umask 077; printf '[run]\\napp=shop\\n[end]\\n' >%s",
		    lockfile_path(dir, "shop"));
	process_start(&janitor, WITH "sweep", dir, dir, "here");
	connection = accept_soon(here);
	CU_ASSERT_TRUE(connection >= 0);
	close(connection);
	process_kill(&janitor);
}

/* A record may say anything: it is text to be compared and shown, and no path to be opened. */
static void test_hostile(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result,
		    "umask 077; printf '[run]\\napp=shop\\nengine=unix://%s/there.sock\\n"
		    "engine_socket=../../x\\n[end]\\n' >%s",
		    dir, lockfile_path(dir, "shop"));
	run_command(&result, WITH "sweep", dir, dir, "here");
	CHECK_NUMBER(result.status, 1);
	CU_ASSERT_FALSE(was_asked(there));
	run_command(&result,
		    "umask 077; printf '[run]\\napp=shop\\nengine=a\\033[2Jb\\n[end]\\n' >%s",
		    lockfile_path(dir, "shop"));
	run_command(&result, WITH "--json list", dir, dir, "here");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "\"record_known\":false"));
	CU_ASSERT_PTR_NULL(strchr(result.output, '\033'));
}

static const struct test tests[] = {
	{ "another engine's dead app is left, and said to be", test_left },
	{ "the same engine by another name is asked, and one that is named", test_asked },
	{ "a record that says no engine means this one", test_not_stated },
	{ "a record leads to no socket", test_hostile },
	{ NULL, NULL },
};
TEST_SUITE_WITH(other_engine, tests, set_up, tear_down)
