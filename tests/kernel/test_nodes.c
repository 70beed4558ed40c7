/* Rounds on other nodes, by an engine of functions that has two: what a real one can't be made to
 * do on demand. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/harness.h"
#include "kernel/small_engine.h"
#include "kernel/two_nodes.h"

static struct two_nodes world;
static int64_t done_at;
static struct lock_dir dir;

static int set_up(void)
{
	return small_engine_dir(&dir);
}

static struct app_result last;

static void keep_result(void *data, const struct app_result *result)
{
	(void)data;
	app_result_release(&last);
	app_result_copy(result, &last);
}

static void take_lock(struct reap_target *target)
{
	struct record record = { .known = true };
	struct app_hash hash = app_hash_of(target->app);
	bool made;

	snprintf(record.app, sizeof(record.app), "%s", target->app);
	CHECK_NUMBER(
		app_lock_try(&dir, &hash, LOCK_ROLE_JANITOR, &record, &target->lock, &made, NULL),
		LOCK_FREE);
}

static void reap_all(struct reap_target *targets, size_t count)
{
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = small_engine_options(NULL, &settings);

	settings.engine_image = xstrdup("image");
	two_nodes_connect(&world, &options);
	options.on_result = keep_result;
	for (size_t i = 0; i < count; i++)
		take_lock(&targets[i]);
	reap_targets(&dir, targets, count, &options, &result);
	done_at = clock_now_ms();
	CHECK_NUMBER(world.count, 0);
	settings_release(&settings);
	for (size_t i = 0; i < count; i++)
		app_lock_release(&targets[i].lock);
}

/* Reaps "shop". */
static void reap_for(struct reap_target target)
{
	reap_all(&target, 1);
}

/* As a sweep does. */
static void reap(void)
{
	reap_for((struct reap_target){ .app = "shop" });
}

static size_t count_actions(enum action_outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < last.action_count; i++)
		count += last.actions[i].outcome == outcome;
	return count;
}

static bool lockfile_is_there(void)
{
	struct app_hash hash = app_hash_of("shop");
	struct app_lock lock;

	if (app_lock_probe(&dir, &hash, &lock, NULL) != LOCK_FREE)
		return false;
	app_lock_release(&lock);
	return true;
}

static void check_reaped(void)
{
	CHECK_NUMBER(last.outcome, APP_REAPED);
	CHECK_TEXT(last.error.message, "");
	CHECK_NUMBER(lockfile_is_there(), false);
	CHECK_TEXT(world.job_apps, "");
}

static void check_left(const char *why)
{
	CHECK_NUMBER(last.outcome, APP_LEFT);
	if (!strstr(last.error.message, why))
		CHECK_TEXT(last.error.message, why);
	CHECK_NUMBER(lockfile_is_there(), true);
	CHECK_TEXT(world.job_apps, "");
}

#define VOLUME(stack_name, where)                                                                  \
	{                                                                                          \
		RESOURCE_VOLUME, stack_name "_data", stack_name, where                             \
	}

static void begin(const struct node_object *objects, size_t count)
{
	static struct node_object copies[4];

	CU_ASSERT_FATAL(count <= ARRAY_SIZE(copies));
	memcpy(copies, objects, count * sizeof(*objects));
	world = (struct two_nodes){ .objects = copies,
				    .object_count = count,
				    .node_state = "ready",
				    .task_lasts_ms = 100 };
}
#define BEGIN(...)                                                                                 \
	begin((const struct node_object[]){ __VA_ARGS__ },                                         \
	      sizeof((const struct node_object[]){ __VA_ARGS__ }) / sizeof(struct node_object))

static void test_same_names(void)
{
	BEGIN(VOLUME("shop", NULL), VOLUME("shop", "two"), VOLUME("shop2", "two"),
	      { RESOURCE_CONTAINER, "shop_web", "shop", "two" });
	reap();
	check_reaped();
	CHECK_NUMBER(world.started, 2);
	CHECK_NUMBER(world.orders, 2);
	CHECK_TEXT(world.objects[0].name, NULL);
	CHECK_TEXT(world.objects[1].name, NULL);
	CHECK_TEXT(world.objects[2].name, "shop2_data");
	CHECK_TEXT(world.objects[3].name, NULL);
}

/* The barrier before the round, and what waits for the second one. */
static void test_with_service(void)
{
	BEGIN({ RESOURCE_SERVICE, "shop_web", "shop", NULL }, VOLUME("shop", NULL),
	      VOLUME("shop", "two"), { RESOURCE_CONTAINER, "shop_web", "shop", "two" });
	reap();
	check_reaped();
	CHECK_NUMBER(world.orders, 2);
	CHECK_NUMBER(world.started, 2);
}

static void test_nothing_there(void)
{
	BEGIN(VOLUME("shop", NULL));
	reap();
	check_reaped();
	CHECK_NUMBER(world.started, 1);
	CHECK_NUMBER(world.orders, 0);
}

static void test_down(void)
{
	BEGIN(VOLUME("shop", NULL), VOLUME("shop", "two"));
	world.node_state = "down";
	reap();
	check_left("unable to clean node two: it is down");
	CHECK_NUMBER(world.started, 0);
	CHECK_TEXT(world.objects[0].name, NULL);
	world.node_state = "ready";
	reap();
	check_reaped();
	CHECK_TEXT(world.objects[1].name, NULL);
}

/* A failed listing of the nodes is not a swarm without others. */
static void test_listing_fails(void)
{
	BEGIN(VOLUME("shop", "two"));
	world.node_listings_fail = 3;
	reap();
	check_reaped();
	CHECK_TEXT(world.objects[0].name, NULL);
}

static void test_unanswered(void)
{
	BEGIN(VOLUME("shop", "two"));
	world.unanswered = -1;
	reap();
	check_left("hung up");
}

/* It may be carried out a moment after the listing that doesn't show it. */
static void test_unanswered_before_run(void)
{
	BEGIN(VOLUME("shop", "two"));
	world.unanswered = 2;
	world.appears_ms = 100;
	reap_for((struct reap_target){ .app = "shop", .no_fence = true, .for_run = true });
	CHECK_NUMBER(last.outcome, APP_REAPED);
	CHECK_NUMBER(world.started, 3);
	CHECK_NUMBER(world.overtaken, 0);
	CHECK_NUMBER(count_actions(ACTION_REMOVED), 2);
	CHECK_TEXT(world.job_apps, "");
	CHECK_NUMBER(lockfile_is_there(), true);
}

static void test_refusal(void)
{
	BEGIN(VOLUME("shop", "two"));
	world.refusal = "ci-janitor: no socket";
	reap();
	check_left("no socket");
	CHECK_TEXT(world.objects[0].name, "shop_data");
}

/* What was reported, and whose removal was not: nothing says that it is gone. */
static void begin_silence(void)
{
	BEGIN(VOLUME("shop", "two"));
	world.volumes_stay = true;
	world.refusal = "no log";
	world.refuses_from = 2;
	world.task_lasts_ms = 900;
}

static void check_not_called_gone(void)
{
	for (size_t i = 0; i < last.action_count; i++)
		CU_ASSERT_TRUE(last.actions[i].outcome == ACTION_FAILED ||
			       last.actions[i].outcome == ACTION_KEPT);
	CU_ASSERT_TRUE(last.action_count > 0);
}

static void test_silent_after_order(void)
{
	begin_silence();
	reap();
	check_left("unable to clean node two: no log");
	check_not_called_gone();
}

/* None of its tasks was seen on the node. */
static void test_silent_in_teardown(void)
{
	begin_silence();
	reap_for((struct reap_target){ .app = "shop", .no_fence = true });
	check_left("unable to clean node two: no log");
	check_not_called_gone();
}

/* The order is the run's own, and could meet what the run makes. */
static void test_silent_before_run(void)
{
	begin_silence();
	reap_for((struct reap_target){ .app = "shop", .no_fence = true, .for_run = true });
	CHECK_NUMBER(last.outcome, APP_REAPED);
	CHECK_NUMBER(world.started, 2);
	CU_ASSERT_TRUE(done_at >= world.task_ends);
	check_not_called_gone();
	CHECK_NUMBER(lockfile_is_there(), true);
}

#define MANY 1500

/* Volumes with long names on node two, the last of them another app's: several rounds' orders. */
static void begin_many(void)
{
	static struct node_object objects[MANY];
	static char names[MANY][160];

	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "v%0140zu", i);
		objects[i] = (struct node_object){ RESOURCE_VOLUME, names[i],
						   i + 1 < MANY ? "shop" : "blog", "two" };
	}
	BEGIN(VOLUME("shop", NULL));
	world.objects = objects;
	world.object_count = MANY;
}

static size_t count_left(void)
{
	size_t left = 0;

	for (size_t i = 0; i < world.object_count; i++)
		left += world.objects[i].name != NULL;
	return left;
}

/* The large app does not keep the small one waiting. */
static void test_many(void)
{
	struct reap_target targets[] = { { .app = "shop" }, { .app = "blog" } };

	begin_many();
	reap_all(targets, 2);
	check_reaped();
	CHECK_TEXT(last.app, "shop");
	CHECK_NUMBER(count_actions(ACTION_REMOVED), MANY - 1);
	CHECK_NUMBER(count_left(), 0);
	CHECK_NUMBER(world.orders, MANY);
	CU_ASSERT_TRUE(world.started >= 4);
	CU_ASSERT_TRUE(world.most_bytes < 70000);
}

/* What was not ordered yet is not gone either. */
static void test_many_then_silent(void)
{
	begin_many();
	world.refusal = "no log";
	world.refuses_from = 3;
	reap_for((struct reap_target){ .app = "shop", .no_fence = true });
	check_left("unable to clean node two: no log");
	CHECK_NUMBER(count_actions(ACTION_REMOVED), world.orders / 2);
	CHECK_NUMBER(count_actions(ACTION_FAILED), MANY - 1 - world.orders / 2);
	CHECK_NUMBER(count_left(), MANY - (size_t)world.orders);
	world.refusal = NULL;
	reap();
	check_reaped();
	CHECK_NUMBER(count_left(), 1);
}

static void test_stays(void)
{
	BEGIN(VOLUME("shop", "two"), VOLUME("shop", NULL));
	world.volumes_stay = true;
	reap();
	check_left("it is still there");
	CHECK_TEXT(world.objects[1].name, NULL);
	world.volumes_stay = false;
	reap();
	check_reaped();
}

/* The service of a janitor that died; its task runs on for a while. */
static void test_stale_job(void)
{
	struct app_hash hash = app_hash_of("shop");
	int64_t ends = clock_now_ms() + 900;

	BEGIN(VOLUME("shop", NULL));
	snprintf(world.job_apps, sizeof(world.job_apps), "%s", hash.hex);
	snprintf(world.task_apps, sizeof(world.task_apps), "%s", hash.hex);
	world.task_ends = ends;
	reap();
	check_reaped();
	CU_ASSERT_TRUE(done_at >= ends);
	CHECK_NUMBER(world.started, 1);
}

/* One for another app is another janitor's, and alive. */
static void test_others_job(void)
{
	struct app_hash hash = app_hash_of("blog");

	BEGIN(VOLUME("shop", NULL));
	snprintf(world.job_apps, sizeof(world.job_apps), "%s", hash.hex);
	world.node_state = "down";
	reap();
	CHECK_TEXT(world.job_apps, hash.hex);
	world = (struct two_nodes){ .node_state = "ready" };
	reap();
	check_reaped();
}

static void test_live_neighbour(void)
{
	pid_t pid = small_engine_run(&dir, "blog", "blog", false);

	BEGIN(VOLUME("shop", "two"), VOLUME("blog", "two"), VOLUME("blog", NULL));
	reap();
	check_reaped();
	CHECK_TEXT(world.objects[0].name, NULL);
	CHECK_TEXT(world.objects[1].name, "blog_data");
	CHECK_TEXT(world.objects[2].name, "blog_data");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	app_result_release(&last);
}

static const struct test tests[] = {
	{ "objects of one name on two nodes", test_same_names },
	{ "a service before them", test_with_service },
	{ "nothing on the other node: one round", test_nothing_there },
	{ "a node that is down is left, and named", test_down },
	{ "the nodes can't be listed: tried again", test_listing_fails },
	{ "whether the job was started is not known", test_unanswered },
	{ "the same at a run's start: it is waited for", test_unanswered_before_run },
	{ "the job's task fails", test_refusal },
	{ "a volume there can't be removed", test_stays },
	{ "more orders than one round takes", test_many },
	{ "silent before all was ordered: the rest is not called gone", test_many_then_silent },
	{ "silent after an order: left, not called gone", test_silent_after_order },
	{ "silent after an order of a teardown, likewise", test_silent_in_teardown },
	{ "silent after an order of a run's start: waited for", test_silent_before_run },
	{ "a dead janitor's job is removed, and its task waited for", test_stale_job },
	{ "another app's job is left alone", test_others_job },
	{ "a live app's objects there stay", test_live_neighbour },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes, tests, set_up, NULL);
