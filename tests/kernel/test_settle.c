/* A request that was sent is carried out although its sender died: what a reap waits for before it
 * calls an app clean. The engine is a table of functions, with a clock of its own. */
#include "harness/harness.h"
#include "kernel/small_engine.h"

#define LATE_MS 120

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

static void check_late_creation(struct reap_target target)
{
	struct small_engine engine = {
		.objects = { { RESOURCE_VOLUME, "shop_data", "shop" } },
		.alone = true,
		.late_ms = LATE_MS,
	};

	small_engine_reap(&dir, "shop", &target, &engine);
	CU_ASSERT_PTR_NULL(engine.objects[0].name);
}

static void test_late_creation(void)
{
	check_late_creation((struct reap_target){ .created = false });
}

static void test_late_creation_of_the_killed(void)
{
	check_late_creation((struct reap_target){ .no_fence = true, .was_killed = true });
}

/* What ended in order, and what never was, have nothing under way: no waiting. */
static void test_nothing_under_way(void)
{
	struct reap_target in_order = { .no_fence = true }, unused = { .created = true };
	struct small_engine engine = { .alone = true };

	small_engine_reap(&dir, "shop", &in_order, &engine);
	CHECK_NUMBER(engine.listings, 1);
	engine = (struct small_engine){ .alone = true };
	small_engine_reap(&dir, "shop", &unused, &engine);
	CHECK_NUMBER(engine.listings, 1);
}

static const struct test tests[] = {
	{ "what a dead run had asked for appears late", test_late_creation },
	{ "what a killed command had asked for appears late", test_late_creation_of_the_killed },
	{ "no waiting where nothing can be under way", test_nothing_under_way },
	{ NULL, NULL },
};
TEST_SUITE_WITH(settle, tests, set_up, tear_down)
