/* Which of the lockfiles are dead: one probe each, and a look for holders whose lockfile is gone.
 */
#include <stdio.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "lock/deleted_lock.h"
#include "lock/lock_look.h"
#include "reap_internal.h"

#define RESERVED_DESCRIPTORS 64
#define BATCH_MAX 1000

void sweep_say(const struct sweep_options *options, const struct app_hash *hash,
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
	sweep_say(options, hash, view.state == LOCK_VIEW_REAPING ? APP_REAPING : APP_LIVE,
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

/* A janitor died that had found an orphan and removed nothing yet: that makes nobody dead. */
static void drop_orphan_lock(const struct reaper *reaper, struct reap_target *target)
{
	if (reaper->options->dry_run)
		app_lock_release(&target->lock);
	else
		(void)app_lock_forget(reaper->dir, &target->lock, NULL);
}

static void say_unusable(struct reaper *reaper, const struct app_hash *hash,
			 const struct error *err)
{
	reaper->result->unusable++;
	sweep_say(reaper->options, hash, APP_LEFT, NULL, err);
}

static bool take_target(struct reaper *reaper, struct reap_target *target)
{
	const struct sweep_options *options = reaper->options;
	struct error err = { .kind = ERROR_NONE };

	if (app_lock_need_record(&target->lock, &target->record, &err) < 0) {
		say_unusable(reaper, &target->lock.hash, &err);
		app_lock_release(&target->lock);
		return false;
	}
	if (target->record.known)
		(void)snprintf(target->app, sizeof(target->app), "%s", target->record.app);
	if (target->record.known && target->record.phase == RUN_PHASE_ORPHAN) {
		drop_orphan_lock(reaper, target);
		return false;
	}
	if (target->app[0] && word_list_matches(&options->settings->app_protect, target->app))
		sweep_say(options, &target->lock.hash, APP_PROTECTED, target->app, NULL);
	else if (!is_kept(options, target))
		return true;
	app_lock_release(&target->lock);
	return false;
}

bool probe_lockfile(struct reaper *reaper, const struct app_hash *hash, struct reap_target *target)
{
	const struct sweep_options *options = reaper->options;
	struct sweep_result *result = reaper->result;
	struct error err = { .kind = ERROR_NONE };

	*target = (struct reap_target){ .lock = APP_LOCK_NONE };
	result->locks++;
	switch (app_lock_probe(reaper->dir, hash, &target->lock, &err)) {
	case LOCK_FREE:
		return take_target(reaper, target);
	case LOCK_HELD:
		result->live++;
		say_held(reaper->dir, options, hash);
		return false;
	case LOCK_GONE:
	case LOCK_REPLACED:
		result->locks--;
		return false;
	default:
		say_unusable(reaper, hash, &err);
		return false;
	}
}

static void say_deleted(struct reaper *reaper, const struct deleted_lock *lock)
{
	struct error err = { .kind = ERROR_NONE };

	(void)error_set(&err, ERROR_HELD,
			"pid %d holds its lock, and somebody has deleted the lockfile",
			(int)lock->pid);
	reaper->result->live++;
	reaper->result->deleted++;
	sweep_say(reaper->options, &lock->hash, APP_LIVE,
		  lock->record.known ? lock->record.app : NULL, &err);
}

int probe_deleted(struct reaper *reaper, struct error *err)
{
	struct deleted_lock_list list;

	if (deleted_locks_find(reaper->dir, NULL, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		if (!deleted_locks_of(&reaper->deleted, &list.items[i].hash))
			say_deleted(reaper, &list.items[i]);
	deleted_locks_release(&reaper->deleted);
	reaper->deleted = list;
	return 0;
}

size_t probe_drop_live(struct reaper *reaper, struct reap_target *targets, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (deleted_locks_of(&reaper->deleted, &targets[i].lock.hash))
			app_lock_release(&targets[i].lock);
		else
			targets[kept++] = targets[i];
	}
	return kept;
}

size_t probe_batch_size(void)
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
