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
	const char *dir = temp_dir();
	struct process agent;
	int before = 0;

	prctl(PR_GET_CHILD_SUBREAPER, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	process_start(&agent,
		      "(" RUN_HERE "shop -- sh -c 'trap \"exit\" TERM; echo ready; while :; do "
		      "sleep 0.02; done'; :) & wait",
		      dir);
	CU_ASSERT(wait_for_output(&agent, "ready"));
	process_kill(&agent);
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
	prctl(PR_SET_CHILD_SUBREAPER, before);
}

static void check_was_refused(const char *dir, pid_t run)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CU_ASSERT(wait_for_end(run));
	CHECK_NUMBER(run_command(&result, "grep -q 'parent of this run has died' %s/errors", dir),
		     0);
	CHECK_NUMBER(run_command(&result, "test -e %s/ran", dir), 1);
	CU_ASSERT(!lockfile_exists(dir, "shop"));
}

/* The parent dies between our first look at it and our second, which is after the request for its
 * death signal; the signalfd was opened before. */
static void orphaned_at_the_start(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process agent;

	process_start(&agent,
		      "strace -D -o /dev/null -e trace=getppid -e "
		      "inject=getppid:delay_enter=" LONG_DELAY_US ":when=2 " RUN_HERE
		      "shop -- touch %s/ran 2>%s/errors & echo pid $!.;"
		      " until ls -l /proc/$!/fd | grep -q signalfd; do :; done; kill -KILL $$",
		      dir, dir, dir);
	(void)process_wait(&agent, SOON_MS, &result);
	end_delay((pid_t)number_after(result.output, "pid "));
	check_was_refused(dir, (pid_t)number_after(result.output, "pid "));
}

/* The first sweep lasts as long as this test's engine doesn't answer. */
static void orphaned_in_the_first_sweep(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	int engine = listening_socket(dir, "socket"), connection;
	struct process agent;
	pid_t run;

	CHECK_NUMBER(run_command(&result, RUN_WITH_ENGINE("socket") "blog -- true", dir, dir), 0);
	process_start(&agent,
		      PROGRAM " --lock-dir %s -H unix://%s/socket run --no-fresh --no-teardown "
			      "--sweep shop -- touch %s/ran 2>%s/errors & echo pid $!.; wait",
		      dir, dir, dir, dir);
	connection = accept_soon(engine);
	CU_ASSERT(connection >= 0);
	run = noted_pid(&agent);
	kill(agent.pid, SIGKILL);
	(void)process_wait(&agent, SOON_MS, NULL);
	close(connection);
	close(engine);
	check_was_refused(dir, run);
}

/* While it waits: it leaves the queue. */
static void killed_while_waiting(void)
{
	const char *dir = temp_dir();
	struct process agent;
	int fd = lockfile_hold(dir, "shop");
	char file[512];
	pid_t run;

	lockfile_companion(fd, 0, F_WRLCK);
	process_start(&agent, RUN_HERE "shop -- touch %s/ran & echo pid $!.; wait", dir, dir);
	CU_ASSERT(wait_for_errors(&agent, "waiting for"));
	run = noted_pid(&agent);
	kill(agent.pid, SIGKILL);
	CU_ASSERT(wait_for_end(run));
	close(fd);
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
	snprintf(file, sizeof(file), "%s/ran", dir);
	CHECK_NUMBER(access(file, F_OK), -1);
	process_kill(&agent);
}

/* While CMD is being stopped, or torn down already: that goes on to its end. */
static void killed_while_stopping(void)
{
	const char *dir = temp_dir();
	struct process agent;
	char file[512];
	pid_t run;

	snprintf(file, sizeof(file), "%s/done", dir);
	process_start(&agent,
		      RUN_HERE
		      "shop -- sh -c 'trap \"echo stopping; sleep 1; touch %s; exit\" TERM;"
		      " echo ready; while :; do sleep 0.02; done' & echo pid $!.; wait",
		      dir, file);
	CU_ASSERT(wait_for_output(&agent, "ready"));
	run = noted_pid(&agent);
	CU_ASSERT_FATAL(run > 1);
	kill(run, SIGTERM);
	CU_ASSERT(wait_for_output(&agent, "stopping"));
	kill(agent.pid, SIGKILL);
	CU_ASSERT(wait_for_file(file));
	CU_ASSERT(wait_for_end(run));
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	process_kill(&agent);
}

static struct test tests[] = {
	{ "PID 1 as parent, and the run as PID 1", pid_1_as_parent },
	{ "a subreaper in between", a_subreaper_in_between },
	{ "already orphaned at the start: refused", orphaned_at_the_start },
	{ "orphaned in the sweep before the run: refused", orphaned_in_the_first_sweep },
	{ "the agent killed while the run waits", killed_while_waiting },
	{ "the agent killed while the run stops", killed_while_stopping },
	{ NULL, NULL },
};
TEST_SUITE(run_parents, tests);
