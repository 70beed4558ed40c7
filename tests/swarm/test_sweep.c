/* `ci-janitor sweep` on a real engine: the dead go, the living stay. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

#define SWEEP_LIMIT_MS 15000 /* the graceful path would take as long */
#define SWEEPERS 8

static void test_dead_run_is_swept(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("shop", "stubborn"));
	CHECK_OBJECTS("shop", "config shop_settings\n"
			      "container shop_web.1\n"
			      "network shop_back\n"
			      "secret shop_token\n"
			      "service shop_web\n"
			      "volume shop_data\n");
	run_command(&result, JANITOR " status shop");
	CHECK_STATUS(&result, 2);

	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	printf("(%lld ms) ", (long long)result.took_ms);
	CU_ASSERT_TRUE(result.took_ms < SWEEP_LIMIT_MS);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	run_command(&result, JANITOR " status shop");
	CHECK_STATUS(&result, 3);
}

/* What would change if the app were as much as touched. */
static char *identities(const char *app)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result,
		    "docker service ls -q --no-trunc --filter name=%s\n"
		    "docker ps -aq --no-trunc --filter name=%s\n"
		    "docker network inspect %s_back --format '{{.Id}}'\n"
		    "docker volume inspect %s_data --format '{{.CreatedAt}}'\n",
		    app, app, app, app);
	return strdup(result.status ? result.errors : result.output);
}

static void test_live_run_is_never_touched(void)
{
	struct process run, sweepers[SWEEPERS];
	char *before, *after;
	int reapers = 0;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_run(&run, "alive", "alive", "", swarm_stack_file("stubborn")));
	before = identities("alive");
	CU_ASSERT_TRUE(swarm_dead_run("departed", "stubborn"));
	for (int i = 0; i < SWEEPERS; i++)
		process_start(&sweepers[i],
			      "for i in 1 2 3 4 5 6 7 8 9 10; do " JANITOR " sweep || exit; done");
	for (int i = 0; i < SWEEPERS; i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };

		process_wait(&sweepers[i], 180000, &result);
		CHECK_STATUS(&result, 0);
		reapers += strstr(result.output, "departed: reaped") != NULL;
	}
	CHECK_NUMBER(reapers, 1);
	after = identities("alive");
	CHECK_TEXT(after, before);
	CHECK_NOTHING_LEFT("departed");
	CU_ASSERT_TRUE(process_is_running(&run));
	CHECK_NUMBER(swarm_lockfiles(), 1);
	background_signal(&run, SIGTERM);
	CHECK_NUMBER(process_wait(&run, 60000, NULL), 143);
	CHECK_NOTHING_LEFT("");
	free(before);
	free(after);
}

/* "KIND NAME", sorted, of the lines that say so; task containers by their slot, as swarm_objects.
 */
static char *objects_of(const char *output, const char *said)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, output, COMMAND_TIMEOUT_MS,
			 "sed -n 's/^[^ ]*: %s \\([a-z]* [^ ]*\\).*/\\1/p' |"
			 " sed 's/^\\(container .*\\.[0-9][0-9]*\\)\\.[a-z0-9]*$/\\1/' |"
			 " LC_ALL=C sort",
			 said);
	return strdup(result.output);
}

static void test_dry_run_says_what_goes(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *there, *planned, *removed;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("plan", "stubborn"));
	there = swarm_objects("");
	run_command(&result, JANITOR " sweep --dry-run");
	CHECK_STATUS(&result, 0);
	planned = objects_of(result.output, "would remove");
	CHECK_TEXT(planned, there);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(result.output, "1 lock: 0 live, 1 would be reaped (6 objects), 0 left"));
	CHECK_OBJECTS("", there);
	CHECK_NUMBER(swarm_lockfiles(), 1);

	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	removed = objects_of(result.output, "removed");
	CHECK_TEXT(removed, planned);
	CHECK_NOTHING_LEFT("");
	free(there);
	free(planned);
	free(removed);
}

static void test_several_dead_at_once(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("one", "stubborn"));
	CU_ASSERT_TRUE(swarm_dead_run("two", "polite"));
	CU_ASSERT_TRUE(swarm_dead_run("three-3", "stubborn"));
	CHECK_NUMBER(swarm_lockfiles(), 3);
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static bool is_forgotten(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	(void)data;
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	return swarm_lockfiles() == 0;
}

/* The run dies while it deploys, at another moment in each round. What the engine had begun then
 * must not come up later. */
static void test_death_while_deploying(void)
{
	const char *file = swarm_stack_file("stubborn");

	swarm_new_lock_dir();
	for (unsigned round = 0; round < 16; round++) {
		struct process run;

		process_start(&run,
			      "exec " JANITOR " run racer -- sh -c '" STACK_DEPLOY
			      " %s racer && sleep 600'",
			      file);
		usleep(100000 + round * 60000);
		background_signal(&run, SIGKILL);
		CHECK_NUMBER(process_wait(&run, 60000, NULL), 128 + SIGKILL);
		/* The first sweep may find the fresh start's own child still at work. */
		CU_ASSERT_TRUE(wait_until(is_forgotten, NULL, 60000));
		CHECK_NOTHING_LEFT("");
		usleep(400000);
		CHECK_NOTHING_LEFT("");
	}
}

static const struct test tests[] = {
	{ "a dead run is removed, verified and forgotten", test_dead_run_is_swept },
	{ "a live run is never touched, a dead one reaped once, by 8 sweepers",
	  test_live_run_is_never_touched },
	{ "a dry run says exactly what then goes", test_dry_run_says_what_goes },
	{ "several dead runs at once", test_several_dead_at_once },
	{ "death in the middle of a deployment, 16 rounds", test_death_while_deploying },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_sweep, tests, swarm_set_up, swarm_tear_down);
