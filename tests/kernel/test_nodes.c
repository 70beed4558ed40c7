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

#define STACK "com.docker.stack.namespace"
#define CREATED "2026-01-01T00:00:00Z"

struct object {
	enum resource_kind kind;
	const char *name;
	const char *stack;
	const char *node; /* NULL: the engine's own */
};

/* One job at a time, of one task on node 2. */
static struct world {
	struct object objects[4];
	const char *node_state; /* of node 2 */
	int node_listings_fail; /* so many first ones */
	bool start_is_unanswered;
	bool volumes_stay;
	const char *refusal; /* what the task says instead of a report */
	int refuses_from;    /* ... from this job on */
	int task_lasts_ms;   /* after its service */
	char job_apps[64];   /* of the service that is there; empty: none */
	char task_apps[64];  /* of its task, until task_ends */
	int64_t task_ends;
	int started;
	int orders;
	int64_t done_at;
	struct engine_answer answers[32];
	size_t count;
} world;

static struct lock_dir dir;

static int set_up(void)
{
	return small_engine_dir(&dir);
}

static struct engine_answer *answer(uint64_t cookie)
{
	CU_ASSERT_FATAL(world.count < ARRAY_SIZE(world.answers));
	world.answers[world.count] =
		(struct engine_answer){ .cookie = cookie, .outcome = ENGINE_DONE };
	return &world.answers[world.count++];
}

static struct resource *append(struct engine_answer *page, enum resource_kind kind, const char *id)
{
	struct resource *resource = resource_list_append(&page->list, kind);

	resource->id = xstrdup(id);
	resource->name = xstrdup(id);
	resource->created = xstrdup(CREATED);
	resource->driver = xstrdup("local");
	return resource;
}

static void append_objects(struct engine_answer *page, enum resource_kind kind, const char *node)
{
	for (size_t i = 0; i < ARRAY_SIZE(world.objects); i++) {
		const struct object *object = &world.objects[i];

		if (object->name && object->kind == kind && !object->node == !node)
			resource_add_label(append(page, kind, object->name), STACK, object->stack);
	}
}

/* Each job has another. */
static const char *task_id(void)
{
	static char id[16];

	snprintf(id, sizeof(id), "task%d", world.started);
	return id;
}

static void append_task(struct engine_answer *page)
{
	struct resource *task;

	if (!world.task_apps[0] || clock_now_ms() >= world.task_ends)
		return;
	task = append(page, RESOURCE_TASK, task_id());
	task->service_id = xstrdup("job");
	task->node = xstrdup("two");
	task->state = xstrdup("running");
	resource_add_label(task, NODE_JOB_LABEL, world.task_apps);
}

static int list(void *data, enum resource_kind kind, const struct list_filter *filter,
		uint64_t cookie, struct error *err)
{
	struct engine_answer *page = answer(cookie);

	(void)data;
	(void)err;
	if (kind == RESOURCE_NODE && world.node_listings_fail-- > 0) {
		page->outcome = ENGINE_NOT_NOW;
		(void)error_set(&page->error, ERROR_ENGINE, "no leader");
	} else if (kind == RESOURCE_NODE) {
		append(page, kind, "one")->state = xstrdup("ready");
		append(page, kind, "two")->state = xstrdup(world.node_state);
	} else if (kind == RESOURCE_TASK) {
		append_task(page);
	} else if (kind == RESOURCE_SERVICE && world.job_apps[0]) {
		resource_add_label(append(page, kind, "job"), NODE_JOB_LABEL, world.job_apps);
	}
	if (!filter)
		append_objects(page, kind, NULL);
	return 0;
}

static int remove_one(void *data, const struct resource *resource, uint64_t cookie,
		      struct error *err)
{
	(void)data;
	(void)err;
	answer(cookie);
	if (resource->kind == RESOURCE_SERVICE && !strcmp(resource->id, "job")) {
		world.job_apps[0] = '\0';
		if (world.task_ends == INT64_MAX)
			world.task_ends = clock_now_ms() + world.task_lasts_ms;
	}
	for (size_t i = 0; i < ARRAY_SIZE(world.objects); i++) {
		struct object *object = &world.objects[i];

		if (object->name && !object->node && object->kind == resource->kind &&
		    !strcmp(object->name, resource->id))
			object->name = NULL;
	}
	return 0;
}

/* The node does what it is told, by identity. */
static void carry_out(const char *order)
{
	for (size_t i = 0; i < ARRAY_SIZE(world.objects); i++) {
		struct object *object = &world.objects[i];
		char wanted[128];

		if (!object->name || !object->node)
			continue;
		if (object->kind == RESOURCE_VOLUME)
			snprintf(wanted, sizeof(wanted), "remove/two/volume/" CREATED "/%s",
				 object->name);
		else
			snprintf(wanted, sizeof(wanted), "remove/two/container/%s", object->name);
		if (!strcmp(order, wanted) &&
		    !(world.volumes_stay && object->kind == RESOURCE_VOLUME))
			object->name = NULL;
	}
}

static int start_job(void *data, const struct node_job *job, uint64_t cookie, struct error *err)
{
	struct engine_answer *page = answer(cookie);

	(void)data;
	(void)err;
	CHECK_TEXT(job->not_on, "one");
	CHECK_TEXT(job->image, "image");
	CHECK_NUMBER(strncmp(job->name, "ci-janitor-job-", 15), 0);
	world.started++;
	snprintf(world.job_apps, sizeof(world.job_apps), "%s", job->apps);
	snprintf(world.task_apps, sizeof(world.task_apps), "%s", job->ordered);
	world.task_ends = INT64_MAX;
	for (size_t i = 0; i < job->arguments->count; i++) {
		if (strncmp(job->arguments->words[i], "remove/", 7) != 0)
			continue;
		world.orders++;
		carry_out(job->arguments->words[i]);
	}
	if (world.start_is_unanswered) {
		page->outcome = ENGINE_NO_ANSWER;
		(void)error_set(&page->error, ERROR_UNREACHABLE, "hung up");
	} else {
		append(page, RESOURCE_SERVICE, "job");
	}
	return 0;
}

static int read_report(void *data, const char *task, uint64_t cookie, struct error *err)
{
	struct engine_answer *page = answer(cookie);

	(void)data;
	(void)err;
	CHECK_TEXT(task, task_id());
	if (world.refusal && world.started >= world.refuses_from) {
		page->outcome = ENGINE_REFUSED;
		(void)error_set(&page->error, ERROR_ENGINE, "%s", world.refusal);
		return 0;
	}
	append_objects(page, RESOURCE_CONTAINER, "two");
	append_objects(page, RESOURCE_VOLUME, "two");
	return 0;
}

static int take_answer(void *data, int timeout_ms, struct engine_answer *ret, struct error *err)
{
	(void)data;
	(void)err;
	if (!world.count) {
		clock_sleep_ms(timeout_ms < 5 ? timeout_ms : 5);
		return 0;
	}
	*ret = world.answers[0];
	memmove(world.answers, world.answers + 1, --world.count * sizeof(*ret));
	/* With no label of its own a task is one that looks only. */
	if (!world.task_apps[0] && world.job_apps[0])
		snprintf(world.task_apps, sizeof(world.task_apps), "nobody");
	return 1;
}

static int refresh_role(void *data, uint64_t cookie, struct error *err)
{
	(void)data;
	(void)err;
	answer(cookie);
	return 0;
}

static enum swarm_role role(void *data)
{
	(void)data;
	return SWARM_MANAGER;
}

static const char *swarm_state(void *data)
{
	(void)data;
	return "active";
}

static int64_t nodes(void *data)
{
	(void)data;
	return 2;
}

static const char *node_id(void *data)
{
	(void)data;
	return "one";
}

static int connect_world(void *data, int64_t timeout_ms, struct engine_port *ret, struct error *err)
{
	(void)timeout_ms;
	(void)err;
	*ret = (struct engine_port){
		.engine = data,
		.list = list,
		.remove = remove_one,
		.start_job = start_job,
		.read_report = read_report,
		.nodes = nodes,
		.node_id = node_id,
		.refresh_role = refresh_role,
		.wait = take_answer,
		.role = role,
		.swarm_state = swarm_state,
	};
	return 0;
}

static struct app_result last;

static void keep_result(void *data, const struct app_result *result)
{
	(void)data;
	app_result_release(&last);
	app_result_copy(result, &last);
}

/* Reaps "shop". */
static void reap_for(struct reap_target target)
{
	struct record record = { .known = true, .app = "shop" };
	struct app_hash hash = app_hash_of("shop");
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = small_engine_options(NULL, &settings);
	bool made;

	settings.engine_image = xstrdup("image");
	options.connect = connect_world;
	options.on_result = keep_result;
	CHECK_NUMBER(
		app_lock_try(&dir, &hash, LOCK_ROLE_JANITOR, &record, &target.lock, &made, NULL),
		LOCK_FREE);
	reap_targets(&dir, &target, 1, &options, &result);
	world.done_at = clock_now_ms();
	CHECK_NUMBER(world.count, 0);
	settings_release(&settings);
	app_lock_release(&target.lock);
}

/* As a sweep does. */
static void reap(void)
{
	reap_for((struct reap_target){ .app = "shop" });
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

static void begin(const struct object *objects, size_t count)
{
	world = (struct world){ .node_state = "ready", .task_lasts_ms = 100 };
	memcpy(world.objects, objects, count * sizeof(*objects));
}
#define BEGIN(...)                                                                                 \
	begin((const struct object[]){ __VA_ARGS__ },                                              \
	      sizeof((const struct object[]){ __VA_ARGS__ }) / sizeof(struct object))

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
	world.start_is_unanswered = true;
	reap();
	check_left("hung up");
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
	CU_ASSERT_TRUE(world.done_at >= world.task_ends);
	check_not_called_gone();
	CHECK_NUMBER(lockfile_is_there(), true);
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
	CU_ASSERT_TRUE(world.done_at >= ends);
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
	world = (struct world){ .node_state = "ready" };
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
TEST_SUITE_WITH(nodes, tests, set_up, NULL);
