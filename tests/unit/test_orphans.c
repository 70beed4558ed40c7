/* Which apps without a lockfile may be reaped by age. */
#include "reap/orphans.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "harness/harness.h"

#define STACK "com.docker.stack.namespace"
#define NOW 1767225600 /* 2026-01-01T00:00:00Z */
#define OLD "2025-12-31T22:00:00.123456789Z"
#define YOUNG "2025-12-31T23:30:00Z"

struct world {
	struct resource_list found;
	struct owner_list owners;
	struct settings settings;
};

static void world_release(struct world *world)
{
	owner_list_release(&world->owners);
	resource_list_release(&world->found);
	settings_release(&world->settings);
}

static void pattern(struct word_list *list, const char *glob)
{
	word_list_append(list, glob, strlen(glob));
}

static void world_init(struct world *world)
{
	*world = (struct world){ .owners = { 0 } };
	settings_init(&world->settings);
	pattern(&world->settings.orphan_pattern, "pr-*");
}

static struct resource *add(struct world *world, enum resource_kind kind, const char *name,
			    const char *app, const char *created)
{
	struct resource *resource = resource_list_append(&world->found, kind);

	resource->id = xstrdup("id");
	resource->name = xstrdup(name);
	resource->created = created ? xstrdup(created) : NULL;
	if (app)
		resource_add_label(resource, STACK, app);
	return resource;
}

static void lock(struct world *world, const char *app, const char *stack, bool record)
{
	struct owner *owner = owner_list_append(&world->owners);

	owner->hash = app_hash_of(app);
	if (record)
		snprintf(owner->app, sizeof(owner->app), "%s", app);
	owner_add_stack(owner, stack);
}

static int select_all(struct world *world, struct word_list *names, struct error *err)
{
	for (size_t i = 0; i < world->found.count; i++)
		owner_list_add_stated(&world->owners, &world->found.items[i], &world->settings);
	owner_list_sort(&world->owners);
	return orphans_select(&world->found, &world->owners, &world->settings, NOW, names, err);
}

static void check_orphans(struct world *world, const char *expected)
{
	CLEANUP(word_list_release) struct word_list names = { 0 };
	CLEANUP_TEXT struct text text = { 0 };
	struct error err = { .kind = ERROR_NONE };

	CHECK_NUMBER(select_all(world, &names, &err), 0);
	CHECK_TEXT(err.message, "");
	for (size_t i = 0; i < names.count; i++)
		text_appendf(&text, "%s ", names.words[i]);
	CHECK_TEXT(text_get(&text), expected);
}

static void test_candidates(void)
{
	CLEANUP(world_release) struct world world;

	world_init(&world);
	pattern(&world.settings.app_protect, "pr-keep*");
	pattern(&world.settings.app_protect, "pr-dom.example");
	lock(&world, "pr-locked", "", true);
	lock(&world, "other", "pr-stack", true);
	add(&world, RESOURCE_SERVICE, "x", "pr-b", OLD);
	add(&world, RESOURCE_VOLUME, "x", "pr-b", OLD);
	add(&world, RESOURCE_VOLUME, "x", "pr-a", OLD);
	add(&world, RESOURCE_VOLUME, "x", "production", OLD);
	add(&world, RESOURCE_VOLUME, "x", "PR-a", OLD);
	add(&world, RESOURCE_VOLUME, "x", "pr-keep-me", OLD);
	add(&world, RESOURCE_VOLUME, "x", "pr-dom_example", OLD);
	add(&world, RESOURCE_VOLUME, "x", "pr-dom.example", OLD);
	add(&world, RESOURCE_VOLUME, "x", "pr-locked", OLD);
	add(&world, RESOURCE_VOLUME, "x", "pr-stack", OLD);
	add(&world, RESOURCE_VOLUME, "x", "pr-no/name", OLD);
	add(&world, RESOURCE_SECRET, "pr-unlabelled_token", NULL, OLD);
	check_orphans(&world, "pr-a pr-b ");
}

/* What the configured rule makes its stack is the app's as well, and must be as old. */
static void test_age_of_its_stack(void)
{
	CLEANUP(world_release) struct world world;

	world_init(&world);
	world.settings.stack_name = STACK_NAME_DOTS_TO_UNDERSCORES;
	add(&world, RESOURCE_VOLUME, "x", "pr-a.b", OLD);
	add(&world, RESOURCE_VOLUME, "x", "pr-c.d", OLD);
	add(&world, RESOURCE_SERVICE, "x", "pr-a_b", OLD);
	add(&world, RESOURCE_SERVICE, "x", "pr-c_d", YOUNG);
	check_orphans(&world, "pr-a.b pr-a_b ");
}

static void test_no_pattern_no_orphan(void)
{
	CLEANUP(world_release) struct world world;

	world_init(&world);
	word_list_release(&world.settings.orphan_pattern);
	add(&world, RESOURCE_SERVICE, "x", "pr-b", OLD);
	check_orphans(&world, "");
}

static void test_ages(void)
{
	CLEANUP(world_release) struct world world;

	world_init(&world);
	add(&world, RESOURCE_SERVICE, "x", "pr-1", "2025-12-31T23:00:00Z");
	add(&world, RESOURCE_SERVICE, "x", "pr-2", "2025-12-31T23:00:01Z");
	add(&world, RESOURCE_SERVICE, "x", "pr-3", OLD);
	add(&world, RESOURCE_SERVICE, "x", "pr-3", YOUNG);
	add(&world, RESOURCE_SERVICE, "x", "pr-4", NULL);
	add(&world, RESOURCE_SERVICE, "x", "pr-5", "yesterday");
	add(&world, RESOURCE_SERVICE, "x", "pr-6", "0001-01-01T00:00:00Z");
	add(&world, RESOURCE_SERVICE, "x", "pr-7", "2026-01-01T00:30:00+01:30");
	add(&world, RESOURCE_SERVICE, "x", "pr-8", "2030-01-01T00:00:00Z");
	add(&world, RESOURCE_CONTAINER, "x", "pr-9", "1767222000");
	add(&world, RESOURCE_CONTAINER, "x", "pr-10", "1767222001");
	add(&world, RESOURCE_CONTAINER, "x", "pr-11", OLD);
	/* Its unlabelled secret is as good as the rest; a neighbour's isn't its. */
	add(&world, RESOURCE_SERVICE, "x", "pr-12", OLD);
	add(&world, RESOURCE_SECRET, "pr-12_token", NULL, YOUNG);
	add(&world, RESOURCE_SERVICE, "x", "pr-13", OLD);
	add(&world, RESOURCE_SECRET, "pr-13x_token", NULL, YOUNG);
	add(&world, RESOURCE_TASK, "x", "pr-13", YOUNG);
	/* The history of one that somebody has removed. */
	add(&world, RESOURCE_TASK, "x", "pr-14", OLD);
	check_orphans(&world, "pr-1 pr-13 pr-7 pr-9 ");
}

/* Its run may be alive, and its stack may have any name. */
static void test_unreadable_lockfile(void)
{
	CLEANUP(world_release) struct world world;
	CLEANUP(word_list_release) struct word_list names = { 0 };
	struct error err = { .kind = ERROR_NONE };

	world_init(&world);
	lock(&world, "unknown", "", false);
	add(&world, RESOURCE_SERVICE, "x", "pr-b", OLD);
	CHECK_NUMBER(select_all(&world, &names, &err), -1);
	CHECK_NUMBER(names.count, 0);
	CHECK_NUMBER(err.kind, ERROR_LOCK);
}

/* Once the removal has begun: what the engine makes again by itself is no sign of life. */
static void test_after_the_begin(void)
{
	CLEANUP(world_release) struct world world;
	char reason[160];
	struct resource *task;

	world_init(&world);
	CU_ASSERT_TRUE(orphans_are_old(&world.found, "pr-1", &world.settings, NOW, true, reason,
				       sizeof(reason)));
	CU_ASSERT_FALSE(orphans_are_old(&world.found, "pr-1", &world.settings, NOW, false, reason,
					sizeof(reason)));
	CHECK_TEXT(reason, "nothing of it is left");
	task = add(&world, RESOURCE_CONTAINER, "pr-1_web.1", "pr-1", "1767225000");
	task->service_id = xstrdup("s1");
	add(&world, RESOURCE_VOLUME, "pr-1_data", "pr-1", YOUNG);
	CU_ASSERT_FALSE(orphans_are_old(&world.found, "pr-1", &world.settings, NOW, false, reason,
					sizeof(reason)));
	CU_ASSERT_TRUE(orphans_are_old(&world.found, "pr-1", &world.settings, NOW, true, reason,
				       sizeof(reason)));
	add(&world, RESOURCE_SERVICE, "pr-1_web", "pr-1", YOUNG);
	CU_ASSERT_FALSE(orphans_are_old(&world.found, "pr-1", &world.settings, NOW, true, reason,
					sizeof(reason)));
	CHECK_TEXT(reason, "service pr-1_web is younger than [orphans] min_age");
}

static void test_times(void)
{
	static const struct {
		const char *text;
		int64_t second; /* -1: refused */
	} cases[] = {
		{ "2026-01-01T00:00:00Z", NOW },
		{ "2026-01-01T00:00:00.999999999Z", NOW },
		{ "2026-01-01T01:00:00+01:00", NOW },
		{ "2025-12-31T19:30:00.5-04:30", NOW },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-01-01T00:00:00", -1 },
		{ "2026-01-01 00:00:00Z", -1 },
		{ "2026-01-01T00:00:00.Z", -1 },
		{ "2026-01-01T00:00:00ZZ", -1 },
		{ "2026-01-01T00:00:00+0100", -1 },
		{ "2026-01-01T00:00:00+01:00x", -1 },
		{ "2026-13-01T00:00:00Z", -1 },
		{ "2026-1-01T00:00:00Z", -1 },
		{ "+026-01-01T00:00:00Z", -1 },
		{ "20260-01-01T00:00:00Z", -1 },
		{ "", -1 },
		{ "1767225600", -1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t second = -1;

		(void)parse_time(cases[i].text, &second, NULL);
		if (second != cases[i].second)
			CHECK_TEXT(cases[i].text, "");
	}
}

static const struct test tests[] = {
	{ "pattern, protection, lockfiles", test_candidates },
	{ "without a pattern there is no orphan", test_no_pattern_no_orphan },
	{ "the youngest object counts; no age is young", test_ages },
	{ "its stack's objects count, too", test_age_of_its_stack },
	{ "a lockfile that doesn't say whose it is", test_unreadable_lockfile },
	{ "after the removal has begun", test_after_the_begin },
	{ "times", test_times },
	{ NULL, NULL },
};
TEST_SUITE(orphans, tests)
