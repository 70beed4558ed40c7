/* A request that was sent is carried out although its sender died: what a reap waits for before it
 * calls an app clean. The engine here is a table of functions, with a clock of its own. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "reap/sweep.h"

#define LATE_MS 120 /* after the first listing */
#define ANSWERS_MAX 32

struct late_engine {
	struct engine_answer answers[ANSWERS_MAX];
	size_t count;
	int64_t first_listing;
	int listings;
	bool removed;
	bool never; /* no late volume */
};

static void answer(struct late_engine *engine, uint64_t cookie)
{
	CU_ASSERT_FATAL(engine->count < ANSWERS_MAX);
	engine->answers[engine->count++] =
		(struct engine_answer){ .cookie = cookie, .outcome = ENGINE_DONE };
}

static int list(void *data, enum resource_kind kind, const struct list_filter *filter,
		uint64_t cookie, struct error *err)
{
	struct late_engine *engine = data;
	struct resource *volume;

	(void)filter;
	(void)err;
	if (!engine->first_listing)
		engine->first_listing = clock_now_ms();
	answer(engine, cookie);
	engine->listings += kind == RESOURCE_VOLUME;
	if (kind != RESOURCE_VOLUME || engine->never || engine->removed ||
	    clock_now_ms() < engine->first_listing + LATE_MS)
		return 0;
	volume = resource_list_append(&engine->answers[engine->count - 1].list, kind);
	volume->id = strdup("shop_data");
	volume->name = strdup("shop_data");
	volume->driver = strdup("local");
	resource_add_label(volume, "com.docker.stack.namespace", "shop");
	return 0;
}

static int remove_one(void *data, const struct resource *resource, uint64_t cookie,
		      struct error *err)
{
	struct late_engine *engine = data;

	(void)err;
	CHECK_TEXT(resource->id, "shop_data");
	engine->removed = true;
	answer(engine, cookie);
	return 0;
}

static int refresh_role(void *data, uint64_t cookie, struct error *err)
{
	(void)err;
	answer(data, cookie);
	return 0;
}

static int take_answer(void *data, int timeout_ms, struct engine_answer *ret, struct error *err)
{
	struct late_engine *engine = data;

	(void)err;
	if (!engine->count) {
		clock_sleep_ms(timeout_ms < 5 ? timeout_ms : 5);
		return 0;
	}
	*ret = engine->answers[0];
	memmove(engine->answers, engine->answers + 1, --engine->count * sizeof(*ret));
	return 1;
}

static enum swarm_role role(void *data)
{
	(void)data;
	return SWARM_NONE;
}

static const char *swarm_state(void *data)
{
	(void)data;
	return "inactive";
}

static int connect_late(void *data, int64_t timeout_ms, struct engine_port *ret, struct error *err)
{
	(void)timeout_ms;
	(void)err;
	*ret = (struct engine_port){
		.engine = data,
		.list = list,
		.remove = remove_one,
		.refresh_role = refresh_role,
		.wait = take_answer,
		.role = role,
		.swarm_state = swarm_state,
	};
	return 0;
}

/* Reaps shop, whose lock is given with the target. */
static void reap(struct reap_target *target, struct late_engine *engine, bool created)
{
	struct lock_trust trust = { .uids = (uid_t[]){ geteuid() },
				    .uid_count = 1,
				    .group = (gid_t)-1 };
	struct record record = { .known = true, .app = "shop", .phase = RUN_PHASE_RUNNING };
	struct app_hash hash = app_hash_of("shop");
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = {
		.settings = &settings,
		.jobs = 1,
		.app_timeout_ms = 60000,
		.timeout_ms = CLOCK_NEVER,
		.wake_fd = -1,
		.connect = connect_late,
		.connect_data = engine,
	};
	struct lock_dir dir;
	bool made;

	settings_init(&settings);
	CU_ASSERT_EQUAL_FATAL(lock_dir_open(&dir, temp_dir(), &trust, NULL), 0);
	CHECK_NUMBER(
		app_lock_try(&dir, &hash, LOCK_ROLE_JANITOR, &record, &target->lock, &made, NULL),
		LOCK_FREE);
	strcpy(target->app, "shop");
	target->record = record;
	target->created = created;
	reap_targets(&dir, target, 1, &options, &result);
	CHECK_NUMBER(result.reaped, 1);
	CHECK_NUMBER(app_lock_probe(&dir, &hash, &target->lock, NULL), LOCK_GONE);
	lock_dir_close(&dir);
	settings_release(&settings);
}

static void test_late_creation(void)
{
	struct late_engine engine = { 0 };
	struct reap_target target = { 0 };

	reap(&target, &engine, false);
	CU_ASSERT_TRUE(engine.removed);
}

static void test_late_creation_of_the_killed(void)
{
	struct late_engine engine = { 0 };
	struct reap_target target = { .no_fence = true, .was_killed = true };

	reap(&target, &engine, false);
	CU_ASSERT_TRUE(engine.removed);
}

/* What ended in order, and what never was, have nothing under way: no waiting. */
static void test_nothing_under_way(void)
{
	struct late_engine engine = { .never = true };
	struct reap_target in_order = { .no_fence = true }, unused = { 0 };

	reap(&in_order, &engine, false);
	CHECK_NUMBER(engine.listings, 1);
	engine = (struct late_engine){ .never = true };
	reap(&unused, &engine, true);
	CHECK_NUMBER(engine.listings, 1);
	CU_ASSERT_FALSE(engine.removed);
}

static const struct test tests[] = {
	{ "what a dead run had asked for appears late", test_late_creation },
	{ "what a killed command had asked for appears late", test_late_creation_of_the_killed },
	{ "no waiting where nothing can be under way", test_nothing_under_way },
	{ NULL, NULL },
};
TEST_SUITE(settle, tests)
