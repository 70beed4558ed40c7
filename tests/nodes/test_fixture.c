/* The swarm of the other tests is one: what happens to a node is what they think. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "nodes/fixture.h"

static void must_run(const char *command)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "%s", command);
	CHECK_STATUS(&result, 0);
}

static void deploy_everywhere(const char *name)
{
	setenv("NAME", name, 1);
	setenv("IMAGE", swarm_image(), 1);
	must_run("docker network create -d overlay ${NAME}_net\n"
		 "docker service create --no-resolve-image --name ${NAME}_web --mode global"
		 " --network ${NAME}_net --mount type=volume,source=${NAME}_data,target=/data"
		 " $IMAGE");
}

static char *boot_id(int node)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "%s cat /proc/sys/kernel/random/boot_id", node_inside(node));
	CHECK_NUMBER(result.status, 0);
	return strdup(result.output);
}

#define ALL_OF_SHOP "container shop_web\nnetwork shop_net\nvolume shop_data\n"

/* A manager and a worker: each has its own containers and volumes. */
static void test_two_nodes(void)
{
	deploy_everywhere("shop");
	CHECK_NODE(1, "shop", ALL_OF_SHOP);
	CHECK_NODE(2, "shop", ALL_OF_SHOP);
}

static void test_cut_and_pause(void)
{
	CHECK_NUMBER(node_do(2, "cut"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "down"));
	CHECK_NODE(2, "shop", ALL_OF_SHOP);
	CHECK_NUMBER(node_do(2, "mend"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
	CHECK_NUMBER(node_do(2, "pause-node"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "down"));
	CHECK_NUMBER(node_do(2, "resume-node"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
}

static bool has_container(void *data)
{
	char *objects = node_objects(2, "shop");
	bool found = has_line(objects, "container shop_web");

	(void)data;
	free(objects);
	return found;
}

static void test_power_failure(void)
{
	char *before = boot_id(2), *after;

	CHECK_NUMBER(node_do(2, "kill-node"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "down"));
	CHECK_NUMBER(node_do(2, "boot-node"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
	after = boot_id(2);
	CU_ASSERT_TRUE(*before && *after && strcmp(before, after) != 0);
	CU_ASSERT_TRUE(wait_until(has_container, NULL, 60000));
	free(before);
	free(after);
}

static void test_three_managers(void)
{
	must_run("[ $(docker -H $NODE3 node ls --format '{{.ManagerStatus}}' |"
		 " grep -c 'Leader\\|Reachable') = 3 ]");
	CHECK_NUMBER(node_do(1, "cut"), 0);
	/* A new leader is elected without it. */
	must_run("for try in $(seq 60); do\n"
		 "	echo | docker -H $NODE2 config create after - && exit; sleep 0.5; done; "
		 "exit 1");
	CHECK_NUMBER(node_do(1, "mend"), 0);
	must_run("for try in $(seq 60); do\n"
		 "	docker -H $NODE1 config rm after && exit; sleep 0.5; done; exit 1");
}

static const struct test tests[] = {
	{ "each node has its own containers and volumes", test_two_nodes },
	{ "a node without its cables, and one that is paused, is down for a while",
	  test_cut_and_pause },
	{ "a node whose power fails comes back with another boot id", test_power_failure },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes_fixture, tests, nodes_set_up, nodes_tear_down);

static const struct test managers[] = {
	{ "three managers do without one", test_three_managers },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes_fixture_managers, managers, nodes_set_up_managers, nodes_tear_down);
