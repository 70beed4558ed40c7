/* `ci-janitor reap` on a real engine. */
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

static void test_without_a_lockfile(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	run_command(&result, STACK_DEPLOY " %s unlocked", swarm_stack_file("stubborn"));
	CHECK_STATUS(&result, 0);
	CU_ASSERT_TRUE(swarm_wait_for_container("unlocked"));
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_TRUE(swarm_wait_for_container("unlocked"));
	run_command(&result, JANITOR " reap unlocked");
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static void test_of_a_live_run(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;
	char *before;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_run(&run, "busy", "busy", "--holder pipeline-77",
				 swarm_stack_file("stubborn")));
	before = swarm_objects("");
	run_command(&result, JANITOR " reap busy");
	CHECK_STATUS(&result, 75);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "pipeline-77")
				       ?: strstr(result.errors, "pipeline-77"));
	CHECK_OBJECTS("", before);
	CU_ASSERT_TRUE(process_is_running(&run));

	run_command(&result, JANITOR " reap --force busy");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_TRUE(process_wait(&run, 60000, NULL) > 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	free(before);
}

/* A janitor killed at any moment leaves what one more sweep brings to the same end. */
static void test_killed_janitor(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	for (unsigned round = 0; round < 8; round++) {
		struct process sweep;

		CU_ASSERT_TRUE(swarm_dead_run("twice", "stubborn"));
		process_start(&sweep, "exec " JANITOR " sweep");
		usleep(5000 + round * 20000);
		background_signal(&sweep, SIGKILL);
		CU_ASSERT(process_wait(&sweep, 60000, NULL) >= 0);
		run_command(&result, JANITOR " sweep");
		CHECK_STATUS(&result, 0);
		CHECK_NOTHING_LEFT("");
		CHECK_NUMBER(swarm_lockfiles(), 0);
	}
}

static const struct test tests[] = {
	{ "an app without a lockfile, which sweeps leave alone", test_without_a_lockfile },
	{ "a live run is refused, naming its holder, and killed with --force", test_of_a_live_run },
	{ "a janitor killed in mid-reap, 8 rounds", test_killed_janitor },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_reap, tests, swarm_set_up, swarm_tear_down);
