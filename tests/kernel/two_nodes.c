#include "kernel/two_nodes.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "harness/harness.h"
#include "model/node_job.h"

#define STACK "com.docker.stack.namespace"
#define CREATED "2026-01-01T00:00:00Z"

static struct engine_answer *answer(struct two_nodes *swarm, uint64_t cookie)
{
	CU_ASSERT_FATAL(swarm->count < ARRAY_SIZE(swarm->answers));
	swarm->answers[swarm->count] =
		(struct engine_answer){ .cookie = cookie, .outcome = ENGINE_DONE };
	return &swarm->answers[swarm->count++];
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

static void append_objects(const struct two_nodes *swarm, struct engine_answer *page,
			   enum resource_kind kind, const char *node)
{
	for (size_t i = 0; i < swarm->object_count; i++) {
		const struct node_object *object = &swarm->objects[i];
		struct resource *resource;

		if (!object->name || object->kind != kind || !object->node != !node)
			continue;
		resource = append(page, kind, object->name);
		resource_add_label(resource, STACK, object->stack);
		/* Apps' tasks are on the other node, and have ended. */
		if (kind == RESOURCE_TASK) {
			resource->node = xstrdup("two");
			resource->state = xstrdup("shutdown");
		}
	}
}

/* Each job has another. */
static const char *task_id(const struct two_nodes *swarm)
{
	static char id[16];

	snprintf(id, sizeof(id), "task%d", swarm->started);
	return id;
}

static bool has_appeared(const struct two_nodes *swarm)
{
	return clock_now_ms() >= swarm->appears_at;
}

static void append_task(const struct two_nodes *swarm, struct engine_answer *page)
{
	struct resource *task;

	if (!swarm->task_apps[0] || !has_appeared(swarm) || clock_now_ms() >= swarm->task_ends)
		return;
	task = append(page, RESOURCE_TASK, task_id(swarm));
	task->service_id = xstrdup("job");
	task->node = xstrdup("two");
	task->state = xstrdup("running");
	resource_add_label(task, NODE_JOB_LABEL, swarm->task_apps);
}

static int list(void *data, enum resource_kind kind, const struct list_filter *filter,
		uint64_t cookie, struct error *err)
{
	struct two_nodes *swarm = data;
	struct engine_answer *page = answer(swarm, cookie);

	(void)err;
	if (kind == RESOURCE_NODE && swarm->node_listings_fail-- > 0) {
		page->outcome = ENGINE_NOT_NOW;
		(void)error_set(&page->error, ERROR_ENGINE, "no leader");
	} else if (kind == RESOURCE_NODE) {
		append(page, kind, "one")->state = xstrdup("ready");
		append(page, kind, "two")->state = xstrdup(swarm->node_state);
	} else if (kind == RESOURCE_TASK) {
		append_task(swarm, page);
	} else if (kind == RESOURCE_SERVICE && swarm->job_apps[0] && has_appeared(swarm)) {
		resource_add_label(append(page, kind, "job"), NODE_JOB_LABEL, swarm->job_apps);
	}
	if (!filter)
		append_objects(swarm, page, kind, NULL);
	return 0;
}

static int remove_one(void *data, const struct resource *resource, uint64_t cookie,
		      struct error *err)
{
	struct two_nodes *swarm = data;

	(void)err;
	answer(swarm, cookie);
	if (resource->kind == RESOURCE_SERVICE && !strcmp(resource->id, "job")) {
		swarm->job_apps[0] = '\0';
		if (swarm->task_ends == INT64_MAX)
			swarm->task_ends = clock_now_ms() + swarm->task_lasts_ms;
	}
	for (size_t i = 0; i < swarm->object_count; i++) {
		struct node_object *object = &swarm->objects[i];

		if (object->name && !object->node && object->kind == resource->kind &&
		    !strcmp(object->name, resource->id))
			object->name = NULL;
	}
	return 0;
}

/* The node does what it is told, by identity. */
static void carry_out(struct two_nodes *swarm, const char *order)
{
	static const char volume[] = "remove/two/volume/" CREATED "/";
	static const char container[] = "remove/two/container/";
	bool is_volume = !strncmp(order, volume, strlen(volume));

	if (!is_volume && strncmp(order, container, strlen(container)) != 0)
		return;
	order += is_volume ? strlen(volume) : strlen(container);
	for (size_t i = 0; i < swarm->object_count; i++) {
		struct node_object *object = &swarm->objects[i];

		if (object->name && object->node && !strcmp(object->name, order) &&
		    object->kind == (is_volume ? RESOURCE_VOLUME : RESOURCE_CONTAINER) &&
		    !(swarm->volumes_stay && is_volume))
			object->name = NULL;
	}
}

static void take_arguments(struct two_nodes *swarm, const struct word_list *arguments)
{
	size_t bytes = 0;

	for (size_t i = 0; i < arguments->count; i++) {
		bytes += strlen(arguments->words[i]) + 1;
		if (strncmp(arguments->words[i], "remove/", 7) != 0)
			continue;
		swarm->orders++;
		carry_out(swarm, arguments->words[i]);
	}
	if (bytes > swarm->most_bytes)
		swarm->most_bytes = bytes;
}

static bool is_unanswered(const struct two_nodes *swarm)
{
	return swarm->started && (swarm->unanswered < 0 || swarm->unanswered == swarm->started);
}

static int start_job(void *data, const struct node_job *job, uint64_t cookie, struct error *err)
{
	struct two_nodes *swarm = data;
	struct engine_answer *page = answer(swarm, cookie);

	(void)err;
	CHECK_TEXT(job->not_on, "one");
	CHECK_TEXT(job->image, "image");
	CHECK_NUMBER(strncmp(job->name, "ci-janitor-job-", 15), 0);
	swarm->overtaken += is_unanswered(swarm) && clock_now_ms() < swarm->task_ends;
	swarm->started++;
	swarm->appears_at = clock_now_ms() + swarm->appears_ms;
	snprintf(swarm->job_apps, sizeof(swarm->job_apps), "%s", job->apps);
	snprintf(swarm->task_apps, sizeof(swarm->task_apps), "%s", job->ordered);
	swarm->task_ends = INT64_MAX;
	take_arguments(swarm, job->arguments);
	if (is_unanswered(swarm)) {
		page->outcome = ENGINE_NO_ANSWER;
		(void)error_set(&page->error, ERROR_UNREACHABLE, "hung up");
	} else {
		append(page, RESOURCE_SERVICE, "job");
	}
	return 0;
}

static int read_report(void *data, const char *task, uint64_t cookie, struct error *err)
{
	struct two_nodes *swarm = data;
	struct engine_answer *page = answer(swarm, cookie);

	(void)err;
	CHECK_TEXT(task, task_id(swarm));
	if (swarm->refusal && swarm->started >= swarm->refuses_from) {
		page->outcome = ENGINE_REFUSED;
		(void)error_set(&page->error, ERROR_ENGINE, "%s", swarm->refusal);
		return 0;
	}
	append_objects(swarm, page, RESOURCE_CONTAINER, "two");
	append_objects(swarm, page, RESOURCE_VOLUME, "two");
	return 0;
}

static int take_answer(void *data, int timeout_ms, struct engine_answer *ret, struct error *err)
{
	struct two_nodes *swarm = data;

	(void)err;
	if (!swarm->count) {
		clock_sleep_ms(timeout_ms < 5 ? timeout_ms : 5);
		return 0;
	}
	*ret = swarm->answers[0];
	memmove(swarm->answers, swarm->answers + 1, --swarm->count * sizeof(*ret));
	/* With no label of its own a task is one that looks only. */
	if (!swarm->task_apps[0] && swarm->job_apps[0])
		snprintf(swarm->task_apps, sizeof(swarm->task_apps), "nobody");
	return 1;
}

static int refresh_role(void *data, uint64_t cookie, struct error *err)
{
	struct two_nodes *swarm = data;

	(void)err;
	answer(swarm, cookie);
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

static int connect_swarm(void *data, int64_t timeout_ms, struct engine_port *ret, struct error *err)
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

void two_nodes_connect(struct two_nodes *swarm, struct sweep_options *options)
{
	options->connect = connect_swarm;
	options->connect_data = swarm;
}
