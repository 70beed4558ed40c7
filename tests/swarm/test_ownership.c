/* Which of a real engine's objects are an app's, and which are not. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

static void sweep(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static void test_labelled_objects(const char *label)
{
	char what[1024];

	snprintf(what, sizeof(what),
		 "docker network create --label %s=shop shop_default\n"
		 "docker volume create --label %s=shop shop_data\n"
		 "docker run -d --name shop-web-1 --label %s=shop --network shop_default"
		 " -v shop_data:/data -v /anonymous %s stubborn\n"
		 "docker create --name shop-once-1 --label %s=shop -v shop_data:/data %s\n",
		 label, label, label, swarm_image(), label, swarm_image());
	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run_of("shop", "", what));
	sweep();
	/* The anonymous volume has no name that tells: nothing at all may be there. */
	CHECK_NOTHING_LEFT("");
}

static void test_compose(void)
{
	test_labelled_objects("com.docker.compose.project");
}

static void test_own_label(void)
{
	test_labelled_objects("ci-janitor.app");
}

static void test_recorded_stack(void)
{
	struct process run;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_run(&run, "shop.example.org", "storefront", "--stack storefront",
				 swarm_stack_file("stubborn")));
	background_signal(&run, SIGKILL);
	CHECK_NUMBER(process_wait(&run, 60000, NULL), 128 + SIGKILL);
	sweep();
	CHECK_NOTHING_LEFT("");
}

static void test_protected_objects(void)
{
	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run_of(
		"shop", "",
		"own=com.docker.stack.namespace=shop keep=ci-janitor.protect=true\n"
		"docker volume create --label $own shop_cache\n"
		"docker volume create --label $own --label $keep shop_database\n"
		"echo 1 | docker secret create --label $own --label $keep shop_master_key -\n"
		"docker network create --label $own --label $keep shop_backbone\n"
		"docker network create --label $own shop_front\n"));
	sweep();
	CHECK_OBJECTS("", "network shop_backbone\n"
			  "secret shop_master_key\n"
			  "volume shop_database\n");
	CHECK_NUMBER(swarm_tear_down(), 0);
}

/* Names that only look alike: other stacks' objects, with and without labels, and plain ones. */
static void test_neighbours(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *file = swarm_stack_file("stubborn");
	char *before, *after;

	swarm_new_lock_dir();
	run_command(&result,
		    "set -e\n" STACK_DEPLOY " %s shop_2\n" STACK_DEPLOY " %s shop-2\n"
		    "echo 1 | docker secret create shop_2_password_v1 -\n"
		    "echo 1 | docker secret create shop-2_password_v1 -\n"
		    "docker volume create shop\n"
		    "docker volume create shop_data_of_mine\n"
		    "docker network create --driver overlay shop_external\n"
		    "docker run -d --name shop_console %s stubborn\n",
		    file, file, swarm_image());
	CHECK_STATUS(&result, 0);
	CU_ASSERT_TRUE(swarm_wait_for_container("shop_2"));
	CU_ASSERT_TRUE(swarm_wait_for_container("shop-2"));
	before = swarm_objects("");
	CU_ASSERT_TRUE(swarm_dead_run("shop", "stubborn"));
	sweep();
	run_command(&result,
		    JANITOR " run --no-fresh --no-teardown sho -- true && " JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(result.output, "sho: reaped: dead, and the engine has nothing of it"));
	after = swarm_objects("");
	CHECK_TEXT(after, before);
	free(before);
	free(after);
	CHECK_NUMBER(swarm_tear_down(), 0);
}

/* External secrets and configs carry no label, only the stack's name before theirs. */
static void test_external_secrets(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run_of(
		"shop.example.org", "--stack shop_example_org",
		"echo 1 | docker secret create shop_example_org_password_v1 -\n"
		"echo 2 | docker config create shop_example_org_nginx_v3 -\n"
		"echo 3 | docker secret create shop_example_orgy_v1 -\n"
		"echo 4 | docker config create Shop_example_org_nginx -\n"
		"echo 5 | docker secret create shop_example_org_too_key -\n"
		"docker volume create shop_example_org_data\n"
		"docker network create --label ci-janitor.app=shop_example_org_too"
		" other\n"));
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "removed secret shop_example_org_password_v1 "
						     "(name begins with shop_example_org_)"));
	CHECK_OBJECTS("", "config Shop_example_org_nginx\n"
			  "network other\n"
			  "secret shop_example_org_too_key\n"
			  "secret shop_example_orgy_v1\n"
			  "volume shop_example_org_data\n");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	CHECK_NUMBER(swarm_tear_down(), 0);
}

/* Co-op Cloud: the stack is the domain with underscores, and the app has an .env file beside
 * others'.
 */
static void test_files(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char config[600], env[600], other[600];
	const char *dir = temp_dir();
	FILE *file;

	snprintf(config, sizeof(config), "%s/files.conf", dir);
	snprintf(env, sizeof(env), "%s/servers/one/shop.example.org.env", dir);
	snprintf(other, sizeof(other), "%s/servers/one/shop2.example.org.env", dir);
	file = fopen(config, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "[app]\nstack_name = co-op-cloud\nfiles = %s/servers/*/{app}.env\n", dir);
	fclose(file);
	run_command(&result, "mkdir -p %s/servers/one && touch %s %s", dir, env, other);
	CHECK_STATUS(&result, 0);
	swarm_new_lock_dir();
	CU_ASSERT_TRUE(
		swarm_dead_run_of("shop.example.org", "",
				  "echo 1 | docker secret create shop_example_org_password_v1 -\n"
				  "docker volume create --label com.docker.stack.namespace="
				  "shop_example_org shop_example_org_data\n"));
	run_command(&result, JANITOR " -c %s --json sweep --dry-run", config);
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "{\"kind\":\"file\",\"outcome\":\"planned\""));
	CU_ASSERT(access(env, F_OK) == 0);
	run_command(&result, JANITOR " -c %s sweep", config);
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "removed file "));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "/servers/*/{app}.env)"));
	CU_ASSERT(access(env, F_OK) < 0);
	CU_ASSERT(access(other, F_OK) == 0);
	/* Made before the run, by nobody who is known to be dead: the start spares it, the end not.
	 */
	run_command(&result, "touch %s && " JANITOR " -c %s run shop.example.org -- test -e %s",
		    env, config, env);
	CHECK_STATUS(&result, 0);
	CU_ASSERT(access(env, F_OK) < 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static const struct test tests[] = {
	{ "an app's files go after its objects", test_files },
	{ "external secrets and configs go by the stack's name", test_external_secrets },
	{ "compose's containers, networks and volumes", test_compose },
	{ "plain objects with ci-janitor.app", test_own_label },
	{ "a recorded stack name that differs from the app's", test_recorded_stack },
	{ "the protect label keeps", test_protected_objects },
	{ "neighbours shop_2, shop-2 and plain objects stay; a lock without objects",
	  test_neighbours },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_ownership, tests, swarm_set_up, swarm_tear_down);
