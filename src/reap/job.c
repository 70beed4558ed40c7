#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "lock/scratch.h"
#include "reap_internal.h"

#define LINGER_MS 500

/* Requests that a dead one sent may still be executed. */
static bool may_have_late_requests(const struct reap_target *target)
{
	return target->no_fence ? target->was_killed : !target->created;
}

/* Removals as well: a janitor, or the run's own fresh start or teardown, may have begun to remove
 * and died. Who begins writes the phase first (remove.c). */
static bool may_have_late_removals(const struct reap_target *target)
{
	if (target->created || target->no_fence)
		return false;
	return !target->record.known || target->record.phase == RUN_PHASE_TEARDOWN ||
	       target->record.phase == RUN_PHASE_FRESH_START;
}

/* A run that has made its lockfile itself starts clean on the engine; that a file was there before
 * it doesn't prove that a dead one has left it. The lockfile of a janitor that died with nothing
 * removed says no more. */
static bool proves_no_files(const struct reap_target *target)
{
	return target->for_run && (target->created || (target->record.known &&
						       target->record.phase == RUN_PHASE_ORPHAN));
}

void job_init(struct reaper *reaper, struct job *job, struct reap_target *target)
{
	int64_t now = clock_now_ms();

	*job = (struct job){
		.state = JOB_FENCE,
		.in_state = reaper->in_state,
		.target = target,
		.began_at = now,
		.deadline = clock_deadline(reaper->options->app_timeout_ms),
		.spares_files = proves_no_files(target),
		.settle = may_have_late_removals(target),
		.settled_at = may_have_late_requests(target) ? SETTLED_UNKNOWN : 0,
		.result = { .hash = target->lock.hash, .orphan = target->orphan },
	};
	reaper->in_state[JOB_FENCE]++;
	(void)snprintf(job->result.app, sizeof(job->result.app), "%s", target->app);
	if (target->record.known)
		memcpy(job->result.run_id, target->record.run_id, sizeof(job->result.run_id));
	job->clean_listings_needed = job->settle ? 2 : 1;
	claim_init(reaper, job);
	if (target->no_fence || target->created || reaper->options->dry_run ||
	    !target->record.known)
		claim_or_list(job, reaper->look.number);
}

void job_release(struct job *job)
{
	job->in_state[job->state]--;
	for (size_t i = 0; i < job->item_count; i++)
		resource_release(&job->items[i].resource);
	free(job->items);
	word_list_release(&job->services);
	word_list_release(&job->kept_services);
	word_list_release(&job->seen_on);
	app_result_release(&job->result);
}

void job_enter(struct job *job, enum job_state state)
{
	job->in_state[job->state]--;
	job->in_state[state]++;
	job->state = state;
}

static bool counts_as_removed(const struct app_result *result, const struct action *action)
{
	if (result->outcome == APP_PLANNED)
		return action->outcome == ACTION_PLANNED;
	return action->outcome == ACTION_REMOVED || action->outcome == ACTION_ALREADY_GONE;
}

static void count_result(struct sweep_result *total, const struct app_result *result, bool busy)
{
	total->live += busy;
	total->leased += busy;
	for (size_t i = 0; i < result->action_count; i++)
		total->removed += counts_as_removed(result, &result->actions[i]);
	total->killed += result->killed;
	if (result->outcome == APP_REAPED || result->outcome == APP_PLANNED)
		total->reaped++;
	else if (result->outcome == APP_LEFT)
		total->left++;
	if (result->error.kind == ERROR_UNREACHABLE)
		total->engine_unreachable = true;
}

static bool anything_was_done(const struct job *job)
{
	return job->result.action_count > 0 || job->result.killed > 0;
}

/* The lockfile goes only with what is verified gone. A lockfile that this very call made, for an
 * app of which nothing was seen, is no to-do entry either. */
bool job_forgets(const struct reaper *reaper, const struct job *job, const struct error *err)
{
	const struct reap_target *target = job->target;
	bool nothing = target->created && !anything_was_done(job);
	bool not_begun = target->orphan && target->record.phase == RUN_PHASE_ORPHAN;

	/* The lease that was taken over may be all that says so: to all hosts. */
	if (err && job->lease.inherited && target->lease_use == LEASE_USE_REAP &&
	    !reaper->options->dry_run)
		return false;
	if (target->lease_use == LEASE_USE_TAKE)
		return err && !job->lease.taken_over;
	if (target->lease_use == LEASE_USE_RELEASE)
		return true;
	if (target->for_run)
		return err && nothing;
	if (reaper->options->dry_run)
		return target->created;
	return !err || nothing || not_begun || job->spared;
}

static void give_up_lock(struct reaper *reaper, struct job *job, const struct error *end)
{
	struct reap_target *target = job->target;
	struct error err = { .kind = ERROR_NONE };

	if (target->for_run)
		return;
	/* With a lease that could not be released, the lockfile stays as well: what is left of both
	 * would be a dead run to others. */
	if (!job_forgets(reaper, job, end) ||
	    (job->claimed && job->lease.status == LEASE_STATUS_HELD)) {
		app_lock_release(&target->lock);
		return;
	}
	if (app_lock_forget(reaper->dir, &target->lock, &err) < 0) {
		job->result.outcome = APP_LEFT;
		job->result.error = err;
	}
}

/* What a dead run had to itself in the file system goes last, like the lockfile. */
static void remove_scratch(const struct reaper *reaper, const struct job *job,
			   struct app_result *result)
{
	struct error err = { .kind = ERROR_NONE };

	if (result->outcome != APP_REAPED || job->target->lease_use != LEASE_USE_REAP ||
	    scratch_remove(reaper->options->settings->scratch_dir, reaper->dir->trust,
			   &job->target->lock.hash, SCRATCH_ANY_AGE, job->deadline,
			   &result->scratch, &err) == 0)
		return;
	result->outcome = APP_LEFT;
	result->error = err;
}

/* There is no app to report on. */
static void finish_search(struct reaper *reaper, struct job *job, const struct error *err)
{
	if (err)
		job->target->search->error = *err;
	job_enter(job, JOB_DONE);
	reaper->unfinished--;
}

/* What was not got rid of has the end's reason for its own. */
static void explain_rest(struct job *job, const struct error *err)
{
	for (size_t i = 0; i < job->item_count; i++) {
		struct action *action = &job->result.actions[job->items[i].action];

		if (job->items[i].state != ITEM_FINISHED && action->outcome == ACTION_PLANNED)
			action_set_outcome(action, job->spared ? ACTION_KEPT : ACTION_FAILED,
					   err->message);
	}
}

static enum app_outcome outcome_of(const struct reaper *reaper, const struct job *job,
				   const struct error *err)
{
	if (job->spared || job->busy)
		return APP_LIVE;
	if (err)
		return APP_LEFT;
	return reaper->options->dry_run ? APP_PLANNED : APP_REAPED;
}

void job_finish(struct reaper *reaper, struct job *job, const struct error *err)
{
	if (job->hooked && !job->spared && hook_is_configured(reaper, HOOK_AFTER))
		hook_enter(job, HOOK_AFTER, err);
	else
		job_end(reaper, job, err);
}

void job_end(struct reaper *reaper, struct job *job, const struct error *err)
{
	struct app_result *result = &job->result;

	hook_abort(reaper, job);
	job->busy |= job->state == JOB_CLAIM && job->lease.status == LEASE_STATUS_BUSY;
	if (claim_release_first(reaper, job, err))
		return;
	if (job->target->search) {
		finish_search(reaper, job, err);
		return;
	}
	if (err && !reaper->options->dry_run)
		explain_rest(job, err);
	if (err)
		result->error = *err;
	result->outcome = outcome_of(reaper, job, err);
	remove_scratch(reaper, job, result);
	result->matched_nothing = !err && result->action_count == 0;
	result->took_ms = clock_now_ms() - job->began_at;
	give_up_lock(reaper, job, job->result.outcome == APP_LEFT ? &result->error : err);
	count_result(reaper->result, result, job->busy);
	job_enter(job, JOB_DONE);
	reaper->unfinished--;
	if (reaper->options->on_result && !job->silent)
		reaper->options->on_result(reaper->options->on_result_data, result);
}

void job_add_service(struct word_list *services, const char *service_id)
{
	if (!word_list_contains(services, service_id))
		word_list_append(services, service_id, strlen(service_id));
}

/* Volumes of different nodes may have one name. */
static bool is_same_node(const struct resource *a, const struct resource *b)
{
	return a->node && b->node ? !strcmp(a->node, b->node) : a->node == b->node;
}

struct item *job_find_item(struct job *job, const struct resource *resource)
{
	for (size_t i = 0; i < job->item_count; i++)
		if (job->items[i].resource.kind == resource->kind &&
		    !strcmp(job->items[i].resource.id, resource->id) &&
		    is_same_node(&job->items[i].resource, resource))
			return &job->items[i];
	return NULL;
}

static enum job_stage stage_of(const struct resource *resource)
{
	if (nodes_is_remote(resource))
		return STAGE_NODES;
	switch (resource->kind) {
	case RESOURCE_SERVICE:
		return STAGE_SERVICES;
	case RESOURCE_CONTAINER:
	case RESOURCE_SECRET:
	case RESOURCE_CONFIG:
	case RESOURCE_TASK:
		return STAGE_CONTAINERS;
	case RESOURCE_NETWORK:
	case RESOURCE_VOLUME:
		return STAGE_REST;
	case RESOURCE_FILE:
	case RESOURCE_NODE:
		break;
	}
	return STAGE_FILES;
}

/* A volume may be another one of the same name. */
static void renew(struct item *item, const struct resource *resource)
{
	resource_release(&item->resource);
	resource_copy(resource, &item->resource);
}

/* The removal failed, or it was accepted and is not carried out yet: the node's part of an overlay
 * network goes a moment after the swarm's, and asking again is then only an error. */
static void list_again(struct job *job, struct item *item)
{
	item->listed = true;
	if (item->state == ITEM_FINISHED && item->accepted_at &&
	    clock_now_ms() - item->accepted_at < LINGER_MS)
		job->lingering++;
	else if (item->state != ITEM_SENT)
		item->state = ITEM_WAITING;
}

void job_add_item(struct job *job, const struct resource *resource, const char *rule)
{
	struct item *item = job_find_item(job, resource);

	if (item) {
		renew(item, resource);
		list_again(job, item);
		return;
	}
	job->items =
		xgrow(job->items, &job->item_capacity, job->item_count + 1, sizeof(*job->items));
	item = &job->items[job->item_count++];
	memset(item, 0, sizeof(*item));
	resource_copy(resource, &item->resource);
	item->stage = stage_of(resource);
	item->listed = true;
	/* Its containers and volumes may be anywhere. */
	if (resource->kind == RESOURCE_SERVICE)
		job->round = 0;
	item->action = job->result.action_count;
	(void)app_result_add(&job->result, resource->kind, resource->id, resource->name, rule);
}

void job_add_kept(struct job *job, const struct resource *resource, const char *rule,
		  const char *reason)
{
	struct action *action;

	for (size_t i = 0; i < job->result.action_count; i++) {
		action = &job->result.actions[i];
		if (action->kind == resource->kind && action->id &&
		    !strcmp(action->id, resource->id) && action->outcome == ACTION_KEPT)
			return;
	}
	action = app_result_add(&job->result, resource->kind, resource->id, resource->name, rule);
	action_set_outcome(action, ACTION_KEPT, reason);
}
