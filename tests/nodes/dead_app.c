#include "nodes/dead_app.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"

#define IMAGE_FILE BUILD_DIR "/ci-janitor-image.tar"

int dead_app_set_up(void)
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

void must_run(const char *command)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "%s", command);
	CHECK_STATUS(&result, 0);
}

void name_app(const char *app, const char *manner, const char *network)
{
	setenv("APP", app, 1);
	setenv("MANNER", manner, 1);
	setenv("NETWORK", network, 1);
	setenv("APP_IMAGE", swarm_image(), 1);
}

bool deploy_and_die(const char *manner, const char *network)
{
	name_app("shop", manner, network);
	return swarm_dead_run_of("shop", "", "own=com.docker.stack.namespace=$APP\n" DEPLOY);
}

void sweep_says(int status, const char *part)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, NULL, SWEEP_MS, JANITOR " sweep");
	CHECK_STATUS(&result, status);
	if (part && !strstr(result.output, part))
		CHECK_TEXT(result.output, part);
}

bool has_no_job(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	(void)data;
	run_command(&result, "set -e\n"
			     "docker -H $NODE1 service ls -q --filter label=ci-janitor.job\n"
			     "docker -H $NODE1 ps -aq --filter label=ci-janitor.job\n"
			     "docker -H $NODE2 ps -aq --filter label=ci-janitor.job");
	return result.status == 0 && !*result.output;
}

bool has_left(void *data)
{
	char *objects = node_objects(2, data);
	bool left = !*objects;

	free(objects);
	return left;
}

/* A worker's part of an overlay that is gone is its engine's matter; that may take a while. */
void check_gone_from_node_2(const char *prefix)
{
	char *objects = node_objects(2, prefix);

	CU_ASSERT_PTR_NULL(strstr(objects, "volume"));
	CU_ASSERT_PTR_NULL(strstr(objects, "container"));
	free(objects);
	CU_ASSERT_TRUE(wait_until(has_left, (void *)(uintptr_t)prefix, 20000));
}

void sweep_to_the_end(void)
{
	sweep_says(0, NULL);
	check_gone_from_node_2("shop");
	CHECK_NODE(1, "shop", "");
	CHECK_OBJECTS("shop", "");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	/* The engine takes a moment to end the task. */
	CU_ASSERT_TRUE(wait_until(has_no_job, NULL, 20000));
}

static bool has_job_task(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	(void)data;
	run_command(&result, "docker -H $NODE2 ps -q --filter label=ci-janitor.job");
	return result.status == 0 && *result.output;
}

void sweep_until_job(struct process *sweep)
{
	process_start(sweep, "exec " JANITOR " sweep");
	CU_ASSERT_TRUE(wait_until(has_job_task, NULL, 60000));
}
