/* What jobs give to a round on the swarm's other nodes, and what they have of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "nodes_internal.h"

#define TRIES_MAX 2
#define RETRY_MS 100

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
	job->state = JOB_NODES;
	job->stage_since = clock_now_ms();
	job->nodes_asked = false;
}

static void add_argument(struct word_list *arguments, char *text)
{
	word_list_append(arguments, text, strlen(text));
	free(text);
}

static void add_app(const struct reaper *reaper, const struct job *job, struct word_list *arguments)
{
	CLEANUP(word_list_release) struct word_list names = { 0 };

	add_argument(arguments, xasprintf("app/%s", job->result.hash.hex));
	(void)plan_names(reaper, job, &names);
	for (size_t i = 0; i < names.count; i++) {
		struct app_hash hash = app_hash_of(names.words[i]);

		if (!app_hash_equal(&hash, &job->result.hash))
			add_argument(arguments, xasprintf("app/%s", hash.hex));
	}
	for (size_t i = 0; i < job->services.count; i++)
		add_argument(arguments, xasprintf("service/%s", job->services.words[i]));
}

/* Is there any? */
static bool add_orders(struct job *job, struct word_list *arguments)
{
	bool any = false;

	for (size_t i = 0; i < job->item_count; i++) {
		struct item *item = &job->items[i];
		const struct resource *resource = &item->resource;

		if (!is_to_go(item))
			continue;
		if (resource->kind == RESOURCE_CONTAINER)
			add_argument(arguments, xasprintf("remove/%s/container/%s", resource->node,
							  resource->id));
		else if (resource->created)
			add_argument(arguments, xasprintf("remove/%s/volume/%s/%s", resource->node,
							  resource->created, resource->id));
		item->state = ITEM_SENT;
		any = true;
	}
	return any;
}

static void add_hash(struct text *apps, const struct job *job)
{
	text_appendf(apps, "%s%s", apps->length ? " " : "", job->result.hash.hex);
}

void nodes_collect(struct reaper *reaper, struct text *apps, struct text *ordered,
		   struct word_list *arguments)
{
	const struct settings *settings = reaper->options->settings;

	for (size_t i = 0; i < settings->app_labels.count; i++)
		add_argument(arguments, xasprintf("label/%s", settings->app_labels.words[i]));
	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];

		if (!job->nodes_asked || job->state != JOB_NODES)
			continue;
		add_hash(apps, job);
		add_app(reaper, job, arguments);
		if (add_orders(job, arguments))
			add_hash(ordered, job);
	}
}

/* What was ordered and is not reported any more is gone. */
static void judge_item(struct nodes *nodes, struct job *job, struct item *item)
{
	struct action *action = &job->result.actions[item->action];
	struct other_node *node = nodes_find(nodes, item->resource.node);

	if (!nodes_is_remote(&item->resource) || item->state != ITEM_SENT)
		return;
	item->state = ITEM_WAITING;
	if (!node || !node->reported) {
		item->refused = true;
		(void)error_set(&job->last_error, ERROR_ENGINE, "unable to clean node %s: %s",
				node ? node->name : item->resource.node,
				node ? node->reason : "it is not in the swarm any more");
		action_set_outcome(action, ACTION_FAILED, job->last_error.message);
		return;
	}
	for (size_t i = 0; i < nodes->found.count; i++) {
		const struct resource *found = &nodes->found.items[i];

		if (found->kind != item->resource.kind || strcmp(found->id, item->resource.id) ||
		    strcmp(found->node, item->resource.node))
			continue;
		item->refused = ++item->tries >= TRIES_MAX;
		(void)error_set(&job->last_error, ERROR_ENGINE, "node %s: %s", node->name,
				found->error ? found->error : "it is still there");
		action_set_outcome(action, ACTION_FAILED, job->last_error.message);
		return;
	}
	item->state = ITEM_FINISHED;
	action_set_outcome(action, ACTION_REMOVED, NULL);
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

void nodes_name_silent(const struct reaper *reaper, struct job *job)
{
	const struct other_node *node;
	size_t from = 0;

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

		if (job->state != JOB_NODES || !job->nodes_asked)
			continue;
		job->state = JOB_LISTING;
		job->wants_after = reaper->look.number;
		job->not_before = 0;
		if (!nodes->count && nodes->list_error.kind != ERROR_NONE) {
			job->last_error = nodes->list_error;
			job->not_before = clock_now_ms() + RETRY_MS;
			continue;
		}
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
