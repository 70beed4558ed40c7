/* `ci-janitor run` on a real engine: its clean start and its teardown. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

#define RUN_END_MS 60000

static void deploy_and_end(int status)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	run_command(&result, JANITOR " run ended -- sh -c '" STACK_DEPLOY " %s ended && exit %d'",
		    swarm_stack_file("stubborn"), status);
	CHECK_STATUS(&result, status);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static void test_end_tears_down(void)
{
	deploy_and_end(0);
}

static void test_failure_tears_down(void)
{
	deploy_and_end(3);
}

static void test_sigterm_tears_down(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_run(&run, "told", "told", "", swarm_stack_file("stubborn")));
	background_signal(&run, SIGTERM);
	process_wait(&run, RUN_END_MS, &result);
	CHECK_STATUS(&result, 143);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static void test_fresh_start(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("again", "stubborn"));
	run_command(&result,
		    JANITOR " run again -- sh -c 'docker service ls -q; docker ps -aq;"
			    " docker volume ls -q; docker secret ls -q; docker config ls -q'");
	CHECK_STATUS(&result, 0);
	CHECK_TEXT(result.output, "");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

/* The cold janitor: what other apps' dead runs left is gone before CMD starts. */
static void test_sweep_first(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("cold", "stubborn"));
	run_command(&result, JANITOR " run warm --sweep -- docker service ls -q");
	CHECK_STATUS(&result, 0);
	CHECK_TEXT(result.output, "");
	CU_ASSERT_TRUE(strstr(result.errors, "cold") != NULL);
	CHECK_NOTHING_LEFT("cold");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static void test_no_teardown_leaves_it_to_the_sweep(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *objects;

	swarm_new_lock_dir();
	run_command(&result,
		    JANITOR " run later --no-teardown -- sh -c '" STACK_DEPLOY " %s later'",
		    swarm_stack_file("stubborn"));
	CHECK_STATUS(&result, 0);
	objects = swarm_objects("later");
	CU_ASSERT_TRUE(has_line(objects, "service later_web"));
	free(objects);
	CHECK_NUMBER(swarm_lockfiles(), 1);
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static bool is_reaping(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	(void)data;
	run_command(&result, JANITOR " status queued");
	return !strncmp(result.output, "reaping", strlen("reaping"));
}

/* With the engine stopped in its tracks the reap lasts until we say so. */
static void test_run_waits_behind_a_reap(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process reap, run;
	struct stat before;
	int fd;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("queued", "stubborn"));
	/* Kept open, so that its inode's number can't be given to the next lockfile. */
	fd = open(swarm_lockfile("queued"), O_RDONLY | O_CLOEXEC);
	CU_ASSERT_TRUE_FATAL(fd >= 0 && !fstat(fd, &before));

	CHECK_NUMBER(swarm_engine("pause-engine"), 0);
	process_start(&reap, "exec " JANITOR " reap queued");
	CU_ASSERT_TRUE(wait_until(is_reaping, NULL, RUN_END_MS));
	/* A janitor is not another run: even this one waits for it. */
	process_start(&run, "exec " JANITOR " run --if-held=fail queued --"
			    " sh -c 'stat -c %%i \"$CI_APP_LOCK\"; docker service ls -q'");
	usleep(300000);
	CU_ASSERT_TRUE(process_is_running(&reap));
	CU_ASSERT_TRUE(process_is_running(&run));
	CHECK_NUMBER(swarm_engine("resume-engine"), 0);

	process_wait(&reap, RUN_END_MS, &result);
	CHECK_STATUS(&result, 0);
	process_wait(&run, RUN_END_MS, &result);
	CHECK_STATUS(&result, 0);
	/* One line, its lockfile's inode: no service was there when the command started. */
	CU_ASSERT_TRUE(strtoull(result.output, NULL, 10) > 0);
	CU_ASSERT_TRUE(strtoull(result.output, NULL, 10) != before.st_ino);
	CU_ASSERT_PTR_EQUAL(strchr(result.output, '\n'), strrchr(result.output, '\n'));
	close(fd);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static const struct test tests[] = {
	{ "a command's end tears its app down", test_end_tears_down },
	{ "a command's failure tears its app down and keeps its status", test_failure_tears_down },
	{ "SIGTERM tears down, 143", test_sigterm_tears_down },
	{ "a run clears away what a dead one left", test_fresh_start },
	{ "--sweep reaps the others first", test_sweep_first },
	{ "--no-teardown leaves everything to the sweep", test_no_teardown_leaves_it_to_the_sweep },
	{ "a run waits behind a reap and gets a new lockfile", test_run_waits_behind_a_reap },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_runs, tests, swarm_set_up, swarm_tear_down);
