/*
 * The search for orphans, with their locks. A first look takes no lock and tells the candidates;
 * each one's lock is taken by making its lockfile; a second look under it decides (orphan_is_one).
 *
 * The lockfile's record says RUN_PHASE_ORPHAN until the removal begins: a sweep that finds it
 * after we died knows that no run was ever behind it, and takes only the lockfile away.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "lock/deleted_lock.h"
#include "reap/orphans.h"
#include "reap_internal.h"

bool orphan_leases_matter(const struct reaper *reaper)
{
	for (size_t i = 0; i < reaper->job_count; i++)
		if (reaper->jobs[i].target->search || reaper->jobs[i].target->orphan)
			return true;
	return false;
}

static void describe_lease(const struct lease *lease, struct error *ret)
{
	char holder[256];

	lease_describe(lease, holder, sizeof(holder));
	(void)error_set(ret, ERROR_HELD, "leased by %s", holder);
}

static bool would_be_candidate(const struct settings *settings, const struct owner_list *owners,
			       const char *app)
{
	if (!orphans_may_be(app, settings))
		return false;
	for (size_t i = 0; i < owners->stated_count; i++)
		if (!strcmp(owners->stated[i], app))
			return true;
	return false;
}

/* With [lock] cluster, who looks takes their leases; a host without at least says why it doesn't.
 */
static void tell_leased(const struct reaper *reaper, const struct resource_list *found,
			const struct owner_list *owners)
{
	const struct sweep_options *options = reaper->options;
	struct lease lease;

	for (size_t i = 0; !options->lease && i < found->count; i++) {
		struct error err = { .kind = ERROR_NONE };

		if (!lease_read(&found->items[i], &lease) || lease.state == LEASE_RELEASED ||
		    !would_be_candidate(options->settings, owners, lease.by.app))
			continue;
		describe_lease(&lease, &err);
		sweep_say(options, &lease.hash, APP_LIVE, lease.by.app, &err);
	}
}

void orphan_search_take(struct reaper *reaper, struct orphan_search *search,
			const struct resource_list *found, const struct owner_list *owners)
{
	if (orphans_select(found, owners, reaper->options->settings, clock_wall_seconds(),
			   &search->names, &search->error) < 0)
		return;
	search->done = true;
	tell_leased(reaper, found, owners);
}

/* Its own lease, where we have none to take: the host that has it reaps it, if anybody. */
static bool is_leased(const struct reaper *reaper, const char *app,
		      const struct resource_list *found, struct error *err)
{
	struct app_hash hash = app_hash_of(app);
	struct lease lease;

	for (size_t i = 0; !reaper->options->lease && i < found->count; i++) {
		if (!lease_read(&found->items[i], &lease) || lease.state == LEASE_RELEASED ||
		    (!app_hash_equal(&lease.hash, &hash) && strcmp(lease.by.stack, app) != 0))
			continue;
		describe_lease(&lease, err);
		return true;
	}
	return false;
}

int orphan_search_run(struct reaper *reaper, struct orphan_search *search)
{
	struct reap_target target = {
		.lock = APP_LOCK_NONE, .for_run = true, .no_fence = true, .search = search
	};

	reap_batch(reaper, &target, 1);
	return search->done ? 0 : -1;
}

/* A live run whose lockfile was deleted may go by this name, or by one that can't be known. */
static int is_deleted_ones(const struct reaper *reaper, const char *app, struct error *err)
{
	CLEANUP(deleted_locks_release) struct deleted_lock_list list = { 0 };
	struct app_hash hash = app_hash_of(app);
	char stack[APP_NAME_MAX + 1];

	if (deleted_locks_find(reaper->dir, NULL, &list, err) < 0)
		return -1;
	if (list.unknown) {
		*err = list.unknown_error;
		return -1;
	}
	for (size_t i = 0; i < list.count; i++) {
		const struct record *record = &list.items[i].record;

		if (!record->known || app_hash_equal(&list.items[i].hash, &hash) ||
		    !strcmp(record->stack, app))
			return 1;
		settings_stack_name(reaper->options->settings, record->app, stack, sizeof(stack));
		if (!strcmp(stack, app))
			return 1;
	}
	return 0;
}

bool orphan_is_one(struct reaper *reaper, struct job *job, const struct resource_list *found,
		   struct error *err)
{
	const struct settings *settings = reaper->options->settings;
	const char *app = job->target->app;
	char reason[160];
	int deleted;

	if (is_leased(reaper, app, found, err))
		return false;
	if (!orphans_are_old(found, app, settings, clock_wall_seconds(), job->slot_since != 0,
			     reason, sizeof(reason))) {
		(void)error_set(err, ERROR_HELD, "%s", reason);
		return false;
	}
	if (job->slot_since)
		return true;
	deleted = is_deleted_ones(reaper, app, err);
	if (deleted > 0)
		(void)error_set(err, ERROR_HELD,
				"a live run whose lockfile somebody has deleted may be its");
	return deleted == 0;
}

/* True: *target has the lock of a lockfile that is new. Somebody else's is left to him. */
static bool take(struct reaper *reaper, const char *app, struct reap_target *target)
{
	struct record record = *reaper->options->orphan_record;
	struct error err = { .kind = ERROR_NONE };
	struct app_hash hash = app_hash_of(app);
	int state;

	*target = (struct reap_target){ .lock = APP_LOCK_NONE, .orphan = true };
	(void)snprintf(target->app, sizeof(target->app), "%s", app);
	target->lock.hash = hash;
	if (reaper->options->dry_run) {
		target->for_run = target->no_fence = true;
		return true;
	}
	record.phase = RUN_PHASE_ORPHAN;
	(void)snprintf(record.app, sizeof(record.app), "%s", app);
	state = app_lock_try(reaper->dir, &hash, LOCK_ROLE_JANITOR, &record, &target->lock,
			     &target->created, &err);
	if (state == LOCK_FREE && target->created) {
		target->record = record;
		return true;
	}
	if (state >= 0)
		app_lock_release(&target->lock);
	else
		reaper->result->unusable++;
	if (state < 0)
		sweep_say(reaper->options, &hash, APP_LEFT, app, &err);
	return false;
}

void orphan_search_reap(struct reaper *reaper, const struct orphan_search *search, size_t size)
{
	CLEANUP_FREE struct reap_target *targets = xcalloc(size, sizeof(*targets));
	size_t batch = 0;

	for (size_t i = 0; i < search->names.count && !sweep_is_told(reaper); i++) {
		batch += take(reaper, search->names.words[i], &targets[batch]);
		if (batch == size) {
			reap_batch(reaper, targets, batch);
			batch = 0;
		}
	}
	if (batch)
		reap_batch(reaper, targets, batch);
}

int reap_find_orphans(const struct lock_dir *dir, const struct sweep_options *options,
		      struct word_list *ret, struct error *err)
{
	struct sweep_options look = *options;
	struct sweep_result result = { 0 };
	struct orphan_search search = { .done = false };
	struct reaper reaper;

	look.on_result = NULL;
	reaper_init(&reaper, dir, &look, &result);
	if (orphan_search_run(&reaper, &search) == 0) {
		*ret = search.names;
		return 0;
	}
	word_list_release(&search.names);
	if (err)
		*err = search.error;
	return -1;
}
