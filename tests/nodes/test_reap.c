/* What dead apps have on another node goes, by a job of ours there, and nothing else. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "nodes/dead_app.h"

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

/* More than one round's portion of orders. */
static void test_many_volumes(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(deploy_and_die("polite", "host"));
	must_run("long=$(printf %0200d 0)\n"
		 "seq 400 | xargs -P 4 -I{} docker -H $NODE2 volume create"
		 " --label com.docker.stack.namespace=shop shop_$long{} >/dev/null");
	run_command_with(&result, NULL, SWEEP_MS, JANITOR " sweep");
	printf("(%lld ms) ", (long long)result.took_ms);
	CHECK_STATUS(&result, 0);
	sweep_to_the_end();
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
	{ "400 volumes with long names: more than one portion", test_many_volumes },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes_reap, tests, dead_app_set_up, nodes_tear_down);
