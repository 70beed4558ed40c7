/* Stacks as real projects publish them (stacks/README.md), all deployed by runs that die, and one
 * sweep. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

#define STACKS SOURCE_DIR "/tests/swarm/stacks"
#define DEPLOYED_MS 180000

/* before: what its users do before they deploy, with $STACK_NAME. */
static const struct stack {
	const char *file;
	const char *app;
	const char *stack;
	unsigned services;
	const char *before;
} stacks[] = {
	{ "elk", "elk", "elk", 4, "" },
	{ "gitlab", "gitlab-mr-7", "gitlab-mr-7", 2, "" },
	{ "minio", "minio", "minio", 4, "" },
	{ "monitoring", "mon", "mon", 5, "" },
	{ "openfaas", "func", "func", 7, "" },
	{ "portainer", "portainer", "portainer", 2, "" },
	{ "swarmpit", "Swarmpit", "Swarmpit", 4, "" },
	{ "traefik", "traefik", "traefik", 1, "" },
	{ "voting", "vote_1", "vote_1", 6, "" },
	{ "wordpress", "blog.example.org", "blog_example_org", 2,
	  "for name in db_password db_root_password; do"
	  " echo hush | docker secret create ${STACK_NAME}_${name}_v1 -; done;" },
};
#define COUNT (sizeof(stacks) / sizeof(stacks[0]))

/* What looks like theirs and is somebody else's. */
static const char neighbours[] =
	"set -e\n"
	"docker network create --driver overlay --attachable traefik-public\n"
	"docker network create --driver overlay proxy\n"
	"for name in access_key secret_key blog_example_org_2_db_password_v1 elk-token; do\n"
	"	echo hush | docker secret create $name -; done\n"
	"docker volume create minio1-data\n"
	"docker volume create vote_10_db-data\n"
	"docker network create func-functions-2\n"
	"docker run -d --name swarmpit_app.1.other $IMAGE\n"
	"for name in $NAMES; do\n"
	"	" STACK_DEPLOY " $FILE $name\n"
	"	echo v1 | docker config create ${name}_php_conf_v1 -; done\n";

static const char *const stacks_beside[] = { "vote_10",	 "vote_1_2",	 "vote-1",
					     "swarmpit", "gitlab-mr-70", "blog_example_org_2" };

/* All of them run, so that the list of objects stays as it is. */
static void make_neighbours(void)
{
	char names[256] = "";

	CLEANUP_COMMAND struct command_result result = { 0 };

	for (size_t i = 0; i < sizeof(stacks_beside) / sizeof(stacks_beside[0]); i++) {
		strcat(names, stacks_beside[i]);
		strcat(names, " ");
	}
	setenv("NAMES", names, 1);
	setenv("IMAGE", swarm_image(), 1);
	setenv("FILE", swarm_stack_file("polite"), 1);
	run_command(&result, "%s", neighbours);
	CHECK_STATUS(&result, 0);
	for (size_t i = 0; i < sizeof(stacks_beside) / sizeof(stacks_beside[0]); i++)
		CU_ASSERT_TRUE(swarm_wait_for_container(stacks_beside[i]));
}

static void start_run(struct process *run, const struct stack *stack)
{
	process_start(run,
		      "export STACK_NAME=%s DOMAIN=%s\n"
		      "exec " JANITOR " run %s -- sh -c '%s " STACK_DEPLOY " " STACKS
		      "/%s.yml $STACK_NAME && sleep 3000'",
		      stack->stack, stack->app, stack->app, stack->before, stack->file);
}

/* All services are there, and some container of the stack has come up. */
static bool is_deployed(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const struct stack *stack = data;

	run_command(&result,
		    "docker service ls -q --filter label=com.docker.stack.namespace=%s | wc -l\n"
		    "docker ps -q --filter label=com.docker.stack.namespace=%s | grep -c .",
		    stack->stack, stack->stack);
	return result.status == 0 && strtoul(result.output, NULL, 10) == stack->services;
}

static void deploy_and_die(void)
{
	struct process runs[COUNT];

	for (size_t i = 0; i < COUNT; i++)
		start_run(&runs[i], &stacks[i]);
	for (size_t i = 0; i < COUNT; i++) {
		char *errors;

		if (wait_until(is_deployed, (void *)(uintptr_t)&stacks[i], DEPLOYED_MS))
			continue;
		errors = process_errors(&runs[i]);
		fprintf(stderr, "\n%s: %s\n", stacks[i].file, errors);
		free(errors);
		CU_FAIL("a stack could not be deployed");
	}
	for (size_t i = 0; i < COUNT; i++)
		background_signal(&runs[i], SIGKILL);
	for (size_t i = 0; i < COUNT; i++)
		CHECK_NUMBER(process_wait(&runs[i], 60000, NULL), 128 + SIGKILL);
}

static void use_config(const char *content)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char path[512];

	snprintf(path, sizeof(path), "%s/test.conf", getenv("CI_JANITOR_LOCK_DIR"));
	run_command_with(&result, content, 1000, "cat >'%s'", path);
	setenv("CI_JANITOR_CONFIG", path, 1);
}

static void test_published_stacks(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *before, *after, *config = strdup(getenv("CI_JANITOR_CONFIG"));

	swarm_new_lock_dir();
	use_config("[app]\nstack_name = co-op-cloud\n");
	make_neighbours();
	before = swarm_objects("");
	deploy_and_die();
	CHECK_NUMBER(swarm_lockfiles(), COUNT);
	run_command_with(&result, NULL, DEPLOYED_MS, JANITOR " sweep");
	printf("(%lld ms) ", (long long)result.took_ms);
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(swarm_lockfiles(), 0);
	after = swarm_objects("");
	CHECK_TEXT(after, before);
	setenv("CI_JANITOR_CONFIG", config, 1);
	free(config);
	free(before);
	free(after);
}

static const struct test tests[] = {
	{ "ten published stacks die together, their neighbours keep everything",
	  test_published_stacks },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_stacks, tests, swarm_set_up, swarm_tear_down);
