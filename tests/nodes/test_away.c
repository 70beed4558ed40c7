/* Whatever happens to the node and to the janitor amidst a round. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "nodes/dead_app.h"

/* The node is away from amidst the job until the app is to live again. */
static void away_in_mid_job(const char *leave, const char *come_back)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	CLEANUP_COMMAND struct command_result before = { 0 };
	struct process sweep, run;

	swarm_new_lock_dir();
	must_run("rm -f $BASE/alive");
	CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
	sweep_until_job(&sweep);
	CHECK_NUMBER(node_do(2, leave), 0);
	CHECK_NUMBER(process_wait(&sweep, SWEEP_MS, &result), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "node2"));
	CHECK_NUMBER(swarm_lockfiles(), 1);
	process_start(&run, "exec " JANITOR " run shop -- sh -c '"
			    "own=com.docker.stack.namespace=shop\n" DEPLOY
			    "touch $BASE/alive; sleep 300'");
	sleep(2);
	CHECK_NUMBER(node_do(2, come_back), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
	/* The service is there on both nodes. */
	must_run("for try in $(seq 250); do [ -e $BASE/alive ] && exit; sleep 0.2; done; exit 1");
	run_command(&before, "docker -H $NODE2 volume inspect shop_data");
	CHECK_STATUS(&before, 0);
	sleep(3);
	run_command(&result, "docker -H $NODE2 volume inspect shop_data");
	CHECK_TEXT(result.output, before.output);
	CHECK_NODE(2, "shop", "container shop_web\nvolume shop_data\n");
	background_signal(&run, SIGTERM);
	CHECK_NUMBER(process_wait(&run, SWEEP_MS, &result), 143);
	sweep_to_the_end();
}

/* All that runs there stops, the engine included. */
static void test_paused_in_mid_job(void)
{
	away_in_mid_job("pause-node", "resume-node");
}

/* The task carries out what it was told, and can't say so. */
static void test_engine_paused_in_mid_job(void)
{
	away_in_mid_job("pause-engine", "resume-engine");
}

static void test_cut_in_mid_job(void)
{
	away_in_mid_job("cut", "mend");
}

/* A run that lives while its node is away keeps what it has there, whatever is reaped. */
static void test_paused_in_mid_run(void)
{
	CLEANUP_COMMAND struct command_result before = { 0 };
	CLEANUP_COMMAND struct command_result after = { 0 };
	struct process live;

	swarm_new_lock_dir();
	name_app("shop-live", "polite", "host");
	process_start(&live, "exec " JANITOR " run shop-live -- sh -c '"
			     "own=com.docker.stack.namespace=shop-live\n" DEPLOY "sleep 300'");
	CU_ASSERT_TRUE(swarm_wait_for_container("shop-live"));
	CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
	run_command(&before, "docker -H $NODE2 volume inspect shop-live_data");
	CHECK_STATUS(&before, 0);
	CHECK_NUMBER(node_do(2, "pause-node"), 0);
	sweep_says(1, "unable to clean node node2");
	CHECK_NUMBER(node_do(2, "resume-node"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
	sweep_says(0, NULL);
	run_command(&after, "docker -H $NODE2 volume inspect shop-live_data");
	CHECK_TEXT(after.output, before.output);
	CU_ASSERT_TRUE(process_is_running(&live));
	background_signal(&live, SIGTERM);
	CHECK_NUMBER(process_wait(&live, SWEEP_MS, NULL), 143);
	sweep_to_the_end();
}

static void test_rebooted_in_mid_reap(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process sweep;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
	sweep_until_job(&sweep);
	CHECK_NUMBER(node_do(2, "kill-node"), 0);
	(void)process_wait(&sweep, SWEEP_MS, &result);
	if (result.status != 0)
		CHECK_NUMBER(swarm_lockfiles(), 1);
	CHECK_NUMBER(node_do(2, "boot-node"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
	sweep_to_the_end();
}

static void test_janitor_killed(void)
{
	static const int signals[] = { SIGKILL, SIGTERM };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct process sweep;

		swarm_new_lock_dir();
		CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
		sweep_until_job(&sweep);
		background_signal(&sweep, signals[i]);
		(void)process_wait(&sweep, 10000, NULL);
		CHECK_NUMBER(swarm_lockfiles(), 1);
		sweep_to_the_end();
	}
}

/* What the swarm shows of a round's steps, as a shell's condition. $first: the first job's service.
 */
static const char *const steps[] = {
	/* the app's service is gone, the look at the other node is about to come */
	"[ -z \"$(docker service ls -q --filter name=shop)\" ]",
	"[ -n \"$(docker service ls -q --filter label=ci-janitor.job)\" ]",
	/* it has reported */
	"docker service logs $(docker service ls -q --filter label=ci-janitor.job) 2>&1 |"
	" grep -q '\"end\"'",
	/* a job has orders, and has reported */
	"[ -n \"$(docker -H $NODE2 ps -aq --filter label=ci-janitor.job=$HASH)\" ]",
	"docker -H $NODE2 logs $(docker -H $NODE2 ps -aq --filter label=ci-janitor.job=$HASH) 2>&1 "
	"|"
	" grep -q '\"end\"'",
};

/* At any step: what was begun is ended by the next sweep. A janitor may be done before the step was
 * seen. */
static void test_janitor_killed_at_each_step(void)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		struct process sweep;

		swarm_new_lock_dir();
		CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
		setenv("STEP", steps[i], 1);
		process_start(&sweep, "exec " JANITOR " sweep");
		run_command(&result,
			    "HASH=$(printf shop | sha256sum | cut -c1-32)\n"
			    "while kill -0 %d 2>/dev/null; do\n"
			    "	eval \"$STEP\" 2>/dev/null && exit; done; exit 1",
			    sweep.pid);
		printf("%s ", result.status ? "late" : "killed");
		(void)background_signal(&sweep, SIGKILL);
		(void)process_wait(&sweep, 10000, NULL);
		sweep_to_the_end();
	}
}

static const struct test tests[] = {
	{ "paused in mid-job, awake when the app lives again", test_paused_in_mid_job },
	{ "its engine paused in mid-job, likewise", test_engine_paused_in_mid_job },
	{ "cut off in mid-job, likewise", test_cut_in_mid_job },
	{ "paused in mid-run: what the run has there stays", test_paused_in_mid_run },
	{ "its power fails in mid-reap", test_rebooted_in_mid_reap },
	{ "the janitor killed at each step of a round", test_janitor_killed_at_each_step },
	{ "the janitor killed, and told to stop, in mid-job", test_janitor_killed },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes_away, tests, dead_app_set_up, nodes_tear_down);
