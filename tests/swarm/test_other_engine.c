/* Two engines, one lock directory: each dead app is reaped by the engine where it has its things.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

static void test_two_engines(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *first = strdup(getenv("DOCKER_HOST")), *before, *after;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("here", "polite"));
	if (swarm_second_engine("")) {
		CU_FAIL("no second engine");
		free(first);
		return;
	}
	CU_ASSERT_TRUE(swarm_dead_run("there", "polite"));
	before = swarm_objects("");

	run_command(&result, JANITOR " -H %s sweep", first);
	CHECK_STATUS(&result, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "here: reaped: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, getenv("DOCKER_HOST")));
	CHECK_NUMBER(swarm_lockfiles(), 1);
	run_command(&result, JANITOR " -H %s run there -- true", first);
	CHECK_STATUS(&result, 1);
	after = swarm_objects("");
	CHECK_TEXT(after, before);

	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	swarm_back_to_first();
	CHECK_NOTHING_LEFT("");
	free(first);
	free(before);
	free(after);
}

static const struct test tests[] = {
	{ "of two engines each is asked for what is on it", test_two_engines },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_other_engine, tests, swarm_set_up, swarm_tear_down);
