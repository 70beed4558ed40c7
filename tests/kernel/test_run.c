/* `ci-janitor run`: CMD's status, environment and inheritance; the record; the engine's absence. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "run_fixture.h"

static void every_exit_status(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	for (int status = 0; status < 256; status++)
		CHECK_NUMBER(run_command(&result, RUN "shop -- sh -c 'exit %d'", dir, status),
			     status);
}

static void killed_by_a_signal(void)
{
	static const int signals[] = { SIGHUP,	SIGINT,	 SIGQUIT, SIGILL,  SIGTRAP,   SIGABRT,
				       SIGBUS,	SIGFPE,	 SIGKILL, SIGUSR1, SIGSEGV,   SIGUSR2,
				       SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGVTALRM, SIGSYS };
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		CHECK_NUMBER(run_command(&result, "ulimit -c 0; " RUN "shop -- sh -c 'kill -%d $$'",
					 dir, signals[i]),
			     128 + signals[i]);
}

static void not_executable_or_not_there(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result, RUN "shop -- %s/no-such-program", dir, dir), 127);
	CU_ASSERT(strstr(result.errors, "no-such-program") != NULL);
	CHECK_NUMBER(run_command(&result, "PATH=%s; " RUN "shop -- no-such-program", dir, dir),
		     127);
	CHECK_NUMBER(run_command(&result, "echo true >%s/script; " RUN "shop -- %s/script", dir,
				 dir, dir),
		     126);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
}

static void environment(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct record record;
	char expected[600];

	CHECK_NUMBER(run_command(&result,
				 "unset COMPOSE_PROJECT_NAME; export CI_APP=other MINE=kept; " RUN
				 "--stack stack_1 shop-1 -- env",
				 dir),
		     0);
	CHECK_NUMBER(count_of(result.output, "CI_APP="), 1);
	CU_ASSERT(strstr(result.output, "CI_APP=shop-1\n") != NULL);
	CU_ASSERT(strstr(result.output, "MINE=kept\n") != NULL);
	CU_ASSERT(strstr(result.output, "COMPOSE_PROJECT_NAME=stack_1\n") != NULL);
	snprintf(expected, sizeof(expected), "CI_APP_LOCK=%s\n", lockfile_path(dir, "shop-1"));
	CU_ASSERT(strstr(result.output, expected) != NULL);
	lockfile_record(dir, "shop-1", &record);
	CHECK_NUMBER(strlen(record.run_id), 32);
	snprintf(expected, sizeof(expected), "CI_JANITOR_RUN_ID=%s\n", record.run_id);
	CU_ASSERT(strstr(result.output, expected) != NULL);
}

static void compose_project_name(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(
		run_command(&result, "export COMPOSE_PROJECT_NAME=mine; " RUN "shop -- env", dir),
		0);
	CU_ASSERT(strstr(result.output, "COMPOSE_PROJECT_NAME=mine\n") != NULL);
	CHECK_NUMBER(run_command(&result,
				 "unset COMPOSE_PROJECT_NAME; " RUN
				 "--stack shop.example shop -- env",
				 dir),
		     0);
	CU_ASSERT(strstr(result.output, "COMPOSE_PROJECT_NAME") == NULL);
	CU_ASSERT(strstr(result.errors, "COMPOSE_PROJECT_NAME") != NULL);
}

static void lock_path_is_absolute(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result,
				 "mkdir -m 700 %s/locks; cd %s; " RUN
				 "shop -- sh -c 'cd /; test -f \"$CI_APP_LOCK\"'",
				 dir, dir, "locks"),
		     0);
}

static void inheritance(void)
{
	CLEANUP_COMMAND struct command_result plain = { 0 }, result = { 0 };
	static const char look[] =
		"sh -c 'grep ^Sig[BI] /proc/self/status; ls -l /proc/self/fd | wc -l'";
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&plain, "exec %s", look), 0);
	CHECK_NUMBER(run_command(&result, RUN "shop -- %s", dir, look), 0);
	CHECK_TEXT(result.output, plain.output);
	CHECK_NUMBER(run_command(&plain, "trap '' PIPE CHLD USR1; exec %s", look), 0);
	CHECK_NUMBER(run_command(&result, "trap '' PIPE CHLD USR1; " RUN "shop -- %s", dir, look),
		     0);
	CHECK_TEXT(result.output, plain.output);
	CHECK_NUMBER(run_command_with(&result, "hello", SOON_MS, RUN "shop -- cat", dir), 0);
	CHECK_TEXT(result.output, "hello");
}

static void record_of_a_run(void)
{
	const char *dir = temp_dir();
	struct process process;
	struct record record;

	process_start_with_pipe(&process,
				RUN "--holder alice --stack st --deadline 1h shop -- "
				    "sh -c 'echo ready; read x'",
				dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	lockfile_record(dir, "shop", &record);
	CU_ASSERT(record.known);
	CHECK_TEXT(record.app, "shop");
	CHECK_TEXT(record.stack, "st");
	CHECK_TEXT(record.holder, "alice");
	CHECK_NUMBER(record.pid, process.pid);
	CHECK_NUMBER(record.phase, RUN_PHASE_RUNNING);
	CU_ASSERT(record.start_time > 0);
	CHECK_NUMBER(strlen(record.boot_id), 36);
	CHECK_NUMBER((record.deadline - record.since) / 10, 360);
	CU_ASSERT(!lockfile_is_free(dir, "shop"));
	close(process.stdin_fd);
	process.stdin_fd = -1;
	process_wait(&process, SOON_MS, NULL);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	lockfile_record(dir, "shop", &record);
	CHECK_NUMBER(record.phase, RUN_PHASE_RELEASED);
}

static void unusable_directory(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result,
				 "exec " PROGRAM " --lock-dir %s/none run --no-fresh "
				 "--no-teardown shop -- touch %s/ran",
				 dir, dir),
		     73);
	CHECK_NUMBER(run_command(&result, "mkfifo %s; " RUN "shop -- touch %s/ran",
				 lockfile_path(dir, "shop"), dir, dir),
		     73);
	CHECK_NUMBER(run_command(&result, "test -e %s/ran", dir), 1);
}

#define WITHOUT_ENGINE "exec " PROGRAM " --lock-dir %s -H unix://%s/none.sock run "

static void fresh_start_without_engine(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	CLEANUP_COMMAND struct command_result before = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result, WITHOUT_ENGINE "shop -- touch %s/ran", dir, dir, dir),
		     69);
	CU_ASSERT(!lockfile_exists(dir, "shop"));
	CHECK_NUMBER(run_command(&result, "test -e %s/ran", dir), 1);

	/* A dead predecessor's record is still needed to fence it. */
	CHECK_NUMBER(run_command(&result, RUN_WITH_ENGINE("none.sock") "--holder old shop -- true",
				 dir, dir),
		     0);
	CHECK_NUMBER(run_command(&before, "cat %s", lockfile_path(dir, "shop")), 0);
	CHECK_NUMBER(run_command(&result, WITHOUT_ENGINE "shop -- touch %s/ran", dir, dir, dir),
		     69);
	CHECK_NUMBER(run_command(&result, "cat %s", lockfile_path(dir, "shop")), 0);
	CHECK_TEXT(result.output, before.output);
	CHECK_NUMBER(run_command(&result, "test -e %s/ran", dir), 1);
}

static void teardown_without_engine(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result, WITHOUT_ENGINE "--no-fresh shop -- echo ran", dir, dir),
		     1);
	CHECK_TEXT(result.output, "ran\n");
	CU_ASSERT(strstr(result.errors, "shop") != NULL);
	CU_ASSERT(lockfile_exists(dir, "shop"));
	CHECK_NUMBER(
		run_command(&result, WITHOUT_ENGINE "--no-fresh shop -- sh -c 'exit 5'", dir, dir),
		5);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
}

#define HANGING_ENGINE "exec " PROGRAM " --lock-dir %s -H unix://%s/socket run "

static bool is_held(void *dir)
{
	return lockfile_exists(dir, "shop") && !lockfile_is_free(dir, "shop");
}

static void a_signal_ends_the_fresh_start(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		char *dir = strdup(temp_dir());
		int engine = listening_socket(dir, "socket");
		struct process process;

		process_start(&process, HANGING_ENGINE "shop -- echo ran", dir, dir);
		CU_ASSERT(wait_until(is_held, dir, SOON_MS));
		usleep(200000);
		kill(process.pid, signals[i]);
		CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 128 + signals[i]);
		CHECK_TEXT(result.output, "");
		CU_ASSERT(lockfile_is_free(dir, "shop"));
		close(engine);
		free(dir);
	}
}

static void the_teardown_is_bounded(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process process;
	int engine = listening_socket(dir, "socket");
	int64_t begin = now_ms();

	process_start(&process,
		      HANGING_ENGINE "--no-fresh --teardown-timeout 900ms shop -- echo ran", dir,
		      dir);
	CU_ASSERT(wait_for_phase(dir, "shop", RUN_PHASE_TEARDOWN));
	/* Noted and ignored: what is being torn down already isn't stopped. */
	kill(process.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 1);
	CU_ASSERT(now_ms() - begin >= 900);
	CU_ASSERT(lockfile_exists(dir, "shop"));
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	close(engine);
}

/* Killed while the engine child is at work: it goes on, and the lock is held until it ends. */
static void the_engine_child_outlives_us(void)
{
	const char *dir = temp_dir();
	int engine = listening_socket(dir, "socket"), connection;
	struct process process;
	pid_t child;

	process_start(&process, HANGING_ENGINE "--no-fresh shop -- echo ran", dir, dir);
	connection = accept_soon(engine);
	CU_ASSERT(connection >= 0);
	CU_ASSERT(wait_for_phase(dir, "shop", RUN_PHASE_TEARDOWN));
	child = child_of(process.pid);
	CU_ASSERT(child > 0);
	kill(process.pid, SIGKILL);
	CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 137);
	usleep(100000);
	CU_ASSERT(!lockfile_is_free(dir, "shop"));
	kill(child, SIGKILL);
	CU_ASSERT(wait_for_end(child));
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	close(connection);
	close(engine);
}

static struct test tests[] = {
	{ "all 256 exit statuses", every_exit_status },
	{ "128+N for a command killed by signal N", killed_by_a_signal },
	{ "126 and 127", not_executable_or_not_there },
	{ "the run's variables", environment },
	{ "COMPOSE_PROJECT_NAME only when unset and valid", compose_project_name },
	{ "CI_APP_LOCK is absolute", lock_path_is_absolute },
	{ "signals, descriptors and stdin as they were", inheritance },
	{ "the record tells about the run", record_of_a_run },
	{ "73 for a directory or lockfile that can't be used", unusable_directory },
	{ "69 without an engine, and the command doesn't start", fresh_start_without_engine },
	{ "a failed teardown is status 1 or the command's", teardown_without_engine },
	{ "a signal ends the fresh start", a_signal_ends_the_fresh_start },
	{ "the teardown is bounded", the_teardown_is_bounded },
	{ "the engine child outlives the supervisor", the_engine_child_outlives_us },
	{ NULL, NULL },
};
TEST_SUITE(run, tests);
