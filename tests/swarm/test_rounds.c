/* Apps are deployed, their runs killed at random moments, sweeps run and are killed meanwhile: in
 * the end nothing may be left, and nothing may come back. ROUNDS=500 in the environment for more of
 * it, SEED=N for the same again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

#define APPS 5 /* at once; each counts as a round */
#define DEFAULT_ROUNDS 10
#define DEPLOYED_MS 2500 /* deaths come within this time: before, in and after the deployment */
/* Longer than the program gives itself (teardown_timeout and kill_grace, [reap] timeout). */
#define END_MS 300000
#define PATIENCE_MS 300000 /* ... in which sweep after sweep changes nothing */

static unsigned seed;
static int leaks;

static unsigned pick(unsigned below)
{
	return (unsigned)rand_r(&seed) % below;
}

static int from_environment(const char *name, int otherwise)
{
	const char *value = getenv(name);

	return value && *value ? atoi(value) : otherwise;
}

static void start_app(struct process *run, int app)
{
	static const char *const manners[] = { "polite", "stubborn", "stubborn", "crash" };
	static const char *const options[] = { "", "", "--no-teardown", "--kill-grace 1s" };

	process_start(run,
		      "exec " JANITOR " run %s round%d -- sh -c '" STACK_DEPLOY
		      " %s round%d && sleep 600'",
		      options[pick(4)], app, swarm_stack_file(manners[pick(4)]), app);
}

/* One death, or one janitor's short life. */
static void something_happens(struct process *runs, bool *dead, int *left)
{
	int app = (int)pick(APPS);

	usleep(pick(2 * DEPLOYED_MS * 1000 / (2 * APPS)));
	if (!pick(3)) {
		struct process sweep;

		process_start(&sweep, "exec " JANITOR " sweep");
		usleep(pick(600000));
		background_signal(&sweep, pick(2) ? SIGKILL : SIGTERM);
		CU_ASSERT_TRUE(process_wait(&sweep, END_MS, NULL) >= 0);
		return;
	}
	if (dead[app])
		return;
	background_signal(&runs[app], pick(4) ? SIGKILL : SIGTERM);
	dead[app] = true;
	(*left)--;
}

static bool sweeps_clean(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, NULL, END_MS, JANITOR " sweep");
	return result.status == 0 && swarm_lockfiles() == 0;
}

/* Sweeps until nothing is left to do, as long as the sweeps get anywhere. */
static bool is_forgotten(void)
{
	char *before = NULL;
	int64_t since = now_ms();
	bool clean;

	while (!(clean = sweeps_clean()) && now_ms() - since < PATIENCE_MS) {
		char *left = swarm_objects("round");

		if (!before || strcmp(before, left) != 0)
			since = now_ms();
		free(before);
		before = left;
	}
	free(before);
	return clean;
}

static void check_nothing_left(const char *when)
{
	char *objects = swarm_objects("round");

	if (*objects) {
		leaks++;
		fprintf(stderr, "\nleft %s:\n%s", when, objects);
	}
	CHECK_TEXT(objects, "");
	free(objects);
}

static void play(void)
{
	struct process runs[APPS];
	bool dead[APPS] = { false };
	int left = APPS;

	for (int i = 0; i < APPS; i++)
		start_app(&runs[i], i);
	while (left)
		something_happens(runs, dead, &left);
	for (int i = 0; i < APPS; i++)
		CU_ASSERT_TRUE(process_wait(&runs[i], END_MS, NULL) > 0);
	CU_ASSERT_TRUE(is_forgotten());
	check_nothing_left("after the sweep");
	usleep(400000);
	check_nothing_left("a moment later");
}

static void test_rounds(void)
{
	int rounds = from_environment("ROUNDS", DEFAULT_ROUNDS), played = 0;

	seed = (unsigned)from_environment("SEED", (int)time(NULL) ^ getpid());
	printf("(SEED=%u ", seed);
	fflush(stdout);
	swarm_new_lock_dir();
	for (; played < rounds && leaks == 0; played += APPS)
		play();
	printf("%d rounds, %d leaks) ", played, leaks);
}

static const struct test tests[] = {
	{ "random deaths of runs and janitors leave nothing", test_rounds },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_rounds, tests, swarm_set_up, swarm_tear_down);
