/* Before an object without a label goes because of its name, everybody who could have named it so
 * is known: also an app with nothing but a config, and a run whose lockfile was deleted. The engine
 * here is a table of functions; the locks are real. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "kernel/small_engine.h"
#include "reap/sweep.h"

static struct lock_dir dir;
static uid_t self;

static int set_up(void)
{
	static struct lock_trust trust = { .uids = &self, .uid_count = 1, .group = (gid_t)-1 };

	self = geteuid();
	return lock_dir_open(&dir, temp_dir(), &trust, NULL);
}

static int tear_down(void)
{
	lock_dir_close(&dir);
	return 0;
}

static void take(const char *app, struct app_lock *lock)
{
	struct record record = { .known = true, .phase = RUN_PHASE_RUNNING };
	struct app_hash hash = app_hash_of(app);
	bool made;

	strcpy(record.app, app);
	CHECK_NUMBER(app_lock_try(&dir, &hash, LOCK_ROLE_RUN, &record, lock, &made, NULL),
		     LOCK_FREE);
}

/* Reaps the dead app, alone. */
static void reap(const char *app, struct small_engine *engine)
{
	struct reap_target target = { .lock = APP_LOCK_NONE };
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = {
		.settings = &settings,
		.jobs = 1,
		.app_timeout_ms = 60000,
		.timeout_ms = CLOCK_NEVER,
		.wake_fd = -1,
		.connect = small_engine_connect,
		.connect_data = engine,
	};

	settings_init(&settings);
	take(app, &target.lock);
	strcpy(target.app, app);
	reap_targets(&dir, &target, 1, &options, &result);
	CHECK_NUMBER(result.reaped, 1);
	settings_release(&settings);
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
