/* Before an object without a label goes because of its name, everybody who could have named it so
 * is known: also an app with nothing but a config, and a run whose lockfile was deleted. The engine
 * here is a table of functions; the locks are real. */
#include <signal.h>
#include <sys/wait.h>

#include "harness/harness.h"
#include "kernel/small_engine.h"

static struct lock_dir dir;

static int set_up(void)
{
	return small_engine_dir(&dir);
}

static int tear_down(void)
{
	lock_dir_close(&dir);
	return 0;
}

/* Reaps the dead app, alone. */
static void reap(const char *app, struct small_engine *engine)
{
	struct reap_target target = { .lock = APP_LOCK_NONE };

	small_engine_reap(&dir, app, &target, engine);
}

static void check_objects(const struct small_engine *engine, bool first, bool second)
{
	CHECK_NUMBER(engine->objects[0].name != NULL, first);
	CHECK_NUMBER(engine->objects[1].name != NULL, second);
}

static void test_nobody_else(void)
{
	struct small_engine engine = { .objects = { { RESOURCE_SECRET, "shop_pr_token", NULL },
						    { RESOURCE_CONFIG, "shop_pr_conf", NULL },
						    { RESOURCE_CONFIG, "x", "other" } } };

	reap("shop", &engine);
	check_objects(&engine, false, false);
	CU_ASSERT_PTR_NOT_NULL(engine.objects[2].name);
}

static void test_app_with_a_config_only(void)
{
	struct small_engine longer = { .objects = { { RESOURCE_SECRET, "shop_pr_token", NULL },
						    { RESOURCE_CONFIG, "x", "shop_pr" } } };
	struct small_engine shorter = { .objects = { { RESOURCE_SECRET, "shop_pr_token", NULL },
						     { RESOURCE_CONFIG, "x", "shop" } } };

	reap("shop", &longer);
	check_objects(&longer, true, true);
	reap("shop_pr", &shorter);
	check_objects(&shorter, true, true);
}

/* It has made its secret, and deployed nothing yet. */
static void test_deleted_lockfile(void)
{
	struct small_engine engine = { .objects = { { RESOURCE_SECRET, "shop_pr_token", NULL },
						    { RESOURCE_SECRET, "shop_token", NULL } } };
	pid_t holder = small_engine_run(&dir, "shop_pr", "", true);

	reap("shop", &engine);
	check_objects(&engine, true, false);
	(void)kill(holder, SIGKILL);
	(void)waitpid(holder, NULL, 0);
	reap("shop", &engine);
	check_objects(&engine, false, false);
}

static const struct test tests[] = {
	{ "what nobody else could have named goes", test_nobody_else },
	{ "not what an app of a single config could have", test_app_with_a_config_only },
	{ "not what a run with a deleted lockfile could have", test_deleted_lockfile },
	{ NULL, NULL },
};
TEST_SUITE_WITH(by_name, tests, set_up, tear_down)
