/*
 * A request waits in `waiting`, is under way in `active`, and its answer is taken from `finished`.
 *
 * At most `connections` requests are under way, so that libcurl never queues: its time limits
 * would run while a request waits there. A request that has been under way for SLOW_MS no longer
 * counts: an engine that lets one app's removals hang still serves the others.
 */
#include "engine/engine.h"

#include <stdlib.h>

#include "address_internal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "http_internal.h"
#include "json_internal.h"
#include "request_internal.h"

#define SLOW_MS 1000
#define SLOW_FACTOR 8 /* slow ones included, at most so many times `connections` */
#define DEFAULT_MAX_BODY ((size_t)256 * 1024 * 1024)

struct queue {
	struct request *first;
	struct request **end;
};

struct engine {
	struct address address;
	struct engine_options options;
	struct http *http;
	struct engine_facts facts;
	struct queue waiting;
	struct queue active;
	struct queue finished;
	bool settled; /* libcurl has done all that it could without waiting */
};

static void queue_init(struct queue *queue)
{
	queue->first = NULL;
	queue->end = &queue->first;
}

static void queue_add(struct queue *queue, struct request *request)
{
	request->next = NULL;
	*queue->end = request;
	queue->end = &request->next;
}

static struct request *queue_take(struct queue *queue)
{
	struct request *request = queue->first;

	if (!request)
		return NULL;
	queue->first = request->next;
	if (!queue->first)
		queue->end = &queue->first;
	return request;
}

static void queue_drop(struct queue *queue, const struct request *request)
{
	for (struct request **at = &queue->first; *at; at = &(*at)->next) {
		if (*at != request)
			continue;
		*at = request->next;
		if (!*at)
			queue->end = at;
		return;
	}
}

static void queue_release(struct queue *queue)
{
	struct request *request;

	while ((request = queue_take(queue)))
		request_free(request);
}

void engine_close(struct engine *engine)
{
	if (!engine)
		return;
	for (struct request *at = engine->active.first; at; at = at->next)
		http_cancel(engine->http, &at->exchange);
	queue_release(&engine->waiting);
	queue_release(&engine->active);
	queue_release(&engine->finished);
	http_close(engine->http);
	address_release(&engine->address);
	free(engine);
}

static void cleanup_engine(struct engine **engine)
{
	engine_close(*engine);
}

const struct engine_facts *engine_get_facts(const struct engine *engine)
{
	return &engine->facts;
}

static int enqueue(struct engine *engine, struct request *request, uint64_t cookie)
{
	if (!request)
		return -1;
	request->answer.cookie = cookie;
	request->exchange.timeout_ms = request_type_writes(request->type)
					       ? engine->options.write_timeout_ms
					       : engine->options.read_timeout_ms;
	queue_add(&engine->waiting, request);
	return 0;
}

int engine_list(struct engine *engine, enum resource_kind kind, const struct list_filter *filter,
		uint64_t cookie, struct error *err)
{
	return enqueue(engine, request_list_new(kind, filter, engine->facts.api_version, err),
		       cookie);
}

int engine_remove(struct engine *engine, const struct resource *resource, uint64_t cookie,
		  struct error *err)
{
	return enqueue(engine, request_remove_new(resource, engine->facts.api_version, err),
		       cookie);
}

int engine_create_config(struct engine *engine, const struct resource *config, uint64_t cookie,
			 struct error *err)
{
	return enqueue(engine, request_create_new(config, engine->facts.api_version, err), cookie);
}

int engine_update_config(struct engine *engine, const struct resource *config, uint64_t cookie,
			 struct error *err)
{
	return enqueue(engine, request_update_new(config, engine->facts.api_version, err), cookie);
}

int engine_start_job(struct engine *engine, const struct node_job *job, uint64_t cookie,
		     struct error *err)
{
	return enqueue(engine, request_job_new(job, engine->facts.api_version, err), cookie);
}

int engine_read_report(struct engine *engine, const char *task, uint64_t cookie, struct error *err)
{
	return enqueue(engine, request_report_new(task, engine->facts.api_version, err), cookie);
}

int engine_refresh_role(struct engine *engine, uint64_t cookie, struct error *err)
{
	(void)err;
	return enqueue(engine, request_role_new(engine->options.wants_nodes, false), cookie);
}

int engine_ask_node(struct engine *engine, uint64_t cookie, struct error *err)
{
	(void)err;
	return enqueue(engine, request_role_new(true, false), cookie);
}

static void take_facts(struct engine *engine, const struct engine_facts *facts)
{
	engine->facts = *facts;
	engine->facts.is_local = engine->address.socket_path != NULL;
}

static void finish(struct engine *engine, struct request *request)
{
	if (request->type == REQUEST_ROLE && request->answer.outcome == ENGINE_DONE)
		take_facts(engine, &request->facts);
	queue_add(&engine->finished, request);
}

static void start(struct engine *engine, struct request *request)
{
	struct engine_answer *answer = &request->answer;

	engine->settled = false;
	request->started_ms = clock_now_ms();
	request->exchange.path = request->path;
	if (http_start(engine->http, &request->exchange, &answer->error) == 0) {
		queue_add(&engine->active, request);
		return;
	}
	answer->outcome = ENGINE_REFUSED;
	finish(engine, request);
}

/* Milliseconds until a place is free by a request becoming slow; 0: there is a place now; -1: only
 * an answer frees one. */
static int64_t place_in(const struct engine *engine, int64_t now)
{
	int active = 0;
	int quick = 0;
	int64_t soonest = SLOW_MS;

	for (const struct request *at = engine->active.first; at; at = at->next) {
		int64_t left = at->started_ms + SLOW_MS - now;

		active++;
		if (left <= 0)
			continue;
		quick++;
		if (left < soonest)
			soonest = left;
	}
	if (active >= engine->options.connections * SLOW_FACTOR)
		return -1;
	return quick < engine->options.connections ? 0 : soonest;
}

static void start_waiting(struct engine *engine)
{
	struct request *request;

	while (engine->waiting.first && place_in(engine, clock_now_ms()) == 0 &&
	       (request = queue_take(&engine->waiting)))
		start(engine, request);
}

static void collect(struct engine *engine)
{
	struct http_exchange *exchange;

	while ((exchange = http_take_finished(engine->http))) {
		struct request *request = exchange->user;

		queue_drop(&engine->active, request);
		if (request_finish(request, engine->address.text))
			finish(engine, request);
		else
			start(engine, request);
	}
}

static int perform(struct engine *engine, bool in_any_case, struct error *err)
{
	if (engine->settled && !in_any_case)
		return 0;
	engine->settled = true;
	if (http_perform(engine->http, err) < 0)
		return -1;
	collect(engine);
	return 0;
}

static bool take_answer(struct engine *engine, struct engine_answer *ret)
{
	struct request *request = queue_take(&engine->finished);

	if (!request)
		return false;
	*ret = request->answer;
	request->answer.list = (struct resource_list){ 0 };
	request_free(request);
	return true;
}

/* How long to sleep at most: until the deadline, or until a waiting request gets a place. */
static int sleep_ms(const struct engine *engine, int left)
{
	int64_t place = engine->waiting.first ? place_in(engine, clock_now_ms()) : -1;

	if (place >= 0 && (left < 0 || place < left))
		return (int)place;
	return left;
}

int engine_wait(struct engine *engine, int timeout_ms, struct engine_answer *ret, struct error *err)
{
	int64_t deadline = clock_deadline(timeout_ms);
	bool woken = false;

	for (;;) {
		int left;

		start_waiting(engine);
		if (perform(engine, timeout_ms == 0, err) < 0)
			return -1;
		if (take_answer(engine, ret))
			return 1;
		left = clock_left(deadline);
		if (woken || left == 0)
			return 0;
		engine->settled = false;
		if (http_sleep(engine->http, sleep_ms(engine, left), engine->options.wake_fd,
			       &woken, err) < 0)
			return -1;
	}
}

/* The first look; every way in which it fails means that no usable engine is there. */
static int look(struct engine *engine, struct error *err)
{
	int64_t limit = engine->options.open_timeout_ms;
	int64_t deadline = clock_deadline(limit ? limit : CLOCK_NEVER);
	struct engine_answer answer;
	int result;

	if (enqueue(engine,
		    request_role_new(engine->options.wants_nodes, engine->options.role_can_wait),
		    0) < 0)
		return -1;
	result = engine_wait(engine, clock_left(deadline), &answer, err);
	if (result < 0)
		return -1;
	if (result == 0 && clock_left(deadline) == 0)
		return error_set(err, ERROR_UNREACHABLE,
				 "unable to reach the engine: %s has not answered in time",
				 engine->address.text);
	if (result == 0)
		return error_set(err, ERROR_UNREACHABLE,
				 "unable to reach the engine: interrupted while waiting for %s",
				 engine->address.text);
	if (answer.outcome == ENGINE_DONE)
		return 0;
	if (answer.error.kind == ERROR_ENGINE)
		answer.error.kind = ERROR_UNREACHABLE;
	if (err)
		*err = answer.error;
	return -1;
}

int engine_open(struct engine **ret, const struct engine_options *options, struct error *err)
{
	CLEANUP(cleanup_engine) struct engine *engine = xcalloc(1, sizeof(*engine));
	struct http_options http = { .connect_timeout_ms = options->connect_timeout_ms };

	queue_init(&engine->waiting);
	queue_init(&engine->active);
	queue_init(&engine->finished);
	engine->options = *options;
	engine->options.host = NULL; /* the caller's; address has it */
	if (engine->options.connections < 1)
		engine->options.connections = 1;
	http.connections = engine->options.connections * SLOW_FACTOR;
	http.max_body = options->max_body ? options->max_body : DEFAULT_MAX_BODY;
	if (address_parse(options->host, &engine->address, err) < 0 || json_load_library(err) < 0 ||
	    http_open(&engine->http, &engine->address, &http, err) < 0 || look(engine, err) < 0)
		return -1;
	*ret = engine;
	engine = NULL;
	return 0;
}
