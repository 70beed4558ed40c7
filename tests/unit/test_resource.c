#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "harness/harness.h"
#include "model/lock_view.h"
#include "model/record.h"
#include "model/resource.h"
#include "model/result.h"

static void fill(struct resource *resource)
{
	resource->id = xstrdup("id1");
	resource->name = xstrdup("shop_web");
	resource->state = xstrdup("running");
	resource->malformed = true;
	resource_add_label(resource, "a", "1");
	resource_add_label(resource, "empty", "");
}

static void test_labels(void)
{
	struct resource resource = { 0 };

	CU_ASSERT_PTR_NULL(resource_label(&resource, "a"));
	fill(&resource);
	CHECK_TEXT(resource_label(&resource, "a"), "1");
	CHECK_TEXT(resource_label(&resource, "empty"), "");
	CU_ASSERT_PTR_NULL(resource_label(&resource, "A"));
	CU_ASSERT_PTR_NULL(resource_label(&resource, ""));
	resource_release(&resource);
}

static void test_copy_is_deep(void)
{
	struct resource from = { .kind = RESOURCE_CONTAINER }, copy = { 0 };

	fill(&from);
	resource_copy(&from, &copy);
	from.name[0] = 'X';
	resource_release(&from);
	CHECK_NUMBER(copy.kind, RESOURCE_CONTAINER);
	CHECK_TEXT(copy.id, "id1");
	CHECK_TEXT(copy.name, "shop_web");
	CHECK_TEXT(copy.state, "running");
	CU_ASSERT_PTR_NULL(copy.driver);
	CHECK_NUMBER(copy.malformed, true);
	CHECK_NUMBER(copy.label_count, 2);
	CHECK_TEXT(resource_label(&copy, "a"), "1");
	resource_release(&copy);
}

static void test_lists(void)
{
	struct resource_list a = { 0 }, b = { 0 };
	char name[32];

	for (int i = 0; i < 1000; i++) {
		struct resource *item = resource_list_append(i % 2 ? &a : &b, RESOURCE_VOLUME);

		CHECK_NUMBER(item->kind, RESOURCE_VOLUME);
		CU_ASSERT_PTR_NULL(item->name);
		(void)snprintf(name, sizeof(name), "v%d", i);
		item->name = xstrdup(name);
		resource_add_label(item, "n", name);
	}
	resource_list_move(&a, &b);
	CHECK_NUMBER(a.count, 1000);
	CHECK_NUMBER(b.count, 0);
	CHECK_TEXT(a.items[0].name, "v1");
	CHECK_TEXT(a.items[499].name, "v999");
	CHECK_TEXT(a.items[500].name, "v0");
	CHECK_TEXT(resource_label(&a.items[999], "n"), "v998");
	/* The emptied list is good for more. */
	resource_list_append(&b, RESOURCE_SECRET)->id = xstrdup("s");
	resource_list_move(&a, &b);
	CHECK_NUMBER(a.count, 1001);
	resource_list_release(&a);
	resource_list_release(&b);
	CHECK_NUMBER(a.count, 0);
}

static void test_names(void)
{
	static const char *const kinds[RESOURCE_KIND_COUNT] = {
		"service", "task",   "container", "secret", "config",
		"network", "volume", "file",	  "node",
	};
	static const char *const phases[RUN_PHASE_COUNT] = {
		"unknown",  "waiting",	"fresh-start", "running",
		"stopping", "teardown", "released",    "orphan",
	};

	for (int i = 0; i < RESOURCE_KIND_COUNT; i++)
		CHECK_TEXT(resource_kind_name((enum resource_kind)i), kinds[i]);
	for (int i = 0; i < RUN_PHASE_COUNT; i++) {
		CHECK_TEXT(run_phase_name((enum run_phase)i), phases[i]);
		CHECK_NUMBER(run_phase_from_name(phases[i]), i);
	}
	CHECK_NUMBER(run_phase_from_name(""), RUN_PHASE_UNKNOWN);
	CHECK_NUMBER(run_phase_from_name("Running"), RUN_PHASE_UNKNOWN);
	CHECK_NUMBER(run_phase_from_name("running "), RUN_PHASE_UNKNOWN);
	CHECK_TEXT(lock_view_state_name(LOCK_VIEW_FREE), "free");
	CHECK_TEXT(lock_view_state_name(LOCK_VIEW_HELD), "held");
	CHECK_TEXT(lock_view_state_name(LOCK_VIEW_REAPING), "reaping");
	CHECK_TEXT(lock_view_state_name(LOCK_VIEW_DEAD), "dead");
	CHECK_TEXT(lock_view_state_name(LOCK_VIEW_UNKNOWN), "unknown");
}

static void test_results(void)
{
	struct app_result result = { .hash = { "0123456789abcdef0123456789abcdef" } };
	char name[] = "shop_db", buffer[64];
	struct action *action;

	CHECK_TEXT(app_result_label(&result, buffer, sizeof(buffer)),
		   "#0123456789abcdef0123456789abcdef");
	(void)snprintf(result.app, sizeof(result.app), "shop");
	CHECK_TEXT(app_result_label(&result, buffer, sizeof(buffer)), "shop");
	for (int i = 0; i < 100; i++)
		action = app_result_add(&result, RESOURCE_VOLUME, name, name, "rule");
	action = app_result_add(&result, RESOURCE_SECRET, "id", name, NULL);
	name[0] = 'X';
	CHECK_NUMBER(result.action_count, 101);
	CHECK_TEXT(action->name, "shop_db");
	CU_ASSERT_PTR_NULL(action->rule);
	CU_ASSERT_PTR_NULL(action->reason);
	action_set_outcome(action, ACTION_FAILED, "first");
	action_set_outcome(action, ACTION_KEPT, "second");
	CHECK_NUMBER(action->outcome, ACTION_KEPT);
	CHECK_TEXT(action->reason, "second");
	action_set_outcome(action, ACTION_REMOVED, NULL);
	CU_ASSERT_PTR_NULL(action->reason);
	app_result_release(&result);
	CHECK_NUMBER(result.action_count, 0);
}

static const struct test tests[] = {
	{ "labels", test_labels },
	{ "a copy is deep", test_copy_is_deep },
	{ "lists grow and move", test_lists },
	{ "names of kinds, phases and states", test_names },
	{ "results", test_results },
	{ NULL, NULL },
};
TEST_SUITE(resource, tests)
