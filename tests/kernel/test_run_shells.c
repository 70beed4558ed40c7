/* Exit statuses as a CI script meets them, and every signal. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "run_fixture.h"

#define RUN_HERE PROGRAM " --lock-dir %s run --no-fresh --no-teardown "

static const char *const shells[] = { "sh -e", "bash -e", "bash -eo pipefail" };
#define SHELL_COUNT (sizeof(shells) / sizeof(shells[0]))

/* A script ends where the run failed, with the run's status, and goes on where it didn't. */
static void under_errexit(void)
{
	static const struct {
		const char *options, *command;
		int status;
	} rows[] = {
		{ "", "true", 0 },
		{ "", "false", 1 },
		{ "", "sh -c 'exit 255'", 255 },
		{ "", "/nonexistent", 127 },
		{ "", "/etc/passwd", 126 },
		{ "", "sh -c 'kill -SEGV $$'", 139 },
		{ "--deadline 200ms", "sleep 60", 142 },
		{ "", "sh -c 'kill -TERM $PPID; sleep 60'", 143 },
		{ "", "sh -c 'kill -INT $PPID; sleep 60'", 130 },
		{ "", "sh -c 'kill -HUP $PPID; sleep 60'", 129 },
	};

	for (size_t i = 0; i < SHELL_COUNT * 10; i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = temp_dir();

		CHECK_NUMBER(run_command(&result,
					 "cat >%s/script <<'EOF'\n" RUN_HERE
					 "%s shop -- %s\necho on\nEOF\n"
					 "exec %s %s/script",
					 dir, dir, rows[i % 10].options, rows[i % 10].command,
					 shells[i / 10], dir),
			     rows[i % 10].status);
		CHECK_TEXT(result.output, rows[i % 10].status ? "" : "on\n");
	}
}

/* Each signal that a program may catch comes through, once; SIGTERM, SIGINT and SIGHUP stop. */
static void every_signal(void)
{
	const char *dir = temp_dir();
	struct process process;

	process_start(&process,
		      "exec " RUN_HERE
		      "shop -- bash -c 'for s in $(seq 63); do case $s in 9|17|19|32|33) ;;"
		      " *) trap \"echo got $s.\" $s; esac; done; echo got 0.;"
		      " while :; do sleep 0.02; done'",
		      dir);
	CU_ASSERT(wait_for_output(&process, "got 0."));
	for (int number = 1; number < SIGRTMAX; number++) {
		char expected[32];
		char *output;

		/* Told to stop by these; not catchable; the libc's own; our own child's; and what
		 * means that we ourselves are broken. */
		if (number == SIGTERM || number == SIGINT || number == SIGHUP ||
		    number == SIGKILL || number == SIGSTOP || (number >= 32 && number < SIGRTMIN) ||
		    number == SIGCHLD || number == SIGPIPE || number == SIGSEGV ||
		    number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP ||
		    number == SIGSYS || number == SIGABRT)
			continue;
		snprintf(expected, sizeof(expected), "got %d.", number);
		kill(process.pid, number);
		CU_ASSERT(wait_for_output(&process, expected));
		output = process_output(&process);
		CHECK_NUMBER(count_of(output, expected), 1);
		free(output);
	}
	CU_ASSERT(process_is_running(&process));
	process_kill(&process);
	lockfile_drop_cgroup(dir, "shop");
}

/* The reader of a pipe ends first: CMD dies of it as it would without us. */
static void in_a_pipeline(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command_with(&result, "one\ntwo\n", SOON_MS,
				      "bash -c 'cat | " RUN_HERE
				      "shop -- cat | head -1; echo ${PIPESTATUS[*]}'",
				      dir),
		     0);
	CHECK_TEXT(result.output, "one\n0 0 0\n");
	CHECK_NUMBER(run_command(&result,
				 "exec bash -c '" RUN_HERE
				 "shop -- yes | head -1; echo ${PIPESTATUS[*]}'",
				 dir),
		     0);
	CHECK_TEXT(result.output, "y\n141 0\n");
	/* A log line that nobody reads ends nothing. */
	CHECK_NUMBER(run_command(&result,
				 "exec bash -c '" RUN_HERE
				 "--deadline 300ms shop -- sleep 60 2> >(exec true); echo $?'",
				 dir),
		     0);
	CHECK_TEXT(result.output, "142\n");
	CU_ASSERT(lockfile_is_free(dir, "shop"));
}

static struct test tests[] = {
	{ "statuses under sh -e and bash -e", under_errexit },
	{ "every catchable signal", every_signal },
	{ "in a pipeline", in_a_pipeline },
	{ NULL, NULL },
};
TEST_SUITE(run_shells, tests);
