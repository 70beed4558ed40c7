/* More orders of other nodes than one round takes. */
#include <stdio.h>

#include "harness/harness.h"
#include "kernel/nodes_fixture.h"

#define MANY 1500

/* Volumes with long names on node two, the nodes_last of them another app's: several rounds'
 * orders. */
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
	nodes_reap_all(targets, 2);
	nodes_check_reaped();
	CHECK_TEXT(nodes_last.app, "shop");
	CHECK_NUMBER(nodes_count_actions(ACTION_REMOVED), MANY - 1);
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
	nodes_reap_for((struct reap_target){ .app = "shop", .no_fence = true });
	nodes_check_left("unable to clean node two: no log");
	CHECK_NUMBER(nodes_count_actions(ACTION_REMOVED), world.orders / 2);
	CHECK_NUMBER(nodes_count_actions(ACTION_FAILED), MANY - 1 - world.orders / 2);
	CHECK_NUMBER(count_left(), MANY - (size_t)world.orders);
	world.refusal = NULL;
	nodes_reap();
	nodes_check_reaped();
	CHECK_NUMBER(count_left(), 1);
}

static const struct test tests[] = {
	{ "an app's orders go in portions, and keep no other waiting", test_many },
	{ "silent before all was ordered: the rest is not called gone", test_many_then_silent },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes_portions, tests, nodes_set_up, NULL);
