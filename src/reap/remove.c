/* Removing what a job has on its list, stage by stage, with retries (reaping.md, "Answers"). */
#include "base/clock.h"
#include "reap/files.h"
#include "reap_internal.h"

#define BACKOFF_FIRST_MS 25
#define BACKOFF_MAX_MS 250
#define STAGE_PATIENCE_MS 5000 /* then the next stage gets its chance, and a new round comes */

static void remove_file(struct reaper *reaper, struct job *job, struct item *item)
{
	struct action *action = &job->result.actions[item->action];
	struct error err = { .kind = ERROR_NONE };
	int removed = files_remove(item->resource.id, reaper->dir->trust, &err);

	item->state = removed < 0 ? ITEM_FAILED : ITEM_FINISHED;
	item->refused = removed < 0;
	if (removed < 0) {
		job->last_error = err;
		action_set_outcome(action, ACTION_FAILED, err.message);
	} else if (action->outcome != ACTION_REMOVED) {
		action_set_outcome(action, removed ? ACTION_REMOVED : ACTION_ALREADY_GONE, NULL);
	}
}

static void send_item(struct reaper *reaper, size_t job_number, size_t number)
{
	struct job *job = &reaper->jobs[job_number];
	struct item *item = &job->items[number];
	struct error err = { .kind = ERROR_NONE };

	if (item->resource.kind == RESOURCE_FILE) {
		remove_file(reaper, job, item);
		return;
	}
	if (reaper->port.remove(reaper->port.engine, &item->resource,
				(uint64_t)(reaper->first_number + job_number) << 32 |
					(uint32_t)number,
				&err) < 0) {
		item->state = ITEM_FAILED;
		item->refused = true;
		job->last_error = err;
		action_set_outcome(&job->result.actions[item->action], ACTION_FAILED, err.message);
		return;
	}
	item->state = ITEM_SENT;
}

/* Returns how many items of the stage are not through yet. */
static size_t send_stage(struct reaper *reaper, struct job *job, int64_t now)
{
	size_t open = 0;

	for (size_t i = 0; i < job->item_count; i++) {
		struct item *item = &job->items[i];

		if (item->stage != job->stage || item->stage == STAGE_NODES)
			continue;
		if (item->state == ITEM_WAITING && now - job->stage_since > STAGE_PATIENCE_MS) {
			item->state = ITEM_FAILED;
			item->retry_at = now + BACKOFF_MAX_MS;
		}
		if (item->state == ITEM_WAITING && item->retry_at <= now)
			send_item(reaper, (size_t)(job - reaper->jobs), i);
		open += item->state == ITEM_WAITING || item->state == ITEM_SENT;
	}
	return open;
}

static bool has_failed_service(const struct job *job)
{
	for (size_t i = 0; i < job->item_count; i++)
		if (job->items[i].stage == STAGE_SERVICES && job->items[i].state == ITEM_FAILED)
			return true;
	return false;
}

/* Files aside. */
static bool is_all_gone(const struct job *job)
{
	for (size_t i = 0; i < job->item_count; i++)
		if (job->items[i].stage != STAGE_FILES && job->items[i].state != ITEM_FINISHED)
			return false;
	return true;
}

static void enter(struct job *job, enum job_stage stage, int64_t now)
{
	job_enter(job, JOB_REMOVING);
	job->stage = stage;
	job->stage_since = now;
}

static void list_again(struct reaper *reaper, struct job *job)
{
	job_enter(job, JOB_LISTING);
	job->wants_after = reaper->look.number;
	job->not_before = 0;
}

static void leave_stage(struct reaper *reaper, struct job *job, int64_t now)
{
	switch (job->stage) {
	case STAGE_SERVICES:
		/* A service that is still there would make its containers again. */
		if (has_failed_service(job))
			list_again(reaper, job);
		else
			enter(job, STAGE_CONTAINERS, now);
		break;
	case STAGE_CONTAINERS:
		if (job->services.count || job->coming) {
			job_enter(job, JOB_BARRIER);
			job->wants_after = reaper->look.number;
			job->not_before = 0;
		} else {
			enter(job, STAGE_NODES, now);
		}
		break;
	case STAGE_NODES:
		if (nodes_are_wanted(reaper, job))
			nodes_enter(job);
		else
			enter(job, STAGE_REST, now);
		break;
	case STAGE_REST:
		/* They may be what a person needs to remove the rest by hand. */
		if (is_all_gone(job))
			enter(job, STAGE_FILES, now);
		else
			list_again(reaper, job);
		break;
	case STAGE_FILES:
	case STAGE_COUNT:
		list_again(reaper, job);
		break;
	}
}

void remove_after_barrier(struct reaper *reaper, struct job *job)
{
	enter(job, STAGE_NODES, clock_now_ms());
	remove_step(reaper, job);
}

/* Says in the record that removals are under way, before the first is sent: whoever finds the lock
 * dead after us knows that he must let late ones settle. Without a record he does so anyway. */
static int begin(struct job *job, struct error *err)
{
	struct record *record = &job->target->record;

	if (!record->known || record->phase == RUN_PHASE_TEARDOWN)
		return 0;
	record->phase = RUN_PHASE_TEARDOWN;
	return app_lock_write_record(&job->target->lock, record, err);
}

void remove_step(struct reaper *reaper, struct job *job)
{
	int64_t now = clock_now_ms();
	struct error err = { .kind = ERROR_NONE };

	if (job->state == JOB_READY && begin(job, &err) < 0) {
		job_finish(reaper, job, &err);
		return;
	}
	if (job->state == JOB_READY) {
		/* The time spent in the queue is nobody's; a later round goes on the same clock. */
		if (!job->slot_since) {
			job->deadline = clock_deadline(reaper->options->app_timeout_ms);
			if (reaper->options->on_begin)
				reaper->options->on_begin(reaper->options->on_result_data,
							  &job->result);
		}
		job->slot_since = now;
		enter(job, STAGE_SERVICES, now);
	}
	while (job->state == JOB_REMOVING && send_stage(reaper, job, now) == 0)
		leave_stage(reaper, job, now);
}

static void retry_later(struct job *job, struct item *item, const struct engine_answer *answer)
{
	item->backoff_ms = item->backoff_ms ? item->backoff_ms * 2 : BACKOFF_FIRST_MS;
	if (item->backoff_ms > BACKOFF_MAX_MS)
		item->backoff_ms = BACKOFF_MAX_MS;
	item->retry_at = clock_now_ms() + item->backoff_ms;
	item->state = ITEM_WAITING;
	job->last_error = answer->error;
}

void remove_answer(struct reaper *reaper, struct job *job, struct item *item,
		   const struct engine_answer *answer)
{
	struct action *action = &job->result.actions[item->action];

	if (item->state != ITEM_SENT || job->state == JOB_DONE)
		return;
	switch (answer->outcome) {
	case ENGINE_DONE:
		item->state = ITEM_FINISHED;
		item->accepted_at = clock_now_ms();
		action_set_outcome(action, ACTION_REMOVED, NULL);
		break;
	case ENGINE_ALREADY_GONE:
		item->state = ITEM_FINISHED;
		if (action->outcome != ACTION_REMOVED)
			action_set_outcome(action, ACTION_ALREADY_GONE, NULL);
		break;
	case ENGINE_NO_ANSWER:
		/* It may be executed late, and a volume has only its name: settle first. */
		if (item->resource.kind == RESOURCE_VOLUME)
			job->clean_listings_needed = 2;
		retry_later(job, item, answer);
		break;
	case ENGINE_IN_USE:
	case ENGINE_NOT_NOW:
		retry_later(job, item, answer);
		break;
	case ENGINE_CHANGED: /* the next listing says whose it is */
		item->state = ITEM_FAILED;
		job->last_error = answer->error;
		break;
	case ENGINE_REFUSED:
		item->state = ITEM_FAILED;
		item->refused = true;
		job->last_error = answer->error;
		action_set_outcome(action, ACTION_FAILED, answer->error.message);
		break;
	}
	remove_step(reaper, job);
}
