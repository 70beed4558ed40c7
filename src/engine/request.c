#include "request_internal.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"
#include "json_internal.h"
#include "node_job_internal.h"
#include "resource_json_internal.h"

static const struct endpoint {
	const char *collection;	  /* in the path of a removal */
	const char *listing;	  /* in the path of a listing; a query may follow with '&' or '?' */
	const char *remove_query; /* NULL: never removed */
	bool no_filter;
} endpoints[RESOURCE_KIND_COUNT] = {
	[RESOURCE_SERVICE] = { "services", "services", "", false },
	/* The engine compares this filter with the service's labels, not the container's. */
	[RESOURCE_TASK] = { "tasks", "tasks", NULL, true },
	[RESOURCE_CONTAINER] = { "containers", "containers/json?all=1", "?force=1&v=1", false },
	[RESOURCE_SECRET] = { "secrets", "secrets", "", false },
	[RESOURCE_CONFIG] = { "configs", "configs", "", false },
	[RESOURCE_NODE] = { "nodes", "nodes", NULL, false },
	[RESOURCE_NETWORK] = { "networks", "networks", "", false },
	[RESOURCE_VOLUME] = { "volumes", "volumes", "", false },
};

struct request *request_new(enum request_type type, enum resource_kind kind, char *action,
			    char *path)
{
	struct request *request = xcalloc(1, sizeof(*request));

	request->type = type;
	request->kind = kind;
	request->action = action;
	request->path = path;
	request->exchange.user = request;
	request->exchange.removal = type == REQUEST_REMOVE;
	return request;
}

void request_free(struct request *request)
{
	if (!request)
		return;
	free(request->action);
	free(request->path);
	free(request->body);
	reply_release(&request->exchange.reply);
	resource_list_release(&request->answer.list);
	resource_release(&request->expected);
	free(request);
}

/* "?filters=..."; NULL when the filter is no text that JSON can carry. */
static char *filter_query(const struct list_filter *filter, const char *listing)
{
	CLEANUP_FREE char *json = json_list_filter(filter);
	CLEANUP_FREE char *escaped = json ? http_escape(json) : NULL;

	if (!escaped)
		return NULL;
	return xasprintf("%sfilters=%s", strchr(listing, '?') ? "&" : "?", escaped);
}

struct request *request_list_new(enum resource_kind kind, const struct list_filter *filter,
				 const char *api_version, struct error *err)
{
	CLEANUP_FREE char *filters = NULL;
	const struct endpoint *endpoint;

	if ((unsigned)kind >= RESOURCE_KIND_COUNT || !endpoints[kind].listing) {
		(void)error_set(err, ERROR_BUG, "unable to list: no such kind of object: %d", kind);
		return NULL;
	}
	endpoint = &endpoints[kind];
	if (filter &&
	    (filter->service || ((filter->key || filter->name_count) && !endpoint->no_filter))) {
		filters = filter_query(filter, endpoint->listing);
		if (!filters) {
			(void)error_set(err, ERROR_BUG, "unable to list %s: bad filter",
					endpoint->collection);
			return NULL;
		}
	}
	return request_new(
		REQUEST_LIST, kind, xasprintf("list %s", endpoint->collection),
		xasprintf("/v%s/%s%s", api_version, endpoint->listing, filters ? filters : ""));
}

static bool is_removable(const struct resource *resource)
{
	const char *id = resource->id;

	return (unsigned)resource->kind < RESOURCE_KIND_COUNT &&
	       endpoints[resource->kind].remove_query && id && *id && strcmp(id, ".") != 0 &&
	       strcmp(id, "..") != 0;
}

/* Whatever else goes by an id, a volume has only a name, which may be another's by now. */
static void examine_first(struct request *request, const struct resource *resource)
{
	if (resource->kind != RESOURCE_VOLUME || !resource->created)
		return;
	resource_copy(resource, &request->expected);
	request->examines = true;
	request->exchange.removal = false;
}

struct request *request_remove_new(const struct resource *resource, const char *api_version,
				   struct error *err)
{
	CLEANUP_FREE char *id = NULL;
	const struct endpoint *endpoint;
	struct request *request;

	if (is_removable(resource))
		id = http_escape(resource->id);
	if (!id) {
		(void)error_set(err, ERROR_BUG, "unable to remove %.100s: not a removable object",
				resource->id ? resource->id : "(no id)");
		return NULL;
	}
	endpoint = &endpoints[resource->kind];
	request = request_new(REQUEST_REMOVE, resource->kind,
			      xasprintf("remove %s %.100s", resource_kind_name(resource->kind),
					resource->name ? resource->name : resource->id),
			      xasprintf("/v%s/%s/%s%s", api_version, endpoint->collection, id,
					endpoint->remove_query));
	examine_first(request, resource);
	return request;
}

/* Takes the path and the body over. */
static struct request *write_new(enum request_type type, const struct resource *config, char *path,
				 char *body, struct error *err)
{
	const char *verb = type == REQUEST_CREATE ? "create" : "update";
	struct request *request;

	if (!body) {
		free(path);
		(void)error_set(err, ERROR_BUG, "unable to %s config: not valid UTF-8", verb);
		return NULL;
	}
	request = request_new(type, config->kind, xasprintf("%s config %.100s", verb, config->name),
			      path);
	request->body = body;
	request->exchange.body = body;
	return request;
}

struct request *request_create_new(const struct resource *config, const char *api_version,
				   struct error *err)
{
	return write_new(REQUEST_CREATE, config, xasprintf("/v%s/configs/create", api_version),
			 json_config(config, true), err);
}

struct request *request_update_new(const struct resource *config, const char *api_version,
				   struct error *err)
{
	CLEANUP_FREE char *id = is_removable(config) ? http_escape(config->id) : NULL;

	if (!id) {
		(void)error_set(err, ERROR_BUG, "unable to update a config: it has no id");
		return NULL;
	}
	return write_new(REQUEST_UPDATE, config,
			 xasprintf("/v%s/configs/%s/update?version=%" PRIu64, api_version, id,
				   config->version),
			 json_config(config, false), err);
}

struct request *request_job_new(const struct node_job *job, const char *api_version,
				struct error *err)
{
	CLEANUP_FREE char *body = node_job_json(job);
	struct request *request;

	if (!body) {
		(void)error_set(err, ERROR_BUG, "unable to create service %s: not valid UTF-8",
				job->name);
		return NULL;
	}
	request = request_new(REQUEST_JOB, RESOURCE_SERVICE,
			      xasprintf("create service %s", job->name),
			      xasprintf("/v%s/services/create", api_version));
	request->exchange.body = request->body = body;
	body = NULL;
	return request;
}

struct request *request_report_new(const char *task, const char *api_version, struct error *err)
{
	CLEANUP_FREE char *id = http_escape(task);

	if (!id) {
		(void)error_set(err, ERROR_BUG, "unable to read the log of a task: no id");
		return NULL;
	}
	return request_new(REQUEST_REPORT, RESOURCE_TASK,
			   xasprintf("read the log of task %.100s", task),
			   xasprintf("/v%s/tasks/%s/logs?stdout=1&stderr=1", api_version, id));
}

static enum engine_outcome finish_list(struct request *request, const char *address)
{
	struct engine_answer *answer = &request->answer;
	struct reply *reply = &request->exchange.reply;

	if (!reply_is_json(reply)) {
		(void)error_set(&answer->error, ERROR_ENGINE,
				"unable to %s: %s answered with %s instead of JSON",
				request->action, address,
				*reply->headers.content_type ? reply->headers.content_type
							     : "no content type");
		return ENGINE_REFUSED;
	}
	if (resource_json_parse(request->kind, text_get(&reply->body), reply->body.length,
				&answer->list, &answer->error) < 0) {
		(void)error_add_context(&answer->error, "unable to %s", request->action);
		return ENGINE_REFUSED;
	}
	return ENGINE_DONE;
}

static enum engine_outcome finish_job(struct request *request)
{
	const struct text *body = &request->exchange.reply.body;
	struct engine_answer *answer = &request->answer;

	if (node_job_parse_created(text_get(body), body->length, &answer->list, &answer->error) ==
	    0)
		return ENGINE_DONE;
	(void)error_add_context(&answer->error, "unable to %s", request->action);
	return ENGINE_NO_ANSWER;
}

static enum engine_outcome finish_report(struct request *request)
{
	const struct text *body = &request->exchange.reply.body;

	return node_report_parse(text_get(body), body->length, &request->answer.list,
				 &request->answer.error);
}

static bool has_labels_of(const struct resource *a, const struct resource *b)
{
	for (size_t i = 0; i < b->label_count; i++) {
		const char *value = resource_label(a, b->labels[i].key);

		if (!value || strcmp(value, b->labels[i].value) != 0)
			return false;
	}
	return a->label_count == b->label_count;
}

static bool is_same(const struct resource *a, const struct resource *b)
{
	int64_t made[2];

	/* By the second: the text may be written in another way. */
	if (a->created && b->created && parse_time(a->created, &made[0], NULL) == 0 &&
	    parse_time(b->created, &made[1], NULL) == 0 && made[0] != made[1])
		return false;
	return !a->malformed && a->name && b->name && !strcmp(a->name, b->name) && a->driver &&
	       b->driver && !strcmp(a->driver, b->driver) && has_labels_of(a, b);
}

/* Returns false when the removal is to be sent now. */
static bool finish_look(struct request *request)
{
	CLEANUP(resource_release) struct resource found = { .kind = request->kind };
	const struct text *body = &request->exchange.reply.body;
	struct engine_answer *answer = &request->answer;

	answer->outcome = ENGINE_REFUSED;
	if (resource_json_parse_one(&found, text_get(body), body->length, &answer->error) < 0) {
		(void)error_add_context(&answer->error, "unable to %s", request->action);
		return true;
	}
	request->examines = false;
	request->exchange.removal = true;
	if (is_same(&found, &request->expected))
		return false;
	answer->outcome = ENGINE_CHANGED;
	(void)error_set(&answer->error, ERROR_ENGINE,
			"unable to %s: what goes by this name is not what was listed",
			request->action);
	return true;
}

/* A look that was not answered has removed nothing. */
static enum engine_outcome outcome_of(const struct request *request, const char *address,
				      struct error *err)
{
	enum engine_outcome outcome = reply_classify(&request->exchange.reply, request->type,
						     request->action, address, err);

	return request->examines && outcome == ENGINE_NO_ANSWER ? ENGINE_NOT_NOW : outcome;
}

bool request_finish(struct request *request, const char *address)
{
	struct engine_answer *answer = &request->answer;
	bool finished = true;

	answer->outcome = outcome_of(request, address, &answer->error);
	if (request->type == REQUEST_ROLE)
		finished = request_role_finish(request, address);
	else if (answer->outcome == ENGINE_DONE && request->type == REQUEST_LIST)
		answer->outcome = finish_list(request, address);
	else if (answer->outcome == ENGINE_DONE && request->examines)
		finished = finish_look(request);
	else if (answer->outcome == ENGINE_DONE && request->type == REQUEST_JOB)
		answer->outcome = finish_job(request);
	else if (answer->outcome == ENGINE_DONE && request->type == REQUEST_REPORT)
		answer->outcome = finish_report(request);
	reply_release(&request->exchange.reply);
	return finished;
}
