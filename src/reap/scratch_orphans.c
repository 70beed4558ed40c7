/*
 * What runs before the last boot had to themselves in [run] scratch_dir, when nothing else of their
 * apps is there to be found by. A directory that was last changed before this boot, and of whose
 * app nobody has a lockfile, is nobody's: no process has outlived the boot.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "lock/deleted_lock.h"
#include "lock/lock_look.h"
#include "lock/scratch.h"
#include "reap_internal.h"

#define BOOT_MARGIN_SECONDS 2

struct found {
	struct app_hash *items; /* owned; an app comes once for each directory */
	size_t count;
	size_t capacity;
};

static void note(const struct app_hash *hash, void *data)
{
	struct found *found = data;

	found->items =
		xgrow(found->items, &found->capacity, found->count + 1, sizeof(*found->items));
	found->items[found->count++] = *hash;
}

static int64_t newest(const struct reaper *reaper)
{
	int64_t now = clock_wall_seconds();
	int64_t boot = now - clock_boot_seconds() - BOOT_MARGIN_SECONDS;
	int64_t old = now - reaper->options->settings->orphan_min_age_ms / 1000;

	return old < boot ? old : boot;
}

/* No lockfile proves that nobody lives who has deleted his. 0, or -1 with *err. */
static int check_deleted(const struct reaper *reaper, const struct app_hash *hash,
			 struct error *err)
{
	struct deleted_lock_list list;
	int result = 0;

	if (deleted_locks_find(reaper->dir, NULL, &list, err) < 0)
		return -1;
	if (deleted_locks_of(&list, hash)) {
		result = error_set(err, ERROR_HELD, "somebody has deleted its live lockfile");
	} else if (list.unknown) {
		*err = list.unknown_error;
		result = -1;
	}
	deleted_locks_release(&list);
	return result;
}

static void say(struct reaper *reaper, const struct app_hash *hash, size_t count,
		const struct error *err)
{
	struct app_result result = { .hash = *hash, .orphan = true, .scratch = count };

	result.outcome = reaper->options->dry_run ? APP_PLANNED : APP_REAPED;
	if (err->kind != ERROR_NONE) {
		result.outcome = err->kind == ERROR_HELD ? APP_LIVE : APP_LEFT;
		result.error = *err;
	}
	reaper->result->left += result.outcome == APP_LEFT;
	reaper->result->reaped += result.outcome == APP_REAPED || result.outcome == APP_PLANNED;
	if (reaper->options->on_result)
		reaper->options->on_result(reaper->options->on_result_data, &result);
}

/* Somebody who has a lockfile finds them himself, dead or alive. */
static void take(struct reaper *reaper, const struct app_hash *hash)
{
	const struct sweep_options *options = reaper->options;
	struct record record = *options->orphan_record;
	struct app_lock lock = APP_LOCK_NONE;
	struct error err = { .kind = ERROR_NONE };
	bool created = false;
	size_t count = 0;
	int state;

	record.phase = RUN_PHASE_ORPHAN;
	state = app_lock_try(reaper->dir, hash, LOCK_ROLE_JANITOR, &record, &lock, &created, &err);
	if (state >= 0 && (state != LOCK_FREE || !created)) {
		app_lock_release(&lock);
		return;
	}
	if (state == LOCK_FREE) {
		if (check_deleted(reaper, hash, &err) == 0)
			(void)scratch_remove(options->settings->scratch_dir, reaper->dir->trust,
					     hash, newest(reaper),
					     clock_deadline(options->app_timeout_ms), &count, &err);
		(void)app_lock_forget(reaper->dir, &lock, NULL);
	}
	if (count || err.kind != ERROR_NONE)
		say(reaper, hash, count, &err);
}

static void plan(struct reaper *reaper, const struct app_hash *hash, size_t count)
{
	struct error err = { .kind = ERROR_NONE };
	struct app_lock file = APP_LOCK_NONE;

	if (lock_look_open(reaper->dir, hash, &file, &err) != LOCK_GONE) {
		app_lock_release(&file);
		return;
	}
	if (check_deleted(reaper, hash, &err) < 0)
		count = 0;
	say(reaper, hash, count, &err);
}

void scratch_orphans_sweep(struct reaper *reaper)
{
	struct found found = { .count = 0 };
	struct error err = { .kind = ERROR_NONE };

	if (scratch_each(reaper->options->settings->scratch_dir, reaper->dir->trust, newest(reaper),
			 note, &found, &err) < 0 &&
	    reaper->result->orphan_error.kind == ERROR_NONE)
		reaper->result->orphan_error = err;
	if (found.count)
		qsort(found.items, found.count, sizeof(*found.items), app_hash_compare);
	for (size_t i = 0, next; i < found.count && !sweep_is_told(reaper); i = next) {
		for (next = i + 1;
		     next < found.count && app_hash_equal(&found.items[i], &found.items[next]);)
			next++;
		if (reaper->options->dry_run)
			plan(reaper, &found.items[i], next - i);
		else
			take(reaper, &found.items[i]);
	}
	free(found.items);
}
