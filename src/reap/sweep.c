#include "reap/sweep.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "lease_search_internal.h"
#include "reap_internal.h"
#include "sightings_internal.h"

#define SLOW_AFTER_MS 2000 /* an app that takes longer gives its place to the next one */
#define POLL_MS 25
#define RELEASE_STEP_MS 1
#define CHEAP_LIVE_MAX 500 /* live locks up to which looking for deleted lockfiles costs little */

bool sweep_is_told(const struct reaper *reaper)
{
	struct pollfd wake = { .fd = reaper->options->wake_fd, .events = POLLIN };

	return wake.fd >= 0 && poll(&wake, 1, 0) > 0;
}

static void finish_all(struct reaper *reaper, const struct error *err)
{
	for (size_t i = 0; i < reaper->job_count; i++)
		if (reaper->jobs[i].state != JOB_DONE)
			job_end(reaper, &reaper->jobs[i], err);
}

static void late_error(const struct job *job, const char *limit, struct error *ret)
{
	if (job->last_error.kind == ERROR_NONE) {
		(void)error_set(ret, ERROR_TIMEOUT, "not finished when %s was up", limit);
		return;
	}
	*ret = job->last_error;
	(void)error_add_context(ret, "not finished when %s was up", limit);
}

static void finish_late(struct reaper *reaper)
{
	int64_t now = clock_now_ms();

	if (now < reaper->late_at)
		return;
	reaper->late_at = now + POLL_MS / 2;
	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];
		bool all_over = now >= reaper->deadline;
		struct error err = { .kind = ERROR_NONE };

		/* READY waits for others: the first time, its own time has not begun. */
		if (job->state == JOB_DONE ||
		    !(all_over || (now >= job->deadline && job->state != JOB_HOOK &&
				   (job->state != JOB_READY || job->slot_since))))
			continue;
		late_error(job, all_over ? "the time of the sweep" : "the app's time", &err);
		reaper->ending |= all_over;
		if (all_over || job->state == JOB_RELEASE)
			job_end(reaper, job, &err);
		else
			job_finish(reaper, job, &err);
	}
}

/* Apps wait for a place so that one is worked off after the other. Those that are slow or wait at
 * the barrier leave theirs to another. */
static void start_ready(struct reaper *reaper)
{
	int64_t now = clock_now_ms();
	int busy = 0;

	for (size_t i = 0; i < reaper->job_count; i++) {
		const struct job *job = &reaper->jobs[i];

		busy += job->state == JOB_REMOVING && now - job->slot_since < SLOW_AFTER_MS;
	}
	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];

		if (job->state == JOB_REMOVING) {
			remove_step(reaper, job);
		} else if (job->state == JOB_READY && busy < reaper->options->jobs) {
			busy++;
			remove_step(reaper, job);
		}
	}
}

static void take_answer(struct reaper *reaper, struct engine_answer *answer)
{
	uint32_t number = (uint32_t)(answer->cookie >> 32);
	size_t job = (uint32_t)(number - reaper->first_number);
	size_t item = (uint32_t)answer->cookie;

	if (number == COOKIE_LOOK) {
		look_answer(reaper, answer);
	} else if (number == COOKIE_NODES) {
		nodes_answer(reaper, answer);
	} else {
		if (job < reaper->job_count && item == COOKIE_CLAIM)
			claim_answer(reaper, &reaper->jobs[job], answer);
		else if (job < reaper->job_count && item < reaper->jobs[job].item_count)
			remove_answer(reaper, &reaper->jobs[job], &reaper->jobs[job].items[item],
				      answer);
		resource_list_release(&answer->list);
	}
}

/* Waits for the next answer, or until something may have to be done without one. */
static int wait_for_answers(struct reaper *reaper, struct error *err)
{
	struct engine_answer answer;
	int timeout = POLL_MS, got;

	if (!reaper->connected) {
		clock_sleep_ms(5);
		return 0;
	}
	while ((got = reaper->port.wait(reaper->port.engine, timeout, &answer, err)) > 0) {
		take_answer(reaper, &answer);
		timeout = 0;
	}
	return got;
}

static bool is_in_hand(const struct job *job)
{
	return job->state == JOB_REMOVING || job->state == JOB_BARRIER || job->state == JOB_HOOK;
}

static void tell_progress(const struct reaper *reaper)
{
	const struct sweep_options *options = reaper->options;
	const struct job *in_hand = NULL;

	if (!options->on_progress)
		return;
	for (size_t i = 0; i < reaper->job_count; i++) {
		const struct job *job = &reaper->jobs[i];

		if (job->state != JOB_DONE && (!in_hand || is_in_hand(job)))
			in_hand = job;
		if (in_hand && is_in_hand(in_hand))
			break;
	}
	if (in_hand)
		options->on_progress(options->on_result_data,
				     reaper->finished + reaper->job_count - reaper->unfinished,
				     reaper->finished + reaper->job_count, &in_hand->result);
}

/* Told to stop: what stands for nothing any more is released first, or others would wait for it. */
static void wind_up(struct reaper *reaper)
{
	struct error err = { .kind = ERROR_NONE };

	reaper->result->interrupted = true;
	(void)error_set(&err, ERROR_TIMEOUT, "told to stop");
	finish_all(reaper, &err);
	while (reaper->unfinished) {
		finish_late(reaper);
		claim_step(reaper);
		if (wait_for_answers(reaper, &err) < 0)
			finish_all(reaper, &err);
		/* The waiting itself is cut short by what told us. */
		if (reaper->unfinished)
			clock_sleep_ms(RELEASE_STEP_MS);
	}
	reaper->ending = true;
}

static void reaper_run(struct reaper *reaper)
{
	while (reaper->unfinished) {
		struct error err = { .kind = ERROR_NONE };

		if (sweep_is_told(reaper)) {
			wind_up(reaper);
			break;
		}
		finish_late(reaper);
		fence_step(reaper);
		connect_if_needed(reaper);
		claim_step(reaper);
		if (reaper->connected)
			look_start_if_wanted(reaper);
		start_ready(reaper);
		nodes_step(reaper);
		hook_step(reaper);
		tell_progress(reaper);
		if (reaper->unfinished && wait_for_answers(reaper, &err) < 0) {
			reaper->ending = true;
			finish_all(reaper, &err);
		}
	}
}

/* err NULL: they are worked on; else each is left for that reason. */
static void run_batch(struct reaper *reaper, struct reap_target *targets, size_t count,
		      const struct error *err)
{
	reaper->jobs = xcalloc(count, sizeof(*reaper->jobs));
	reaper->job_count = reaper->unfinished = count;
	for (size_t i = 0; i < count; i++)
		job_init(reaper, &reaper->jobs[i], &targets[i]);
	if (err)
		finish_all(reaper, err);
	reaper_run(reaper);
	nodes_abandon(reaper);
	nodes_release(reaper);
	word_list_release(&reaper->nodes.ended);
	for (size_t i = 0; i < count; i++)
		job_release(&reaper->jobs[i]);
	resource_list_release(&reaper->look.found);
	reaper->look.running = false;
	reaper->first_number += (uint32_t)count;
	reaper->finished += count;
	free(reaper->jobs);
	reaper->jobs = NULL;
	reaper->job_count = 0;
}

void reap_batch(struct reaper *reaper, struct reap_target *targets, size_t count)
{
	struct error err = { .kind = ERROR_NONE };
	bool replaced = count && lock_dir_check(reaper->dir, &err) < 0;

	if (count)
		run_batch(reaper, targets, count, replaced ? &err : NULL);
}

void reaper_init(struct reaper *reaper, const struct lock_dir *dir,
		 const struct sweep_options *options, struct sweep_result *result)
{
	*reaper = (struct reaper){
		.dir = dir,
		.options = options,
		.result = result,
		.deadline = clock_deadline(options->timeout_ms),
	};
	result->dry_run = options->dry_run;
}

static void reaper_release(struct reaper *reaper)
{
	if (reaper->sightings)
		sightings_release(reaper->sightings);
	free(reaper->sightings);
}

void reap_targets(const struct lock_dir *dir, struct reap_target *targets, size_t count,
		  const struct sweep_options *options, struct sweep_result *result)
{
	int64_t began = clock_now_ms();
	struct reaper reaper;

	reaper_init(&reaper, dir, options, result);
	reap_batch(&reaper, targets, count);
	reaper_release(&reaper);
	result->locks += count;
	result->took_ms = clock_now_ms() - began;
}

void reap_look(const struct lock_dir *dir, struct reap_target *targets, size_t count,
	       const struct sweep_options *options, struct sweep_result *result)
{
	struct sweep_options look = *options;

	look.dry_run = true;
	for (size_t i = 0; i < count; i++) {
		targets[i].for_run = true; /* there is no lock to give up */
		targets[i].no_fence = true;
	}
	reap_targets(dir, targets, count, &look, result);
}

struct hashes {
	struct app_hash *items;
	size_t count;
	size_t capacity;
};

static int collect(const struct app_hash *hash, void *data)
{
	struct hashes *hashes = data;

	hashes->items =
		xgrow(hashes->items, &hashes->capacity, hashes->count + 1, sizeof(*hashes->items));
	hashes->items[hashes->count++] = *hash;
	return 0;
}

/* A lockfile of which nobody has the lock is no proof when an older one was deleted under a holder
 * that still lives. */
void sweep_reap_dead(struct reaper *reaper, struct reap_target *targets, size_t count)
{
	struct error err = { .kind = ERROR_NONE };

	if (probe_deleted(reaper, &err) < 0)
		run_batch(reaper, targets, count, &err);
	else
		reap_batch(reaper, targets, probe_drop_live(reaper, targets, count));
}

/* Nothing was dead. A live app whose lockfile somebody deleted has nothing to be probed, but its
 * owner should hear of it. /proc/locks grows dear with its length (kernel/proc_locks.h). */
static void look_for_deleted(struct reaper *reaper)
{
	if (reaper->result->live <= CHEAP_LIVE_MAX || reaper->options->name_live)
		(void)probe_deleted(reaper, NULL);
}

static void probe_all(struct reaper *reaper, const struct hashes *hashes,
		      struct reap_target *targets, size_t size)
{
	size_t batch = 0;
	bool idle = true;

	for (size_t i = 0; i < hashes->count; i++) {
		if (sweep_is_told(reaper)) {
			reaper->result->interrupted = true;
			break;
		}
		batch += probe_lockfile(reaper, &hashes->items[i], &targets[batch]);
		if (batch < size && i + 1 < hashes->count)
			continue;
		if (batch)
			sweep_reap_dead(reaper, targets, batch);
		idle &= !batch;
		batch = 0;
	}
	if (batch) /* told to stop: their locks are given up */
		reap_batch(reaper, targets, batch);
	else if (idle && !reaper->result->interrupted)
		look_for_deleted(reaper);
}

static void sweep_orphans(struct reaper *reaper, size_t batch)
{
	struct orphan_search search = { .done = false };

	if (orphan_search_run(reaper, &search) == 0)
		orphan_search_reap(reaper, &search, batch);
	else
		reaper->result->orphan_error = search.error;
	word_list_release(&search.names);
	scratch_orphans_sweep(reaper);
}

int reap_sweep(const struct lock_dir *dir, const struct sweep_options *options,
	       struct sweep_result *ret, struct error *err)
{
	CLEANUP_FREE struct reap_target *targets = NULL;
	struct lease_search search = { 0 };
	struct hashes hashes = { 0 };
	int64_t began = clock_now_ms();
	size_t size = probe_batch_size();
	struct reaper reaper;

	*ret = (struct sweep_result){ 0 };
	reaper_init(&reaper, dir, options, ret);
	if (lock_dir_each_counted(dir, collect, &hashes, &ret->ignored, err) < 0) {
		free(hashes.items);
		return -1;
	}
	targets = xcalloc(size, sizeof(*targets));
	if (options->lease && lease_search_look(&reaper, hashes.items, hashes.count, &search) < 0)
		ret->lease_error = search.error;
	probe_all(&reaper, &hashes, targets, size);
	if (search.count && !ret->interrupted)
		lease_search_reap(&reaper, &search, size);
	lease_search_release(&search);
	if (options->orphans && !ret->interrupted)
		sweep_orphans(&reaper, size);
	deleted_locks_release(&reaper.deleted);
	reaper_release(&reaper);
	free(hashes.items);
	ret->took_ms = clock_now_ms() - began;
	return 0;
}

int sweep_exit_status(const struct sweep_result *result)
{
	if (result->engine_unreachable)
		return error_exit_status(ERROR_UNREACHABLE);
	if (result->orphan_error.kind == ERROR_UNREACHABLE ||
	    result->lease_error.kind == ERROR_UNREACHABLE)
		return error_exit_status(ERROR_UNREACHABLE);
	return result->left || result->unusable || result->interrupted ||
			       result->orphan_error.kind != ERROR_NONE ||
			       result->lease_error.kind != ERROR_NONE
		       ? 1
		       : 0;
}
