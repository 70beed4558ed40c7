/* Dead lockfiles that prove nothing: an older one was deleted under a live holder, or somebody else
 * was quicker with the new one. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_lock_fixture.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "harness/refuse.h"
#include "process_support.h"
#include "run_fixture.h"

#define SWEEP_NOWHERE "exec " PROGRAM " --lock-dir %s --host unix:///nonexistent/engine sweep"

static void check_refused(const char *dir, const char *command)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(run_command(&result,
				 "exec " PROGRAM
				 " --lock-dir %s --host unix:///nonexistent/engine %s",
				 dir, command),
		     75);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "whose lockfile somebody has deleted"));
	CU_ASSERT_TRUE(lockfile_exists(dir, "shop"));
}

/* As it is left by one who made a new lockfile and was killed before he found the older. */
static void test_dead_beside_deleted(void)
{
	const char *dir = temp_dir();
	struct process holder;

	process_start(&holder, RUN "shop -- sh -c 'echo ready; exec sleep 600'", dir);
	CU_ASSERT_TRUE(wait_for_output(&holder, "ready"));
	CHECK_NUMBER(unlink(lockfile_path(dir, "shop")), 0);
	close(lockfile_hold(dir, "shop"));
	check_refused(dir, "run shop -- true");
	check_refused(dir, "reap shop");
	CHECK_NUMBER(unlink(lockfile_path(dir, "shop")), 0);
	process_kill(&holder);
}

/* Forgets its lockfile, and stands still before it closes it. */
static pid_t start_forgetting(const char *dir)
{
	pid_t pid = fork();
	int fd;

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fd = lockfile_hold(dir, "shop");
	EXPECT(fd >= 0 && !unlink(lockfile_path(dir, "shop")) && !raise(SIGSTOP));
	close(fd);
	for (;;)
		pause();
}

/* A newcomer gives it some seconds: 69 says that it has come to ask for the engine. */
static void check_patience(const char *dir, const char *command, int resumed, int stopped)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process process;
	pid_t pid = start_forgetting(dir);
	int status;

	CHECK_NUMBER(waitpid(pid, &status, WUNTRACED), pid);
	CU_ASSERT_FATAL(WIFSTOPPED(status));
	for (int i = 0; i < 2; i++) {
		process_start(&process,
			      "exec " PROGRAM " --lock-dir %s --host unix:///nonexistent/engine %s",
			      dir, command);
		if (i) {
			usleep(200000);
			CU_ASSERT_TRUE(process_is_running(&process));
			CHECK_NUMBER(kill(pid, SIGCONT), 0);
		}
		CHECK_NUMBER(process_wait(&process, SOON_MS, &result), i ? resumed : stopped);
		CHECK_NUMBER(strstr(result.errors, "omebody has deleted") != NULL, !i);
		CU_ASSERT_FALSE(lockfile_exists(dir, "shop"));
	}
	CHECK_NUMBER(kill(pid, SIGKILL), 0);
	CHECK_NUMBER(waitpid(pid, NULL, 0), pid);
}

static void test_slow_to_close(void)
{
	const char *dir = temp_dir();

	check_patience(dir, "run shop -- true", 69, 75);
	check_patience(dir, "reap shop", 69, 75);
	check_patience(dir, "release shop", 0, 75);
}

/* It has waived the look at its start, and yet must not take away what the other one has. */
static void test_no_fresh_beside_deleted(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process holder;

	process_start(&holder, RUN "shop -- sh -c 'echo ready; exec sleep 600'", dir);
	CU_ASSERT_TRUE(wait_for_output(&holder, "ready"));
	CHECK_NUMBER(unlink(lockfile_path(dir, "shop")), 0);
	CHECK_NUMBER(run_command(&result,
				 "exec " PROGRAM
				 " --lock-dir %s --host unix:///nonexistent/engine run --no-fresh "
				 "shop -- true",
				 dir),
		     1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "whose lockfile somebody has deleted"));
	CU_ASSERT_PTR_NULL(strstr(result.errors, "/nonexistent/engine"));
	CU_ASSERT_TRUE(lockfile_exists(dir, "shop"));
	process_kill(&holder);
	lockfile_drop_cgroup(dir, "shop");
}

/* Leaves the record of a run in the file that is there, and dies. */
static bool use_and_die(const char *dir)
{
	struct lock_trust trust = { .uids = (uid_t[]){ geteuid() },
				    .uid_count = 1,
				    .group = (gid_t)-1 };
	struct record record = {
		.known = true, .app = "shop", .holder = "quicker", .phase = RUN_PHASE_RUNNING
	};
	struct app_hash hash = app_hash_of("shop");
	struct app_lock lock = APP_LOCK_NONE;
	struct lock_dir opened;
	bool used;

	if (lock_dir_open(&opened, dir, &trust, NULL) < 0)
		return false;
	used = app_lock_probe(&opened, &hash, &lock, NULL) == LOCK_FREE &&
	       app_lock_write_record(&lock, &record, NULL) == 0;
	app_lock_release(&lock);
	lock_dir_close(&opened);
	return used;
}

/* Where O_TMPFILE is missing, a lockfile is born unlocked: who locks it first may be another, and
 * may have died by the time that its maker gets the lock. What he left is not the maker's to
 * forget. */
static void test_predecessor_in_the_birth(void)
{
	static const struct refused_call no_tmpfile[] = {
		{ .call = SYS_openat, .errnum = EOPNOTSUPP, .argument = 2, REFUSE_BITS(O_TMPFILE) },
	};
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process maker;
	struct record record;

	commands_refuse(no_tmpfile, 1);
	process_start(&maker,
		      "export ASAN_OPTIONS=detect_leaks=0; exec strace -D -f -qq -o %s/trace "
		      "-e trace=flock -e inject=flock:delay_enter=" LONG_DELAY_US ":when=1 " PROGRAM
		      " --lock-dir %s --host unix:///nonexistent/engine run shop -- true",
		      temp_dir(), dir);
	commands_refuse(NULL, 0);
	CU_ASSERT_TRUE(wait_for_file(lockfile_path(dir, "shop")));
	CU_ASSERT_TRUE(use_and_die(dir));
	end_delay(maker.pid);
	/* 69: the engine can't be reached, to remove what the quicker one left. */
	CHECK_NUMBER(process_wait(&maker, SOON_MS, &result), 69);
	CU_ASSERT_TRUE(lockfile_exists(dir, "shop"));
	lockfile_record(dir, "shop", &record);
	CHECK_TEXT(record.holder, "quicker");
}

#define MANY                                                                                       \
	600 /* with more live locks than 500, an idle sweep leaves the look to list and doctor */

/* One that has found a dead app does look. */
static void test_among_many(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	int holders[MANY], deleted;
	char app[16];

	for (int i = 0; i < MANY; i++) {
		snprintf(app, sizeof(app), "live-%d", i);
		holders[i] = lockfile_hold(dir, app);
	}
	deleted = lockfile_hold(dir, "shop");
	CHECK_NUMBER(unlink(lockfile_path(dir, "shop")), 0);
	run_command(&result, SWEEP_NOWHERE, dir);
	CHECK_NUMBER(result.status, 0);
	close(lockfile_hold(dir, "shop"));
	run_command(&result, SWEEP_NOWHERE, dir);
	CHECK_NUMBER(result.status, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "somebody has deleted the lockfile"));
	CU_ASSERT_TRUE(lockfile_exists(dir, "shop"));
	/* 69: nobody holds it any more, and the engine is asked. */
	close(deleted);
	run_command(&result, SWEEP_NOWHERE, dir);
	CHECK_NUMBER(result.status, 69);
	for (int i = 0; i < MANY; i++)
		close(holders[i]);
}

static const struct test tests[] = {
	{ "a dead lockfile beside a deleted one that is held", test_dead_beside_deleted },
	{ "a predecessor that is slow to close its lockfile", test_slow_to_close },
	{ "a teardown beside a deleted one that is held", test_no_fresh_beside_deleted },
	{ "a dead lockfile beside a deleted one, among many live ones", test_among_many },
	{ "a predecessor between birth and lock", test_predecessor_in_the_birth },
	{ NULL, NULL },
};
TEST_SUITE(deleted_dead, tests)
