/* What jobs give to a round on the swarm's other nodes, and what they have of it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "nodes_internal.h"

#define TRIES_MAX 2
#define RETRY_MS 100
/* A round's arguments are a process's, whom the kernel gives 2 MiB for all of them, and an object
 * of the swarm's store, which takes 1.5 MiB. What is left over is the next round's. */
#define APPS_BYTES (128 * 1024)
#define ORDERS_BYTES (64 * 1024) /* some 600: no more than a node removes in its task's time */

/* Remote objects are told from this engine's by their node. */
bool nodes_is_remote(const struct resource *resource)
{
	return resource->node && resource->kind != RESOURCE_TASK;
}

static bool is_to_go(const struct item *item)
{
	return nodes_is_remote(&item->resource) && item->listed && !item->refused &&
	       item->state != ITEM_FINISHED;
}

bool nodes_are_wanted(const struct reaper *reaper, const struct job *job)
{
	const struct reap_target *target = job->target;

	if (!reaper->options->settings->engine_image || reaper->options->dry_run ||
	    target->search || target->live ||
	    reaper->port.role(reaper->port.engine) != SWARM_MANAGER ||
	    reaper->port.nodes(reaper->port.engine) < 2)
		return false;
	/* A fresh start without a predecessor. */
	if (target->for_run && target->created && !job->item_count)
		return false;
	for (size_t i = 0; i < job->item_count; i++)
		if (is_to_go(&job->items[i]))
			return true;
	return !job->round;
}

void nodes_enter(struct job *job)
{
	job_enter(job, JOB_NODES);
	job->stage_since = clock_now_ms();
	job->nodes_asked = false;
}

/* Returns what it takes. */
static size_t add_argument(struct word_list *arguments, char *text)
{
	size_t length = strlen(text);

	word_list_append(arguments, text, length);
	free(text);
	return length + 1;
}

static size_t add_app(const struct reaper *reaper, const struct job *job,
		      struct word_list *arguments)
{
	CLEANUP(word_list_release) struct word_list names = { 0 };
	size_t bytes = add_argument(arguments, xasprintf("app/%s", job->result.hash.hex));

	(void)plan_names(reaper, job, &names);
	for (size_t i = 0; i < names.count; i++) {
		struct app_hash hash = app_hash_of(names.words[i]);

		if (!app_hash_equal(&hash, &job->result.hash))
			bytes += add_argument(arguments, xasprintf("app/%s", hash.hex));
	}
	for (size_t i = 0; i < job->services.count; i++)
		bytes += add_argument(arguments, xasprintf("service/%s", job->services.words[i]));
	return bytes;
}

/* What can't be ordered is judged like what was and stays. */
static size_t add_order(const struct resource *resource, struct word_list *arguments)
{
	if (strlen(resource->id) > NAME_MAX)
		return 0;
	if (resource->kind == RESOURCE_CONTAINER)
		return add_argument(arguments, xasprintf("remove/%s/container/%s", resource->node,
							 resource->id));
	if (!resource->created)
		return 0;
	return add_argument(arguments, xasprintf("remove/%s/volume/%s/%s", resource->node,
						 resource->created, resource->id));
}

/* At least one, if the job has any, and no more than fit. Is there any? */
static bool add_orders(struct job *job, size_t bytes_max, struct word_list *arguments)
{
	size_t bytes = 0;
	bool any = false;

	for (size_t i = 0; i < job->item_count && (!any || bytes < bytes_max); i++) {
		struct item *item = &job->items[i];

		if (!is_to_go(item))
			continue;
		bytes += add_order(&item->resource, arguments);
		item->state = ITEM_SENT;
		any = true;
	}
	return any;
}

static void add_hash(struct text *apps, const struct job *job)
{
	text_appendf(apps, "%s%s", apps->length ? " " : "", job->result.hash.hex);
}

static bool is_asked(const struct job *job)
{
	return job->state == JOB_NODES && job->nodes_asked;
}

/* Returns how many there are; those that don't fit wait for the next round. */
static size_t collect_apps(struct reaper *reaper, struct text *apps, struct word_list *arguments)
{
	size_t bytes = 0, count = 0;

	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];

		if (!is_asked(job))
			continue;
		job->nodes_asked = bytes < APPS_BYTES;
		if (!job->nodes_asked)
			continue;
		add_hash(apps, job);
		bytes += add_app(reaper, job, arguments);
		count++;
	}
	return count;
}

void nodes_collect(struct reaper *reaper, struct text *apps, struct text *ordered,
		   struct word_list *arguments)
{
	const struct settings *settings = reaper->options->settings;
	size_t count;

	for (size_t i = 0; i < settings->app_labels.count; i++)
		(void)add_argument(arguments, xasprintf("label/%s", settings->app_labels.words[i]));
	count = collect_apps(reaper, apps, arguments);
	for (size_t i = 0; i < reaper->job_count; i++)
		if (is_asked(&reaper->jobs[i]) &&
		    add_orders(&reaper->jobs[i], ORDERS_BYTES / count, arguments))
			add_hash(ordered, &reaper->jobs[i]);
}

static const struct resource *find_reported(const struct nodes *nodes,
					    const struct resource *wanted)
{
	for (size_t i = 0; i < nodes->found.count; i++) {
		const struct resource *found = &nodes->found.items[i];

		if (found->kind == wanted->kind && !strcmp(found->id, wanted->id) &&
		    !strcmp(found->node, wanted->node))
			return found;
	}
	return NULL;
}

/* What was ordered, now or before the node fell silent, and is not reported any more is gone. Of a
 * node that is silent neither that nor what was left for a later round is known to be gone. */
static void judge_item(struct nodes *nodes, struct job *job, struct item *item)
{
	struct action *action = &job->result.actions[item->action];
	struct other_node *node = nodes_find(nodes, item->resource.node);
	bool silent = !node || !node->reported;
	bool sent = item->state == ITEM_SENT;
	const struct resource *found;

	if (!nodes_is_remote(&item->resource) || item->state == ITEM_FINISHED ||
	    (!silent && !sent && !item->refused))
		return;
	found = silent ? NULL : find_reported(nodes, &item->resource);
	if (!silent && !found) {
		item->state = ITEM_FINISHED;
		action_set_outcome(action, ACTION_REMOVED, NULL);
		return;
	}
	item->state = ITEM_WAITING;
	item->tries += sent;
	item->refused = silent || item->tries >= TRIES_MAX;
	if (silent)
		(void)error_set(&job->last_error, ERROR_ENGINE, "unable to clean node %s: %s",
				node ? node->name : item->resource.node,
				node ? node->reason : "it is not in the swarm any more");
	else
		(void)error_set(&job->last_error, ERROR_ENGINE, "node %s: %s", node->name,
				found->error ? found->error : "it is still there");
	action_set_outcome(action, ACTION_FAILED, job->last_error.message);
}

static bool has_unfinished(const struct job *job, const struct other_node *node)
{
	for (size_t i = 0; i < job->item_count; i++)
		if (nodes_is_remote(&job->items[i].resource) &&
		    !strcmp(job->items[i].resource.node, node->id) &&
		    job->items[i].state != ITEM_FINISHED)
			return true;
	return false;
}

/* A run's own teardown knows where its tasks were, if it saw them, and what was reported; what else
 * a node that is down might have must not fail every run. A sweep of what a dead one has left
 * doesn't know. */
static bool may_have_something(const struct job *job, const struct other_node *node)
{
	return !(job->target->no_fence && !job->target->for_run) ||
	       word_list_contains(&job->seen_on, node->id) || has_unfinished(job, node);
}

static const struct other_node *find_silent(const struct reaper *reaper, const struct job *job,
					    size_t from)
{
	for (size_t i = from; i < reaper->nodes.count; i++)
		if (!reaper->nodes.items[i].reported &&
		    may_have_something(job, &reaper->nodes.items[i]))
			return &reaper->nodes.items[i];
	return NULL;
}

/* Without an image nobody looks there, now or later: a lockfile that stayed would stay for ever, as
 * would the failure of each run that has had a task there. So it is said, and no more. */
static void name_unseen(const struct reaper *reaper, struct job *job)
{
	const char *own = job->seen_on.count ? reaper->port.node_id(reaper->port.engine) : "";

	for (size_t i = 0; *own && i < job->seen_on.count; i++)
		if (strcmp(job->seen_on.words[i], own) != 0)
			action_set_outcome(app_result_add(&job->result, RESOURCE_NODE,
							  job->seen_on.words[i], NULL,
							  "the app has run there"),
					   ACTION_KEPT,
					   "nobody looks for its volumes there: [engine] image is "
					   "not set");
}

void nodes_name_silent(const struct reaper *reaper, struct job *job)
{
	const struct other_node *node;
	size_t from = 0;

	if (!reaper->options->settings->engine_image)
		name_unseen(reaper, job);
	if (job->nodes_error.kind == ERROR_NONE || job->round != reaper->nodes.number)
		return;
	for (; (node = find_silent(reaper, job, from));
	     from = (size_t)(node - reaper->nodes.items) + 1)
		action_set_outcome(app_result_add(&job->result, RESOURCE_NODE, node->id, node->name,
						  "what the app may have there stays"),
				   ACTION_KEPT, node->reason);
}

void nodes_end_round(struct reaper *reaper)
{
	struct nodes *nodes = &reaper->nodes;

	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];
		const struct other_node *silent;

		if (!is_asked(job))
			continue;
		job_enter(job, JOB_LISTING);
		job->wants_after = reaper->look.number;
		job->not_before = 0;
		if (!nodes->count && nodes->list_error.kind != ERROR_NONE) {
			job->last_error = nodes->list_error;
			job->not_before = clock_now_ms() + RETRY_MS;
			continue;
		}
		/* Whether it was started all the same, listings tell; not the very first. */
		if (nodes->may_be_late)
			job->clean_listings_needed = 2;
		job->nodes_error = (struct error){ .kind = ERROR_NONE };
		for (size_t k = 0; k < job->item_count; k++)
			judge_item(nodes, job, &job->items[k]);
		silent = find_silent(reaper, job, 0);
		if (silent)
			(void)error_set(&job->nodes_error, ERROR_ENGINE,
					"unable to clean node %s: %s", silent->name,
					silent->reason);
		job->round = nodes->number;
		job->round_is_taken = false;
	}
}

bool nodes_are_for_run(const struct reaper *reaper)
{
	for (size_t i = 0; i < reaper->job_count; i++)
		if (reaper->jobs[i].target->for_run)
			return true;
	return false;
}
