/*
 * A node job's task (reaping.md, "More than one node"): removes what it was told, reports what its
 * node has of the apps, and waits to be told to end, so that the engine removes its container, too.
 *
 *	label/KEY			an object is an app's when this label of it ...
 *	app/HASH			... names an app or stack of this hash,
 *	service/ID			or when it belongs to this service
 *	remove/NODE/container/ID	on this node
 *	remove/NODE/volume/CREATED/NAME	the same, and only the volume that was made then
 *
 * It may be carried out late, when the apps have come to life again: nodes are cut off, and paused.
 * So it removes only what it is told by its identity, which was listed when the app was dead, and
 * for volumes compares when they were made right before each removal; and nothing at all later than
 * LIFE_SECONDS after its start.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "commands_internal.h"
#include "engine/node_report.h"
#include "kernel/signals.h"
#include "model/node_job.h"

#define OLD_JOB UINT64_MAX /* the cookie of what an earlier job has left */
#define LIFE_SECONDS 20
#define IN_USE_MS 5000
#define RETRY_MS 50

struct order {
	const char *text;    /* as told */
	const char *created; /* of a volume; NULL: a container */
	size_t created_length;
	const char *id;
	char reason[200]; /* why it is not removed; empty: it may be */
	bool in_use;
};

struct work {
	struct engine_port port;
	const char *node;
	int64_t ends_at; /* second since the boot, suspended time included */
	char **operands;
	struct order *orders; /* of this node */
	size_t order_count;
};

/* What follows "prefix/", NULL when the text doesn't begin so. */
static const char *after(const char *text, const char *prefix)
{
	size_t length = strlen(prefix);

	return text && !strncmp(text, prefix, length) && text[length] == '/' ? text + length + 1
									     : NULL;
}

/* 1: an order for this node; 0: for another; -1: none at all. */
static int parse_order(const char *text, const char *node, struct order *ret)
{
	const char *rest = strchr(text, '/');
	const char *created = rest ? after(rest + 1, "volume") : NULL;
	const char *id = created ? strchr(created, '/')
			 : rest	 ? after(rest + 1, "container")
				 : NULL;

	if (created && id)
		*ret = (struct order){ .text = text,
				       .created = created,
				       .created_length = (size_t)(id - created),
				       .id = id + 1 };
	else
		*ret = (struct order){ .text = text, .id = id };
	if (!ret->id || !*ret->id)
		return -1;
	return after(text, node) ? 1 : 0;
}

static int parse_operands(struct work *work, struct error *err)
{
	for (char **operand = work->operands; *operand; operand++) {
		const char *order = after(*operand, "remove");
		int parsed =
			order ? parse_order(order, work->node, &work->orders[work->order_count])
			      : 0;

		if (parsed < 0 || (!order && !after(*operand, "label") && !after(*operand, "app") &&
				   !after(*operand, "service")))
			return error_set(err, ERROR_USAGE, "reap-node: bad argument %s", *operand);
		work->order_count += parsed;
	}
	return 0;
}

static bool is_told(const char *const *operands, const char *what, const char *value)
{
	for (; *operands; operands++) {
		const char *told = after(*operands, what);

		if (told && !strcmp(told, value))
			return true;
	}
	return false;
}

/* Is it of one of the apps, as far as it can be told here? The janitor judges what is reported. */
static bool is_wanted(const struct work *work, const struct resource *resource)
{
	const char *const *operands = (const char *const *)work->operands;

	if (resource->service_id && is_told(operands, "service", resource->service_id))
		return true;
	for (size_t i = 0; i < resource->label_count; i++) {
		const struct label *label = &resource->labels[i];
		struct app_hash hash;

		if (!app_name_is_valid(label->value) || !is_told(operands, "label", label->key))
			continue;
		hash = app_hash_of(label->value);
		if (is_told(operands, "app", hash.hex))
			return true;
	}
	return false;
}

/* A report is JSON, which takes valid UTF-8 only; an engine's words, or what was cut of them, may
 * be anything. */
static void set_reason(struct order *order, const char *reason)
{
	(void)snprintf(order->reason, sizeof(order->reason), "%.199s", reason);
	for (char *c = order->reason; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	order->in_use = false;
}

/* Waits for so many answers; lists are put together. Those to orders tell in their cookie which;
 * what could not be removed of an old job is nobody's loss. */
static int gather(struct work *work, size_t count, struct resource_list *list, struct error *err)
{
	while (count) {
		struct engine_answer answer;
		int got = work->port.wait(work->port.engine, -1, &answer, err);

		if (got < 0)
			return -1;
		if (got == 0)
			return error_set(err, ERROR_TIMEOUT, "told to stop");
		count--;
		if (answer.cookie && answer.cookie != OLD_JOB) {
			struct order *order = &work->orders[answer.cookie - 1];

			if (answer.outcome != ENGINE_DONE && answer.outcome != ENGINE_ALREADY_GONE)
				set_reason(order, answer.error.message);
			order->in_use =
				answer.outcome == ENGINE_IN_USE || answer.outcome == ENGINE_NOT_NOW;
		} else if (answer.outcome == ENGINE_DONE) {
			resource_list_move(list, &answer.list);
		} else if (!answer.cookie) {
			*err = answer.error;
			return -1;
		}
		resource_list_release(&answer.list);
	}
	return 0;
}

static int list(struct work *work, enum resource_kind kind, struct resource_list *ret,
		struct error *err)
{
	return work->port.list(work->port.engine, kind, NULL, 0, err) < 0 ||
			       gather(work, 1, ret, err) < 0
		       ? -1
		       : 0;
}

static bool is_meant(const struct order *order, const struct resource *resource)
{
	if ((resource->kind == RESOURCE_VOLUME) != (order->created != NULL) ||
	    strcmp(resource->id, order->id) != 0)
		return false;
	return !order->created ||
	       (resource->created && strlen(resource->created) == order->created_length &&
		!strncmp(resource->created, order->created, order->created_length));
}

/* One order; then all the exited containers of earlier jobs, whose janitors have died. */
static bool is_to_go(struct work *work, const struct resource *resource, uint64_t *ret_cookie)
{
	for (size_t i = 0; i < work->order_count; i++)
		if (is_meant(&work->orders[i], resource)) {
			*ret_cookie = i + 1;
			return true;
		}
	return false;
}

static bool is_old_job(const struct resource *resource)
{
	return resource->kind == RESOURCE_CONTAINER && resource_label(resource, NODE_JOB_LABEL) &&
	       resource->state && !strcmp(resource->state, "exited");
}

/* One round for one kind: fresh from the listing, since it compares what the listing says. */
static int remove_listed(struct work *work, enum resource_kind kind, struct error *err)
{
	CLEANUP(resource_list_release) struct resource_list found = { 0 };
	struct resource_list none = { 0 };

	if (list(work, kind, &found, err) < 0)
		return -1;
	for (size_t i = 0; i < found.count; i++) {
		const struct resource *resource = &found.items[i];
		uint64_t cookie = OLD_JOB;

		if (!is_to_go(work, resource, &cookie) && !is_old_job(resource))
			continue;
		if (cookie != OLD_JOB)
			set_reason(&work->orders[cookie - 1], "");
		if (clock_boot_seconds() >= work->ends_at) {
			if (cookie != OLD_JOB)
				set_reason(&work->orders[cookie - 1], "its task's time was over");
			continue;
		}
		if (work->port.remove(work->port.engine, resource, cookie, err) < 0 ||
		    gather(work, 1, &none, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_any_in_use(const struct work *work)
{
	for (size_t i = 0; i < work->order_count; i++)
		if (work->orders[i].in_use && work->orders[i].reason[0])
			return true;
	return false;
}

static int carry_out(struct work *work, struct error *err)
{
	int64_t deadline = clock_deadline(IN_USE_MS);

	if (remove_listed(work, RESOURCE_CONTAINER, err) < 0)
		return -1;
	if (!work->order_count)
		return 0;
	while (remove_listed(work, RESOURCE_VOLUME, err) == 0) {
		if (!is_any_in_use(work) || clock_left(deadline) == 0)
			return 0;
		clock_sleep_ms(RETRY_MS);
	}
	return -1;
}

static void explain(const struct work *work, struct resource *resource)
{
	for (size_t i = 0; i < work->order_count; i++)
		if (is_meant(&work->orders[i], resource) && work->orders[i].reason[0])
			resource->error = xstrdup(work->orders[i].reason);
}

static int report(struct work *work, struct error *err)
{
	CLEANUP(resource_list_release) struct resource_list found = { 0 };
	CLEANUP(resource_list_release) struct resource_list wanted = { 0 };
	CLEANUP_TEXT struct text text = { 0 };

	if (list(work, RESOURCE_CONTAINER, &found, err) < 0 ||
	    list(work, RESOURCE_VOLUME, &found, err) < 0)
		return -1;
	for (size_t i = 0; i < found.count; i++) {
		struct resource *copy;

		if (!is_wanted(work, &found.items[i]))
			continue;
		copy = resource_list_append(&wanted, found.items[i].kind);
		resource_copy(&found.items[i], copy);
		explain(work, copy);
	}
	if (node_report_write(&text, &wanted, err) < 0)
		return -1;
	if (fputs(text_get(&text), stdout) < 0 || fflush(stdout))
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to write the report");
	return 0;
}

static int work_on_node(struct work *work, const char *node, struct error *err)
{
	size_t count = 0;

	while (work->operands[count])
		count++;
	work->node = node;
	work->orders = xcalloc(count + 1, sizeof(*work->orders));
	return parse_operands(work, err) < 0 || carry_out(work, err) < 0 || report(work, err) < 0
		       ? -1
		       : 0;
}

int command_reap_node(struct context *context, char **operands)
{
	struct error err = { .kind = ERROR_NONE };
	struct work work = { .operands = operands, .ends_at = clock_boot_seconds() + LIFE_SECONDS };
	struct engine_connection connection = { .settings = &context->settings,
						.wants_nodes = true };
	struct pollfd wake = { .fd = signals_watch_termination(&err), .events = POLLIN };
	int status;

	connection.wake_fd = wake.fd;
	status = wake.fd < 0 || engine_connect(&connection, -1, &work.port, &err) < 0 ||
				 work_on_node(&work, engine_get_facts(connection.engine)->node_id,
					      &err) < 0
			 ? command_fail(&err)
			 : 0;
	if (status == 0)
		(void)poll(&wake, 1, LIFE_SECONDS * 1000);
	engine_disconnect(&connection);
	free(work.orders);
	cleanup_close(&wake.fd);
	return status;
}
