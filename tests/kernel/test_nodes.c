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
#include "kernel/nodes_fixture.h"
#include "kernel/small_engine.h"

static void test_same_names(void)
{
	BEGIN(VOLUME("shop", NULL), VOLUME("shop", "two"), VOLUME("shop2", "two"),
	      { RESOURCE_CONTAINER, "shop_web", "shop", "two" });
	nodes_reap();
	nodes_check_reaped();
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
	nodes_reap();
	nodes_check_reaped();
	CHECK_NUMBER(world.orders, 2);
	CHECK_NUMBER(world.started, 2);
}

static void test_nothing_there(void)
{
	BEGIN(VOLUME("shop", NULL));
	nodes_reap();
	nodes_check_reaped();
	CHECK_NUMBER(world.started, 1);
	CHECK_NUMBER(world.orders, 0);
}

/* A task of the app is all that tells of the other node; what is there can't be known. */
static void test_no_image(void)
{
	BEGIN(VOLUME("shop", NULL), VOLUME("shop", "two"), { RESOURCE_TASK, "task", "shop", NULL });
	nodes_no_image = true;
	nodes_reap();
	nodes_no_image = false;
	nodes_check_reaped();
	CHECK_NUMBER(world.started, 0);
	CHECK_NUMBER(nodes_count_actions(ACTION_KEPT), 1);
	CHECK_TEXT(nodes_last.actions[nodes_last.action_count - 1].id, "two");
	CHECK_TEXT(world.objects[1].name, "shop_data");
}

static void test_down(void)
{
	BEGIN(VOLUME("shop", NULL), VOLUME("shop", "two"));
	world.node_state = "down";
	nodes_reap();
	nodes_check_left("unable to clean node two: it is down");
	CHECK_NUMBER(world.started, 0);
	CHECK_TEXT(world.objects[0].name, NULL);
	world.node_state = "ready";
	nodes_reap();
	nodes_check_reaped();
	CHECK_TEXT(world.objects[1].name, NULL);
}

/* A failed listing of the nodes is not a swarm without others. */
static void test_listing_fails(void)
{
	BEGIN(VOLUME("shop", "two"));
	world.node_listings_fail = 3;
	nodes_reap();
	nodes_check_reaped();
	CHECK_TEXT(world.objects[0].name, NULL);
}

static void test_unanswered(void)
{
	BEGIN(VOLUME("shop", "two"));
	world.unanswered = -1;
	nodes_reap();
	nodes_check_left("hung up");
}

/* It may be carried out a moment after the listing that doesn't show it. */
static void test_unanswered_before_run(void)
{
	BEGIN(VOLUME("shop", "two"));
	world.unanswered = 2;
	world.appears_ms = 100;
	nodes_reap_for((struct reap_target){ .app = "shop", .no_fence = true, .for_run = true });
	CHECK_NUMBER(nodes_last.outcome, APP_REAPED);
	CHECK_NUMBER(world.started, 3);
	CHECK_NUMBER(world.overtaken, 0);
	CHECK_NUMBER(nodes_count_actions(ACTION_REMOVED), 2);
	CHECK_TEXT(world.job_apps, "");
	CHECK_NUMBER(nodes_lockfile_is_there(), true);
}

static void test_refusal(void)
{
	BEGIN(VOLUME("shop", "two"));
	world.refusal = "ci-janitor: no socket";
	nodes_reap();
	nodes_check_left("no socket");
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
	for (size_t i = 0; i < nodes_last.action_count; i++)
		CU_ASSERT_TRUE(nodes_last.actions[i].outcome == ACTION_FAILED ||
			       nodes_last.actions[i].outcome == ACTION_KEPT);
	CU_ASSERT_TRUE(nodes_last.action_count > 0);
}

static void test_silent_after_order(void)
{
	begin_silence();
	nodes_reap();
	nodes_check_left("unable to clean node two: no log");
	check_not_called_gone();
}

/* None of its tasks was seen on the node. */
static void test_silent_in_teardown(void)
{
	begin_silence();
	nodes_reap_for((struct reap_target){ .app = "shop", .no_fence = true });
	nodes_check_left("unable to clean node two: no log");
	check_not_called_gone();
}

/* The order is the run's own, and could meet what the run makes. */
static void test_silent_before_run(void)
{
	begin_silence();
	nodes_reap_for((struct reap_target){ .app = "shop", .no_fence = true, .for_run = true });
	CHECK_NUMBER(nodes_last.outcome, APP_REAPED);
	CHECK_NUMBER(world.started, 2);
	CU_ASSERT_TRUE(nodes_done_at >= world.task_ends);
	check_not_called_gone();
	CHECK_NUMBER(nodes_lockfile_is_there(), true);
}

static void test_stays(void)
{
	BEGIN(VOLUME("shop", "two"), VOLUME("shop", NULL));
	world.volumes_stay = true;
	nodes_reap();
	nodes_check_left("it is still there");
	CHECK_TEXT(world.objects[1].name, NULL);
	world.volumes_stay = false;
	nodes_reap();
	nodes_check_reaped();
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
	nodes_reap();
	nodes_check_reaped();
	CU_ASSERT_TRUE(nodes_done_at >= ends);
	CHECK_NUMBER(world.started, 1);
}

/* One for another app is another janitor's, and alive. */
static void test_others_job(void)
{
	struct app_hash hash = app_hash_of("blog");

	BEGIN(VOLUME("shop", NULL));
	snprintf(world.job_apps, sizeof(world.job_apps), "%s", hash.hex);
	world.node_state = "down";
	nodes_reap();
	CHECK_TEXT(world.job_apps, hash.hex);
	world = (struct two_nodes){ .node_state = "ready" };
	nodes_reap();
	nodes_check_reaped();
}

static void test_live_neighbour(void)
{
	pid_t pid = small_engine_run(&nodes_dir, "blog", "blog", false);

	BEGIN(VOLUME("shop", "two"), VOLUME("blog", "two"), VOLUME("blog", NULL));
	nodes_reap();
	nodes_check_reaped();
	CHECK_TEXT(world.objects[0].name, NULL);
	CHECK_TEXT(world.objects[1].name, "blog_data");
	CHECK_TEXT(world.objects[2].name, "blog_data");
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	app_result_release(&nodes_last);
}

static const struct test tests[] = {
	{ "objects of one name on two nodes", test_same_names },
	{ "a service before them", test_with_service },
	{ "nothing on the other node: one round", test_nothing_there },
	{ "without an image: said, where the app has run", test_no_image },
	{ "a node that is down is left, and named", test_down },
	{ "the nodes can't be listed: tried again", test_listing_fails },
	{ "whether the job was started is not known", test_unanswered },
	{ "the same at a run's start: it is waited for", test_unanswered_before_run },
	{ "the job's task fails", test_refusal },
	{ "a volume there can't be removed", test_stays },
	{ "silent after an order: left, not called gone", test_silent_after_order },
	{ "silent after an order of a teardown, likewise", test_silent_in_teardown },
	{ "silent after an order of a run's start: waited for", test_silent_before_run },
	{ "a dead janitor's job is removed, and its task waited for", test_stale_job },
	{ "another app's job is left alone", test_others_job },
	{ "a live app's objects there stay", test_live_neighbour },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes, tests, nodes_set_up, NULL);
