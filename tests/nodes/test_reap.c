/* What dead apps have on another node: by a job of ours there, whatever happens to the node, to the
 * job and to the janitor meanwhile. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "nodes/fixture.h"

#define IMAGE_FILE BUILD_DIR "/ci-janitor-image.tar"
#define SWEEP_MS 120000

static int set_up(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	if (nodes_set_up())
		return -1;
	setenv("IMAGE_FILE", IMAGE_FILE, 1);
	if (run_command(&result,
			"set -e\n"
			"docker -H $NODE1 import $IMAGE_FILE ci-janitor:test >/dev/null\n"
			"docker -H $NODE1 save ci-janitor:test | docker -H $NODE2 load >/dev/null\n"
			"id=$(docker -H $NODE1 image inspect -f '{{.Id}}' ci-janitor:test)\n"
			"printf '[engine]\\nimage = %%s\\n' $id >$BASE/nodes.conf\n"
			"echo $BASE/nodes.conf")) {
		fprintf(stderr, "unable to set up ci-janitor's image: %s\n", result.errors);
		return -1;
	}
	result.output[strcspn(result.output, "\n")] = '\0';
	setenv("CI_JANITOR_CONFIG", result.output, 1);
	return 0;
}

static void must_run(const char *command)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "%s", command);
	CHECK_STATUS(&result, 0);
}

/* On both nodes: a container, and a volume. $APP; $NETWORK: an overlay of its own, or "host"
 * (Docker 20.10 loses overlays of nodes that were paused or killed). */
#define DEPLOY                                                                                     \
	"[ $NETWORK = host ] ||"                                                                   \
	" docker network create -d overlay --label $own $NETWORK >/dev/null\n"                     \
	"docker service create -q --no-resolve-image --name ${APP}_web --mode global"              \
	" --label $own --container-label $own --network $NETWORK"                                  \
	" --mount type=volume,source=${APP}_data,target=/data,volume-label=$own"                   \
	" $APP_IMAGE $MANNER >/dev/null\n"

static void name_app(const char *app, const char *manner, const char *network)
{
	setenv("APP", app, 1);
	setenv("MANNER", manner, 1);
	setenv("NETWORK", network, 1);
	setenv("APP_IMAGE", swarm_image(), 1);
}

static bool deploy_and_die(const char *manner, const char *network)
{
	name_app("shop", manner, network);
	return swarm_dead_run_of("shop", "", "own=com.docker.stack.namespace=$APP\n" DEPLOY);
}

static void sweep_says(int status, const char *part)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, NULL, SWEEP_MS, JANITOR " sweep");
	CHECK_STATUS(&result, status);
	if (part && !strstr(result.output, part))
		CHECK_TEXT(result.output, part);
}

static bool has_no_job(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	(void)data;
	run_command(&result, "set -e\n"
			     "docker -H $NODE1 service ls -q --filter label=ci-janitor.job\n"
			     "docker -H $NODE1 ps -aq --filter label=ci-janitor.job\n"
			     "docker -H $NODE2 ps -aq --filter label=ci-janitor.job");
	return result.status == 0 && !*result.output;
}

static bool has_left(void *data)
{
	char *objects = node_objects(2, data);
	bool left = !*objects;

	free(objects);
	return left;
}

/* A worker's part of an overlay that is gone is its engine's matter; that may take a while. */
static void check_gone_from_node_2(const char *prefix)
{
	char *objects = node_objects(2, prefix);

	CU_ASSERT_PTR_NULL(strstr(objects, "volume"));
	CU_ASSERT_PTR_NULL(strstr(objects, "container"));
	free(objects);
	CU_ASSERT_TRUE(wait_until(has_left, (void *)(uintptr_t)prefix, 20000));
}

static void sweep_to_the_end(void)
{
	sweep_says(0, NULL);
	check_gone_from_node_2("shop");
	CHECK_NODE(1, "shop", "");
	CHECK_OBJECTS("shop", "");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	/* The engine takes a moment to end the task. */
	CU_ASSERT_TRUE(wait_until(has_no_job, NULL, 20000));
}

static void test_both_nodes(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(deploy_and_die("stubborn", "shop_net"));
	CHECK_NODE(2, "shop", "container shop_web\nnetwork shop_net\nvolume shop_data\n");
	run_command(&result, JANITOR " sweep --dry-run");
	CHECK_STATUS(&result, 0);
	CHECK_NODE(2, "shop", "container shop_web\nnetwork shop_net\nvolume shop_data\n");
	run_command(&result, JANITOR " sweep");
	printf("(%lld ms) ", (long long)result.took_ms);
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output,
				      "removed volume shop_data (com.docker.stack.namespace=shop, "
				      "on node node2)"));
	CU_ASSERT_TRUE(result.took_ms < 30000);
	sweep_to_the_end();
}

/* The service is gone, and the swarm knows of nothing any more; but the volume is there. */
static void test_only_a_volume(void)
{
	swarm_new_lock_dir();
	CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
	must_run(
		"docker service rm shop_web\n"
		"until docker -H $NODE2 volume rm shop_data; do sleep 0.2; done\n"
		"docker -H $NODE2 volume create --label com.docker.stack.namespace=shop shop_data\n"
		"until docker volume rm shop_data; do sleep 0.2; done");
	sweep_says(0, "removed volume shop_data");
	sweep_to_the_end();
}

/* A live app on both nodes, and what is called almost so. */
static void test_neighbours(void)
{
	struct process live;
	char *before, *after;

	swarm_new_lock_dir();
	name_app("shop-live", "polite", "shop-live_net");
	process_start(&live, "exec " JANITOR " run shop-live -- sh -c '"
			     "own=com.docker.stack.namespace=shop-live\n" DEPLOY "sleep 300'");
	CU_ASSERT_TRUE(swarm_wait_for_container("shop-live"));
	must_run("export DOCKER_HOST=$NODE2\n"
		 "docker volume create shop_unlabelled\n"
		 "docker volume create --label com.docker.stack.namespace=shop2 shop2_data\n"
		 "docker volume create --label ci-janitor.protect=true"
		 " --label com.docker.stack.namespace=shop shop_kept\n"
		 "docker volume create --label com.docker.stack.namespace=Shop Shop_data\n"
		 "docker run -d --name shop_own $APP_IMAGE");
	before = node_objects(2, "");
	CU_ASSERT_TRUE(deploy_and_die("stubborn", "shop_net"));
	sweep_says(0, "removed volume shop_data");
	CU_ASSERT_TRUE(wait_until(has_no_job, NULL, 20000));
	CU_ASSERT_TRUE(wait_until(has_left, (void *)(uintptr_t) "shop_net", 20000));
	after = node_objects(2, "");
	CHECK_TEXT(after, before);
	CU_ASSERT_TRUE(process_is_running(&live));
	background_signal(&live, SIGTERM);
	CHECK_NUMBER(process_wait(&live, SWEEP_MS, NULL), 143);
	check_gone_from_node_2("shop-live");
	must_run("docker -H $NODE2 rm -f shop_own; docker -H $NODE2 volume rm shop_unlabelled"
		 " shop2_data shop_kept Shop_data");
	free(before);
	free(after);
	sweep_to_the_end();
}

static void test_node_down(void)
{
	swarm_new_lock_dir();
	CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
	CHECK_NUMBER(node_do(2, "cut"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "down"));
	sweep_says(1, "unable to clean node node2: it is down");
	CHECK_NUMBER(swarm_lockfiles(), 1);
	CHECK_NUMBER(node_do(2, "mend"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
	sweep_to_the_end();
}

static void test_no_image(void)
{
	swarm_new_lock_dir();
	CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
	must_run("docker -H $NODE2 rmi -f ci-janitor:test");
	sweep_says(1, "node2: No such image");
	CHECK_NUMBER(swarm_lockfiles(), 1);
	must_run("docker -H $NODE1 save ci-janitor:test | docker -H $NODE2 load");
	sweep_to_the_end();
}

static bool has_job_task(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	(void)data;
	run_command(&result, "docker -H $NODE2 ps -q --filter label=ci-janitor.job");
	return result.status == 0 && *result.output;
}

static void sweep_until_job(struct process *sweep)
{
	process_start(sweep, "exec " JANITOR " sweep");
	CU_ASSERT_TRUE(wait_until(has_job_task, NULL, 60000));
}

/* All that runs on the node stops amidst the job, the engine included, until the app lives again.
 */
static void test_paused_in_mid_job(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	CLEANUP_COMMAND struct command_result before = { 0 };
	struct process sweep, run;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
	sweep_until_job(&sweep);
	CHECK_NUMBER(node_do(2, "pause-node"), 0);
	CHECK_NUMBER(process_wait(&sweep, SWEEP_MS, &result), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "node2"));
	CHECK_NUMBER(swarm_lockfiles(), 1);
	process_start(&run, "exec " JANITOR " run shop -- sh -c '"
			    "own=com.docker.stack.namespace=shop\n" DEPLOY
			    "touch $BASE/alive; sleep 300'");
	sleep(2);
	CHECK_NUMBER(node_do(2, "resume-node"), 0);
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

/* An order that is carried out late: a volume of that name was made since. */
static void test_late_order(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	must_run(
		"docker -H $NODE2 volume create --label com.docker.stack.namespace=shop shop_data");
	run_command(&result,
		    "node=$(docker -H $NODE2 info -f '{{.Swarm.NodeID}}')\n"
		    "made=$(docker -H $NODE2 volume inspect -f '{{.CreatedAt}}' shop_data)\n"
		    "app=$(printf shop | sha256sum | cut -c1-32)\n"
		    "order() { timeout 2 " JANITOR " -H $NODE2 reap-node"
		    " label/com.docker.stack.namespace app/$app $1 || [ $? = 124 ]; }\n"
		    "order remove/$node/volume/2020-01-01T00:00:00Z/shop_data\n"
		    "order remove/another/volume/$made/shop_data\n"
		    "order remove/$node/volume/$made/shop_data");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "{\"end\":1}\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "{\"end\":1}\n{\"kind\":\"volume\""));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "{\"end\":1}\n{\"end\":0}\n"));
	CHECK_NODE(2, "shop", "");
}

static const struct test tests[] = {
	{ "containers and volumes on both nodes go", test_both_nodes },
	{ "a volume on the other node, of which the swarm knows nothing, goes",
	  test_only_a_volume },
	{ "a live app and neighbours on the other node keep everything", test_neighbours },
	{ "a late order removes nothing that was made since", test_late_order },
	{ "a node that is down is named, and cleaned when it is back", test_node_down },
	{ "a node without the image is named, and cleaned when it has it", test_no_image },
	{ "paused in mid-job, awake when the app lives again", test_paused_in_mid_job },
	{ "its power fails in mid-reap", test_rebooted_in_mid_reap },
	{ "the janitor killed, and told to stop, in mid-job", test_janitor_killed },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes_reap, tests, set_up, nodes_tear_down);
