/* Who starts `ci-janitor run`, and what becomes of it when that one is killed. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "harness/harness.h"
#include "run_fixture.h"

#define RUN_HERE PROGRAM " --lock-dir %s run --no-fresh --no-teardown "

static bool becomes_free(const char *dir)
{
	for (int i = 0; i < 500 && !lockfile_is_free(dir, "shop"); i++)
		usleep(20000);
	return lockfile_is_free(dir, "shop");
}

/* PID 1 of a container is a parent like any other. */
static void pid_1_as_parent(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	if (geteuid() != 0)
		return;
	CHECK_NUMBER(run_command(&result,
				 "exec unshare --pid --fork --mount-proc sh -c '" RUN_HERE
				 "shop -- sh -c \"sleep 0.3; exit 7\"; exit $?'",
				 dir),
		     7);
	/* And the run as PID 1: its parent is outside. */
	CHECK_NUMBER(run_command(&result,
				 "exec unshare --pid --fork --mount-proc " RUN_HERE
				 "shop -- sh -c 'setsid sleep 600 & sleep 0.3; exit 8'",
				 dir),
		     8);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
}

/* The agent's shell dies; a subreaper adopts the run, which is not fooled by a living parent. */
static void a_subreaper_in_between(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process agent;
	int before = 0;

	prctl(PR_GET_CHILD_SUBREAPER, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	process_start(&agent,
		      "(echo shell $(exec sh -c 'echo $PPID').; " RUN_HERE
		      "shop -- sh -c 'trap \"exit\" TERM; echo ready; while :; do sleep 0.02; "
		      "done'; :) & wait",
		      dir);
	CU_ASSERT(wait_for_output(&agent, "ready"));
	process_kill(&agent);
	CU_ASSERT(becomes_free(dir));
	prctl(PR_SET_CHILD_SUBREAPER, before);
	(void)result;
}

/* The parent dies between our first look at it and the request for its death signal. */
static void orphaned_at_the_start(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process agent;

	process_start(
		&agent,
		"strace -D -o /dev/null -e trace=getppid -e inject=getppid:delay_exit=900000:when=1"
		" " RUN_HERE "shop -- touch %s/ran 2>%s/errors & sleep 0.5; kill -KILL $$",
		dir, dir, dir);
	(void)process_wait(&agent, SOON_MS, NULL);
	for (int i = 0; i < 200; i++) {
		usleep(20000);
		if (run_command(&result, "grep -q 'parent of this run has died' %s/errors", dir) ==
		    0)
			break;
	}
	CHECK_NUMBER(result.status, 0);
	usleep(200000);
	CHECK_NUMBER(run_command(&result, "test -e %s/ran", dir), 1);
	CU_ASSERT(!lockfile_exists(dir, "shop"));
}

/* While it waits: it leaves the queue. */
static void killed_while_waiting(void)
{
	const char *dir = temp_dir();
	struct process agent;
	int fd = lockfile_hold(dir, "shop");
	char *output;
	pid_t run;

	lockfile_companion(fd, 0, F_WRLCK);
	process_start(&agent, RUN_HERE "shop -- touch %s/ran & echo pid $!.; wait", dir, dir);
	CU_ASSERT(wait_for_errors(&agent, "waiting for"));
	output = process_output(&agent);
	run = (pid_t)number_after(output, "pid ");
	free(output);
	kill(agent.pid, SIGKILL);
	CU_ASSERT(wait_for_end(run));
	close(fd);
	usleep(200000);
	CU_ASSERT(becomes_free(dir));
	CU_ASSERT(access(dir, F_OK) == 0);
	process_kill(&agent);
}

/* While CMD is being stopped, or torn down already: that goes on to its end. */
static void killed_while_stopping(void)
{
	const char *dir = temp_dir();
	struct process agent;
	char file[512];
	char *output;
	pid_t run;

	snprintf(file, sizeof(file), "%s/done", dir);
	process_start(&agent,
		      RUN_HERE
		      "shop -- sh -c 'trap \"echo stopping; sleep 1; touch %s; exit\" TERM;"
		      " echo ready; while :; do sleep 0.02; done' & echo pid $!.; wait",
		      dir, file);
	CU_ASSERT(wait_for_output(&agent, "ready"));
	output = process_output(&agent);
	run = (pid_t)number_after(output, "pid ");
	free(output);
	kill(run, SIGTERM);
	CU_ASSERT(wait_for_output(&agent, "stopping"));
	kill(agent.pid, SIGKILL);
	CU_ASSERT(wait_for_file(file));
	CU_ASSERT(wait_for_end(run));
	CU_ASSERT(becomes_free(dir));
	process_kill(&agent);
}

static struct test tests[] = {
	{ "PID 1 as parent, and the run as PID 1", pid_1_as_parent },
	{ "a subreaper in between", a_subreaper_in_between },
	{ "already orphaned at the start: refused", orphaned_at_the_start },
	{ "the agent killed while the run waits", killed_while_waiting },
	{ "the agent killed while the run stops", killed_while_stopping },
	{ NULL, NULL },
};
TEST_SUITE(run_parents, tests);
