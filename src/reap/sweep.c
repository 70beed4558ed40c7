#include "reap/sweep.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "lock/lock_look.h"
#include "reap_internal.h"

#define SLOW_AFTER_MS 2000 /* an app that takes longer gives its place to the next one */
#define RESERVED_DESCRIPTORS 64
#define BATCH_MAX 1000
#define POLL_MS 25

static bool is_told_to_stop(const struct reaper *reaper)
{
	struct pollfd wake = { .fd = reaper->options->wake_fd, .events = POLLIN };

	return wake.fd >= 0 && poll(&wake, 1, 0) > 0;
}

static void finish_all(struct reaper *reaper, const struct error *err)
{
	for (size_t i = 0; i < reaper->job_count; i++)
		if (reaper->jobs[i].state != JOB_DONE)
			job_finish(reaper, &reaper->jobs[i], err);
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

	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];
		bool all_over = now >= reaper->deadline;
		struct error err = { .kind = ERROR_NONE };

		/* READY waits for others: the first time, its own time has not begun. */
		if (job->state == JOB_DONE ||
		    !(all_over ||
		      (now >= job->deadline && (job->state != JOB_READY || job->slot_since))))
			continue;
		late_error(job, all_over ? "the time of the sweep" : "the app's time", &err);
		job_finish(reaper, job, &err);
	}
}

/* Connecting blocks the loop, and so has to keep its deadlines. */
static int64_t connect_timeout(const struct reaper *reaper)
{
	int left = clock_left(reaper->deadline);

	if (left < 0 || left > reaper->options->app_timeout_ms)
		return reaper->options->app_timeout_ms;
	return left ? left : 1;
}

static void connect_if_needed(struct reaper *reaper)
{
	struct error err = { .kind = ERROR_NONE };
	bool needed = false;

	if (reaper->connected)
		return;
	for (size_t i = 0; i < reaper->job_count; i++)
		needed |= reaper->jobs[i].state == JOB_LISTING;
	if (!needed)
		return;
	if (reaper->connect_error.kind == ERROR_NONE) {
		reaper->connected =
			reaper->options->connect(reaper->options->connect_data,
						 connect_timeout(reaper), &reaper->port, &err) == 0;
		reaper->connect_error = err;
	}
	if (reaper->connected)
		return;
	for (size_t i = 0; i < reaper->job_count; i++)
		if (reaper->jobs[i].state == JOB_LISTING)
			job_finish(reaper, &reaper->jobs[i], &reaper->connect_error);
}

/* Apps wait for a place so that one is worked off after the other; slow ones don't count. */
static void start_ready(struct reaper *reaper)
{
	int64_t now = clock_now_ms();
	int busy = 0;

	for (size_t i = 0; i < reaper->job_count; i++) {
		const struct job *job = &reaper->jobs[i];

		busy += (job->state == JOB_REMOVING || job->state == JOB_BARRIER) &&
			now - job->slot_since < SLOW_AFTER_MS;
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
	} else {
		if (job < reaper->job_count && item < reaper->jobs[job].item_count)
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

static void reaper_run(struct reaper *reaper)
{
	while (reaper->unfinished) {
		struct error err = { .kind = ERROR_NONE };

		if (is_told_to_stop(reaper)) {
			reaper->result->interrupted = true;
			(void)error_set(&err, ERROR_TIMEOUT, "told to stop");
			finish_all(reaper, &err);
			break;
		}
		finish_late(reaper);
		fence_step(reaper);
		connect_if_needed(reaper);
		if (reaper->connected)
			look_start_if_wanted(reaper);
		start_ready(reaper);
		if (reaper->unfinished && wait_for_answers(reaper, &err) < 0)
			finish_all(reaper, &err);
	}
}

static void reap_batch(struct reaper *reaper, struct reap_target *targets, size_t count)
{
	reaper->jobs = xcalloc(count, sizeof(*reaper->jobs));
	reaper->job_count = reaper->unfinished = count;
	for (size_t i = 0; i < count; i++)
		job_init(reaper, &reaper->jobs[i], &targets[i]);
	reaper_run(reaper);
	for (size_t i = 0; i < count; i++)
		job_release(&reaper->jobs[i]);
	resource_list_release(&reaper->look.found);
	reaper->look.running = false;
	reaper->first_number += (uint32_t)count;
	free(reaper->jobs);
	reaper->jobs = NULL;
	reaper->job_count = 0;
}

static void reaper_init(struct reaper *reaper, const struct lock_dir *dir,
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

void reap_targets(const struct lock_dir *dir, struct reap_target *targets, size_t count,
		  const struct sweep_options *options, struct sweep_result *result)
{
	int64_t began = clock_now_ms();
	struct reaper reaper;

	reaper_init(&reaper, dir, options, result);
	reap_batch(&reaper, targets, count);
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

static void say(const struct sweep_options *options, const struct app_hash *hash,
		enum app_outcome outcome, const char *app, const struct error *err)
{
	struct app_result result = { .hash = *hash, .outcome = outcome };

	if (app)
		(void)snprintf(result.app, sizeof(result.app), "%s", app);
	if (err)
		result.error = *err;
	if (options->on_result)
		options->on_result(options->on_result_data, &result);
}

static void say_held(const struct lock_dir *dir, const struct sweep_options *options,
		     const struct app_hash *hash)
{
	struct lock_view view;

	if (!options->name_live)
		return;
	lock_look(dir, hash, NULL, &view);
	say(options, hash, view.state == LOCK_VIEW_REAPING ? APP_REAPING : APP_LIVE,
	    view.record.known ? view.record.app : NULL, NULL);
}

/* Its owner wants to look at what a failed run left. Whoever names the app doesn't come by here. */
static bool is_kept(const struct sweep_options *options, const struct reap_target *target)
{
	struct app_result result = { .hash = target->lock.hash, .outcome = APP_KEPT };
	struct record_clocks now;
	int64_t left;

	if (!target->record.keep_until)
		return false;
	app_lock_read_clocks(target->lock.fd, &target->record, &now);
	left = record_kept_for(&target->record, &now, options->settings->keep_max_ms / 1000);
	if (!left)
		return false;
	(void)snprintf(result.app, sizeof(result.app), "%s", target->app);
	result.kept_until = now.wall + left;
	if (options->on_result)
		options->on_result(options->on_result_data, &result);
	return true;
}

static bool take_target(const struct sweep_options *options, struct reap_target *target)
{
	app_lock_read_record(target->lock.fd, &target->lock.hash, &target->record);
	if (target->record.known)
		(void)snprintf(target->app, sizeof(target->app), "%s", target->record.app);
	if (target->app[0] && word_list_matches(&options->settings->app_protect, target->app))
		say(options, &target->lock.hash, APP_PROTECTED, target->app, NULL);
	else if (!is_kept(options, target))
		return true;
	app_lock_release(&target->lock);
	return false;
}

/* Probes one lockfile. True: dead, and *target has its lock. */
static bool probe(const struct lock_dir *dir, const struct sweep_options *options,
		  const struct app_hash *hash, struct reap_target *target,
		  struct sweep_result *result)
{
	struct error err = { .kind = ERROR_NONE };

	*target = (struct reap_target){ .lock = APP_LOCK_NONE };
	result->locks++;
	switch (app_lock_probe(dir, hash, &target->lock, &err)) {
	case LOCK_FREE:
		return take_target(options, target);
	case LOCK_HELD:
		result->live++;
		say_held(dir, options, hash);
		return false;
	case LOCK_GONE:
	case LOCK_REPLACED:
		result->locks--;
		return false;
	default:
		result->unusable++;
		say(options, hash, APP_LEFT, NULL, &err);
		return false;
	}
}

static size_t batch_size(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return RESERVED_DESCRIPTORS;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= BATCH_MAX + RESERVED_DESCRIPTORS)
		return BATCH_MAX;
	return limit.rlim_cur > 2 * RESERVED_DESCRIPTORS ? limit.rlim_cur - RESERVED_DESCRIPTORS
							 : 1;
}

int reap_sweep(const struct lock_dir *dir, const struct sweep_options *options,
	       struct sweep_result *ret, struct error *err)
{
	CLEANUP_FREE struct reap_target *targets = NULL;
	struct hashes hashes = { 0 };
	int64_t began = clock_now_ms();
	size_t batch = 0, size = batch_size();
	struct reaper reaper;

	*ret = (struct sweep_result){ 0 };
	reaper_init(&reaper, dir, options, ret);
	if (lock_dir_each(dir, collect, &hashes, err) < 0) {
		free(hashes.items);
		return -1;
	}
	targets = xcalloc(size, sizeof(*targets));
	for (size_t i = 0; i < hashes.count && !is_told_to_stop(&reaper); i++) {
		batch += probe(dir, options, &hashes.items[i], &targets[batch], ret);
		if (batch == size || (batch && i + 1 == hashes.count)) {
			reap_batch(&reaper, targets, batch);
			batch = 0;
		}
	}
	if (batch)
		reap_batch(&reaper, targets, batch);
	free(hashes.items);
	ret->took_ms = clock_now_ms() - began;
	return 0;
}

int sweep_exit_status(const struct sweep_result *result)
{
	if (result->engine_unreachable)
		return error_exit_status(ERROR_UNREACHABLE);
	return result->left || result->unusable || result->interrupted ? 1 : 0;
}
