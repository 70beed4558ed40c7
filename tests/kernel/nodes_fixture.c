#include "kernel/nodes_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/harness.h"
#include "kernel/small_engine.h"

struct two_nodes world;
int64_t nodes_done_at;
struct lock_dir nodes_dir;
bool nodes_no_image;
struct app_result nodes_last;

int nodes_set_up(void)
{
	return nodes_dir.path ? 0 : small_engine_dir(&nodes_dir);
}

static void keep_result(void *data, const struct app_result *result)
{
	(void)data;
	app_result_release(&nodes_last);
	app_result_copy(result, &nodes_last);
}

static void take_lock(struct reap_target *target)
{
	struct record record = { .known = true };
	struct app_hash hash = app_hash_of(target->app);
	bool made;

	snprintf(record.app, sizeof(record.app), "%s", target->app);
	CHECK_NUMBER(app_lock_try(&nodes_dir, &hash, LOCK_ROLE_JANITOR, &record, &target->lock,
				  &made, NULL),
		     LOCK_FREE);
}

void nodes_reap_all(struct reap_target *targets, size_t count)
{
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = small_engine_options(NULL, &settings);

	settings.engine_image = nodes_no_image ? NULL : xstrdup("image");
	two_nodes_connect(&world, &options);
	options.on_result = keep_result;
	for (size_t i = 0; i < count; i++)
		take_lock(&targets[i]);
	reap_targets(&nodes_dir, targets, count, &options, &result);
	nodes_done_at = clock_now_ms();
	CHECK_NUMBER(world.count, 0);
	settings_release(&settings);
	for (size_t i = 0; i < count; i++)
		app_lock_release(&targets[i].lock);
}

/* Reaps "shop". */
void nodes_reap_for(struct reap_target target)
{
	nodes_reap_all(&target, 1);
}

/* As a sweep does. */
void nodes_reap(void)
{
	nodes_reap_for((struct reap_target){ .app = "shop" });
}

size_t nodes_count_actions(enum action_outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < nodes_last.action_count; i++)
		count += nodes_last.actions[i].outcome == outcome;
	return count;
}

bool nodes_lockfile_is_there(void)
{
	struct app_hash hash = app_hash_of("shop");
	struct app_lock lock;

	if (app_lock_probe(&nodes_dir, &hash, &lock, NULL) != LOCK_FREE)
		return false;
	app_lock_release(&lock);
	return true;
}

void nodes_check_reaped(void)
{
	CHECK_NUMBER(nodes_last.outcome, APP_REAPED);
	CHECK_TEXT(nodes_last.error.message, "");
	CHECK_NUMBER(nodes_lockfile_is_there(), false);
	CHECK_TEXT(world.job_apps, "");
}

void nodes_check_left(const char *why)
{
	CHECK_NUMBER(nodes_last.outcome, APP_LEFT);
	if (!strstr(nodes_last.error.message, why))
		CHECK_TEXT(nodes_last.error.message, why);
	CHECK_NUMBER(nodes_lockfile_is_there(), true);
	CHECK_TEXT(world.job_apps, "");
}

void nodes_begin(const struct node_object *objects, size_t count)
{
	static struct node_object copies[4];

	CU_ASSERT_FATAL(count <= ARRAY_SIZE(copies));
	memcpy(copies, objects, count * sizeof(*objects));
	world = (struct two_nodes){ .objects = copies,
				    .object_count = count,
				    .node_state = "ready",
				    .task_lasts_ms = 100 };
}
