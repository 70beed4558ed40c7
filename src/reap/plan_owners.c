/* Who could have made what a listing shows: the jobs' apps, all that have a lockfile, live runs
 * that have lost theirs, and those that labels name. */
#include <stdio.h>

#include "base/cleanup.h"
#include "lock/lock_look.h"
#include "reap_internal.h"

static void add_stacks(struct owner *owner, const struct record *record,
		       const struct settings *settings)
{
	char stack[APP_NAME_MAX + 1];

	if (record->known && record->stack[0])
		owner_add_stack(owner, record->stack);
	if (!owner->app[0])
		return;
	settings_stack_name(settings, owner->app, stack, sizeof(stack));
	owner_add_stack(owner, stack);
}

static void fill_owner(const struct reaper *reaper, const struct job *job, struct owner *owner)
{
	const struct reap_target *target = job->target;

	owner->hash = target->lock.hash;
	owner->live = target->live;
	(void)snprintf(owner->app, sizeof(owner->app), "%s", job->result.app);
	add_stacks(owner, &target->record, reaper->options->settings);
	owner_add_stack(owner, target->extra_stack);
	owner_add_stack(owner, target->inherited_stack);
}

static void add_jobs(struct reaper *reaper, struct owner_list *owners)
{
	for (size_t i = 0; i < reaper->job_count; i++) {
		struct owner *owner;

		if (reaper->jobs[i].state == JOB_DONE)
			continue;
		owner = owner_list_append(owners);
		owner->job = i;
		fill_owner(reaper, &reaper->jobs[i], owner);
	}
}

bool plan_names(const struct reaper *reaper, const struct job *job, struct word_list *names)
{
	struct owner owner = { .job = OWNER_NOBODY };

	fill_owner(reaper, job, &owner);
	if (owner.app[0])
		word_list_append(names, owner.app, strlen(owner.app));
	for (size_t i = 0; i < OWNER_STACKS; i++)
		if (owner.stacks[i][0])
			word_list_append(names, owner.stacks[i], strlen(owner.stacks[i]));
	return owner.app[0] != '\0';
}

struct other_locks {
	struct reaper *reaper;
	struct owner_list *owners;
	size_t ours; /* the first so many owners are the jobs' */
};

static bool is_of_job(const struct other_locks *others, const struct app_hash *hash)
{
	const struct owner_list jobs = { .items = others->owners->items, .count = others->ours };

	return owner_list_find_hash(&jobs, hash) != NULL;
}

static int add_other(const struct app_hash *hash, void *data)
{
	struct other_locks *others = data;
	struct lock_view view;
	struct owner *owner;

	if (is_of_job(others, hash))
		return 0;
	lock_look(others->reaper->dir, hash, NULL, &view);
	owner = owner_list_append(others->owners);
	owner->hash = *hash;
	owner->reaping = view.state == LOCK_VIEW_REAPING;
	if (view.record.known) {
		(void)snprintf(owner->app, sizeof(owner->app), "%s", view.record.app);
		add_stacks(owner, &view.record, others->reaper->options->settings);
	}
	return 0;
}

/* Live runs whose lockfile somebody has deleted. */
static void add_deleted(struct other_locks *others, const struct deleted_lock_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct record *record = &list->items[i].record;
		struct owner *owner;

		if (is_of_job(others, &list->items[i].hash))
			continue;
		owner = owner_list_append(others->owners);
		owner->hash = list->items[i].hash;
		(void)snprintf(owner->app, sizeof(owner->app), "%s",
			       record->known ? record->app : "");
		add_stacks(owner, record, others->reaper->options->settings);
	}
}

/* Other hosts' runs have no lockfile here. */
static void add_leased(struct other_locks *others, const struct resource *config)
{
	struct owner *owner;
	struct lease lease;

	if (!lease_read(config, &lease) || lease.state == LEASE_RELEASED ||
	    is_of_job(others, &lease.hash))
		return;
	owner = owner_list_append(others->owners);
	owner->hash = lease.hash;
	(void)snprintf(owner->app, sizeof(owner->app), "%s", lease.by.app);
	owner_add_stack(owner, lease.by.stack);
	add_stacks(owner, &(struct record){ .known = false }, others->reaper->options->settings);
}

static int find_deleted(struct other_locks *others, const struct look *look, struct error *err)
{
	CLEANUP(deleted_locks_release) struct deleted_lock_list list = { 0 };
	struct reaper *reaper = others->reaper;

	if (!look->thorough) {
		add_deleted(others, &reaper->deleted);
		return 0;
	}
	/* A run's own lock is its supervisor's as well: that one alone comes with one job. */
	if (deleted_locks_find(reaper->dir,
			       reaper->job_count == 1 ? &reaper->jobs[0].target->lock : NULL, &list,
			       err) < 0)
		return -1;
	add_deleted(others, &list);
	return 0;
}

int plan_owners(struct reaper *reaper, const struct look *look, struct owner_list *ret,
		struct error *err)
{
	bool with_leases = reaper->options->lease || orphan_leases_matter(reaper);
	struct other_locks others = { .reaper = reaper, .owners = ret };

	if (lock_dir_check(reaper->dir, err) < 0)
		return -1;
	/* Barriers are many, and mostly see nothing that could be anybody's. */
	if (look->scope == LOOK_BARRIER && !look->found.count)
		return 0;
	add_jobs(reaper, ret);
	owner_list_sort(ret); /* for is_of_job */
	others.ours = ret->count;
	if (lock_dir_each(reaper->dir, add_other, &others, err) < 0 ||
	    find_deleted(&others, look, err) < 0)
		return -1;
	for (size_t i = 0; with_leases && i < look->found.count; i++)
		add_leased(&others, &look->found.items[i]);
	for (size_t i = 0; i < look->found.count; i++)
		owner_list_add_stated(ret, &look->found.items[i], reaper->options->settings);
	owner_list_sort(ret);
	return 0;
}
