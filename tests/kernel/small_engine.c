#include "kernel/small_engine.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/command.h"
#include "harness/harness.h"

#define STACK "com.docker.stack.namespace"

static bool begins_with_any(const char *name, const struct list_filter *filter)
{
	for (size_t i = 0; i < filter->name_count; i++)
		if (!strncmp(name, filter->names[i], strlen(filter->names[i])))
			return true;
	return false;
}

static bool passes(const struct small_engine *engine, const struct small_object *object,
		   enum resource_kind kind, const struct list_filter *filter)
{
	if (!object->name || object->kind != kind ||
	    clock_now_ms() < engine->first_listing + engine->late_ms)
		return false;
	if (!filter)
		return true;
	if (filter->name_count)
		return begins_with_any(object->name, filter);
	return object->stack && !strcmp(filter->key, STACK) &&
	       (!filter->value || !strcmp(filter->value, object->stack));
}

static struct engine_answer *answer(struct small_engine *engine, uint64_t cookie)
{
	CU_ASSERT_FATAL(engine->count < SMALL_ENGINE_ANSWERS);
	engine->answers[engine->count] =
		(struct engine_answer){ .cookie = cookie, .outcome = ENGINE_DONE };
	return &engine->answers[engine->count++];
}

static char *a_day_ago(void)
{
	time_t then = time(NULL) - 86400;
	struct tm tm;
	char text[32];

	(void)gmtime_r(&then, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return xstrdup(text);
}

static int list(void *data, enum resource_kind kind, const struct list_filter *filter,
		uint64_t cookie, struct error *err)
{
	struct small_engine *engine = data;
	struct engine_answer *page = answer(engine, cookie);

	(void)err;
	if (!engine->first_listing)
		engine->first_listing = clock_now_ms();
	if (kind == RESOURCE_VOLUME && engine->before_volumes)
		engine->before_volumes(engine->listings);
	engine->listings += kind == RESOURCE_VOLUME;
	for (size_t i = 0; i < ARRAY_SIZE(engine->objects); i++) {
		const struct small_object *object = &engine->objects[i];
		struct resource *resource;

		if (!passes(engine, object, kind, filter))
			continue;
		resource = resource_list_append(&page->list, kind);
		resource->id = xstrdup(object->name);
		resource->name = xstrdup(object->name);
		resource->created = a_day_ago();
		resource->driver = xstrdup("local");
		if (object->stack)
			resource_add_label(resource, STACK, object->stack);
	}
	return 0;
}

static int remove_one(void *data, const struct resource *resource, uint64_t cookie,
		      struct error *err)
{
	struct small_engine *engine = data;

	(void)err;
	for (size_t i = 0; i < ARRAY_SIZE(engine->objects); i++)
		if (engine->objects[i].name && !strcmp(engine->objects[i].name, resource->id))
			engine->objects[i].name = NULL;
	answer(engine, cookie);
	return 0;
}

static int refresh_role(void *data, uint64_t cookie, struct error *err)
{
	(void)err;
	answer(data, cookie);
	return 0;
}

static const char *host_node(void *data)
{
	(void)data;
	return "node";
}

static int take_answer(void *data, int timeout_ms, struct engine_answer *ret, struct error *err)
{
	struct small_engine *engine = data;

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
	const struct small_engine *engine = data;

	return engine->alone ? SWARM_NONE : SWARM_MANAGER;
}

static const char *swarm_state(void *data)
{
	const struct small_engine *engine = data;

	return engine->alone ? "inactive" : "active";
}

static int connect_small(void *data, int64_t timeout_ms, struct engine_port *ret, struct error *err)
{
	(void)timeout_ms;
	(void)err;
	*ret = (struct engine_port){
		.engine = data,
		.list = list,
		.remove = remove_one,
		.host_node = host_node,
		.refresh_role = refresh_role,
		.wait = take_answer,
		.role = role,
		.swarm_state = swarm_state,
	};
	return 0;
}

int small_engine_dir(struct lock_dir *ret)
{
	static uid_t self;
	static struct lock_trust trust = { .uids = &self, .uid_count = 1, .group = (gid_t)-1 };

	self = geteuid();
	return lock_dir_open(ret, temp_dir(), &trust, NULL);
}

struct sweep_options small_engine_options(struct small_engine *engine, struct settings *settings)
{
	settings_init(settings);
	return (struct sweep_options){
		.settings = settings,
		.jobs = 1,
		.app_timeout_ms = 60000,
		.timeout_ms = CLOCK_NEVER,
		.wake_fd = -1,
		.connect = connect_small,
		.connect_data = engine,
	};
}

void small_engine_reap(const struct lock_dir *dir, const char *app, struct reap_target *target,
		       struct small_engine *engine)
{
	struct record record = { .known = true, .phase = RUN_PHASE_RUNNING };
	struct app_hash hash = app_hash_of(app);
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = small_engine_options(engine, &settings);
	bool made;

	strcpy(record.app, app);
	CHECK_NUMBER(
		app_lock_try(dir, &hash, LOCK_ROLE_JANITOR, &record, &target->lock, &made, NULL),
		LOCK_FREE);
	strcpy(target->app, app);
	target->record = record;
	reap_targets(dir, target, 1, &options, &result);
	CHECK_NUMBER(result.reaped, 1);
	CHECK_NUMBER(app_lock_probe(dir, &hash, &target->lock, NULL), LOCK_GONE);
	settings_release(&settings);
}

static void __attribute__((noreturn)) hold(const struct lock_dir *dir, enum lock_role role,
					   const struct record *record, int ready, int for_ms)
{
	struct app_hash hash = app_hash_of(record->app);
	struct app_lock lock;
	bool made;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    app_lock_try(dir, &hash, role, record, &lock, &made, NULL) != LOCK_FREE ||
	    write(ready, "", 1) != 1)
		_exit(1);
	while (for_ms < 0)
		(void)pause();
	usleep((useconds_t)for_ms * 1000);
	_exit(app_lock_forget(dir, &lock, NULL) < 0);
}

pid_t small_engine_hold(const struct lock_dir *dir, enum lock_role role,
			const struct record *record, int for_ms)
{
	int ready[2];
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid = fork();
	CU_ASSERT_FATAL(pid >= 0);
	if (pid == 0)
		hold(dir, role, record, ready[1], for_ms);
	(void)close(ready[1]);
	CHECK_NUMBER(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

pid_t small_engine_run(const struct lock_dir *dir, const char *app, const char *stack, bool deleted)
{
	struct record record = { .known = true, .phase = RUN_PHASE_RUNNING };
	struct app_hash hash = app_hash_of(app);
	char name[APP_LOCKFILE_NAME_SIZE];
	pid_t pid;

	strcpy(record.app, app);
	strcpy(record.stack, stack);
	pid = small_engine_hold(dir, LOCK_ROLE_RUN, &record, -1);
	if (deleted)
		CHECK_NUMBER(unlinkat(dir->fd, app_lockfile_name(&hash, name), 0), 0);
	return pid;
}
