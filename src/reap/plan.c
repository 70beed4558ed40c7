/* A listing becomes, for each job that waited for it, the list of what is still to be removed. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "reap_internal.h"

#define SETTLE_MS 250
#define BARRIER_MS 25
#define LINGER_LOOK_MS 25

static bool waits_for(const struct job *job, const struct look *look)
{
	if (look->number <= job->wants_after)
		return false;
	return job->state == JOB_BARRIER ||
	       (job->state == JOB_LISTING && look->scope == LOOK_WORLD);
}

/* A lockfile whose record is lost gets its app's name from the engine. */
static void learn_name(struct job *job, const char *name)
{
	struct app_hash hash;

	if (job->result.app[0])
		return;
	hash = app_hash_of(name);
	if (app_hash_equal(&hash, &job->result.hash))
		(void)snprintf(job->result.app, sizeof(job->result.app), "%s", name);
}

/* Of the job of a janitor that died, or that gave up on a node: it may remove something as long as
 * its node hasn't said that it ended. */
static bool may_start_a_container(const struct resource *task)
{
	static const char *const states[] = { "new",	   "pending", "assigned", "accepted",
					      "preparing", "ready",   "starting", "running" };
	size_t count = resource_label(task, NODE_JOB_LABEL) ? ARRAY_SIZE(states) : 5;

	for (size_t i = 0; task->state && i < count; i++)
		if (!strcmp(task->state, states[i]))
			return true;
	return false;
}

static void take(struct job *job, const struct resource *resource, const char *rule)
{
	if (resource->kind == RESOURCE_TASK) {
		job->coming += may_start_a_container(resource);
		if (resource->node && !word_list_contains(&job->seen_on, resource->node))
			word_list_append(&job->seen_on, resource->node, strlen(resource->node));
		return;
	}
	if (resource->kind == RESOURCE_SERVICE)
		job_add_service(&job->services, resource->id);
	job_add_item(job, resource, rule);
}

/* Containers and tasks of a plain service carry no label of the app, but name their service. */
static struct job *job_by_service(struct reaper *reaper, const struct resource *resource)
{
	if (!resource->service_id || resource->malformed)
		return NULL;
	for (size_t i = 0; i < reaper->job_count; i++)
		if (word_list_contains(&reaper->jobs[i].services, resource->service_id))
			return &reaper->jobs[i];
	return NULL;
}

static void keep(struct job *job, const struct resource *resource, const char *rule,
		 const char *reason)
{
	if (resource->kind == RESOURCE_SERVICE)
		job_add_service(&job->kept_services, resource->id);
	if (resource->kind != RESOURCE_TASK)
		job_add_kept(job, resource, rule, reason);
}

static void doubt(struct job *job, const struct resource *resource, const char *reason)
{
	if (resource->kind == RESOURCE_TASK)
		return;
	job->doubtful++;
	(void)error_set(&job->last_error, ERROR_ENGINE, "unable to judge %s %s: %s",
			resource_kind_name(resource->kind), resource->id, reason);
}

/* A job on other nodes that names one of our apps is not under way any more: its janitor would have
 * the app's lock. */
static bool give_node_job(struct reaper *reaper, const struct look *look,
			  const struct resource *resource)
{
	const char *apps = resource_label(resource, NODE_JOB_LABEL);

	if (!apps || resource->kind == RESOURCE_CONTAINER)
		return false;
	for (size_t i = 0; i < reaper->job_count && !nodes_has_ended(reaper, resource); i++) {
		struct job *job = &reaper->jobs[i];

		if (!waits_for(job, look) || job->target->live ||
		    !strstr(apps, job->result.hash.hex))
			continue;
		if (resource->kind == RESOURCE_TASK && may_start_a_container(resource))
			(void)error_set(&job->last_error, ERROR_ENGINE,
					"node %s has not ended what a janitor asked of it",
					resource->node ? nodes_name(reaper, resource->node) : "?");
		take(job, resource, "what a janitor had done on other nodes");
	}
	return true;
}

static void give(struct reaper *reaper, const struct look *look, const struct owner_list *owners,
		 const struct resource *resource)
{
	const struct settings *settings = reaper->options->settings;
	struct ownership_verdict verdict;
	struct job *job;

	if (give_node_job(reaper, look, resource))
		return;
	ownership_judge(resource, owners, settings, &verdict);
	if (verdict.what == OWNERSHIP_NONE) {
		job = job_by_service(reaper, resource);
		if (!job || !waits_for(job, look) || ownership_is_stated(resource, settings))
			return;
		(void)snprintf(verdict.rule, sizeof(verdict.rule), "of the app's service %s",
			       resource->service_id);
		verdict.what = ownership_is_protected(resource, settings, verdict.reason,
						      sizeof(verdict.reason))
				       ? OWNERSHIP_KEPT
				       : OWNERSHIP_OURS;
	} else {
		job = &reaper->jobs[verdict.job];
		if (!waits_for(job, look))
			return;
		learn_name(job, verdict.name);
	}
	if (nodes_is_remote(resource)) {
		if (job->round != reaper->nodes.number)
			return;
		(void)snprintf(verdict.rule + strlen(verdict.rule),
			       sizeof(verdict.rule) - strlen(verdict.rule), ", on node %s",
			       nodes_name(reaper, resource->node));
	}
	/* An orphan that was found by its stack goes under a lock of that name, while a run of the
	 * app whose stack it is has another. The run waits until the janitor has seen it and let
	 * go: what it makes must not meet removals that are under way. */
	if (verdict.what == OWNERSHIP_KEPT && verdict.other_reaps && job->target->for_run)
		doubt(job, resource, verdict.reason);
	else if (verdict.what == OWNERSHIP_KEPT)
		keep(job, resource, verdict.rule, verdict.reason);
	else if (verdict.what == OWNERSHIP_DOUBTFUL)
		doubt(job, resource, verdict.reason);
	else if (verdict.by_name && !look->thorough)
		job->unsure = reaper->wants_thorough = true;
	else if (resource->service_id &&
		 word_list_contains(&job->kept_services, resource->service_id))
		keep(job, resource, verdict.rule, "its service is kept");
	else
		take(job, resource, verdict.rule);
}

static size_t count_waiting(const struct job *job, size_t *ret_refused)
{
	size_t waiting = 0;

	*ret_refused = 0;
	for (size_t i = 0; i < job->item_count; i++)
		if (job->items[i].listed && job->items[i].state == ITEM_WAITING) {
			waiting++;
			*ret_refused += job->items[i].refused;
		}
	return waiting;
}

static void look_again(struct job *job, const struct look *look, int64_t in_ms)
{
	job->wants_after = look->number;
	job->not_before = clock_now_ms() + in_ms;
}

/* What was on the list and is not on the engine any more went without our seeing the answer. What
 * was given up on another node is not on the list when that node is silent. */
static void strike_vanished(struct job *job)
{
	for (size_t i = 0; i < job->item_count; i++) {
		struct item *item = &job->items[i];

		if (item->listed || item->state == ITEM_SENT || item->state == ITEM_FINISHED ||
		    (item->refused && nodes_is_remote(&item->resource)))
			continue;
		item->state = ITEM_FINISHED;
		action_set_outcome(&job->result.actions[item->action], ACTION_ALREADY_GONE, NULL);
	}
}

/* A lockfile that was made by this very call, for an app that has nothing, calls for none. */
static bool begin_hook(struct reaper *reaper, struct job *job)
{
	size_t refused;

	if (job->hooked || reaper->options->dry_run ||
	    (job->target->created && !count_waiting(job, &refused)))
		return false;
	job->hooked = true;
	if (!hook_is_configured(reaper, HOOK_BEFORE))
		return false;
	hook_enter(job, HOOK_BEFORE, NULL);
	return true;
}

static void after_world(struct reaper *reaper, struct job *job, const struct look *look)
{
	struct error err = { .kind = ERROR_NONE };
	size_t refused, waiting;

	if (job->settled_at == SETTLED_UNKNOWN)
		job->settled_at = clock_now_ms() + SETTLE_MS;
	if (job->unsure) {
		look_again(job, look, 0);
		return;
	}
	if (job->target->orphan && !orphan_is_one(reaper, job, &look->found, &err)) {
		job->spared = err.kind == ERROR_HELD;
		job_finish(reaper, job, &err);
		return;
	}
	if (begin_hook(reaper, job))
		return;
	strike_vanished(job);
	waiting = count_waiting(job, &refused);
	if (reaper->options->dry_run) {
		job_finish(reaper, job, job->doubtful ? &job->last_error : NULL);
	} else if (waiting && refused == waiting) {
		job_finish(reaper, job, &job->last_error);
	} else if (waiting || job->coming) {
		job_enter(job, JOB_READY);
		if (job->settle)
			job->clean_listings_needed = 2;
	} else if (nodes_are_wanted(reaper, job)) {
		nodes_enter(job);
	} else if (job->lingering) {
		look_again(job, look, LINGER_LOOK_MS);
	} else if (job->doubtful) {
		look_again(job, look, SETTLE_MS);
	} else if (--job->clean_listings_needed > 0) {
		look_again(job, look, SETTLE_MS);
	} else if (look->began_at < job->settled_at) {
		job->clean_listings_needed = 1;
		look_again(job, look, job->settled_at - clock_now_ms());
	} else {
		nodes_name_silent(reaper, job);
		/* A run that starts has its lockfile; its teardown looks there again. */
		job_finish(reaper, job,
			   job->nodes_error.kind == ERROR_NONE || job->target->for_run
				   ? NULL
				   : &job->nodes_error);
	}
}

/* What is on other nodes is listed as well, and waits for its own stage. */
static bool has_newcomer(const struct job *job)
{
	for (size_t i = 0; i < job->item_count; i++)
		if (job->items[i].listed && job->items[i].state == ITEM_WAITING &&
		    job->items[i].stage == STAGE_CONTAINERS)
			return true;
	return false;
}

static void after_barrier(struct reaper *reaper, struct job *job, const struct look *look)
{
	if (has_newcomer(job)) {
		job_enter(job, JOB_REMOVING);
		job->stage = STAGE_CONTAINERS;
		job->stage_since = clock_now_ms();
	} else if (job->coming) {
		look_again(job, look, BARRIER_MS);
	} else {
		remove_after_barrier(reaper, job);
	}
}

static void give_all(struct reaper *reaper, const struct look *look,
		     const struct owner_list *owners)
{
	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];

		if (!waits_for(job, look))
			continue;
		job->coming = job->doubtful = job->lingering = 0;
		job->unsure = false;
		if (job->round && job->round != reaper->nodes.number && !job->round_is_taken)
			job->round = 0;
		for (size_t k = 0; k < job->item_count; k++)
			job->items[k].listed &=
				nodes_is_remote(&job->items[k].resource) &&
				(look->scope != LOOK_WORLD || job->round != reaper->nodes.number);
		job->round_is_taken |= job->round && job->state == JOB_LISTING;
	}
	/* Services first: what names a service is joined by it. */
	for (int services = 1; services >= 0; services--)
		for (size_t i = 0; i < look->found.count; i++)
			if ((look->found.items[i].kind == RESOURCE_SERVICE) == services)
				give(reaper, look, owners, &look->found.items[i]);
	if (look->scope == LOOK_WORLD)
		for (size_t i = 0; i < reaper->nodes.found.count; i++)
			give(reaper, look, owners, &reaper->nodes.found.items[i]);
}

void plan_apply(struct reaper *reaper, const struct look *look)
{
	CLEANUP(owner_list_release) struct owner_list owners = { 0 };
	struct error err = { .kind = ERROR_NONE };

	if (plan_owners(reaper, look, &owners, &err) < 0) {
		for (size_t i = 0; i < reaper->job_count; i++)
			if (waits_for(&reaper->jobs[i], look))
				job_finish(reaper, &reaper->jobs[i], &err);
		return;
	}
	give_all(reaper, look, &owners);
	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];

		if (!waits_for(job, look))
			continue;
		if (job->target->search) {
			orphan_search_take(reaper, job->target->search, &look->found, &owners);
			job_finish(reaper, job, NULL);
		} else if (job->state == JOB_BARRIER) {
			after_barrier(reaper, job, look);
		} else {
			plan_files(reaper, job, &owners);
			after_world(reaper, job, look);
		}
	}
}
