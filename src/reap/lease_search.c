/*
 * Leases of which no lockfile here tells: of hosts that are gone, or of this one before it was
 * booted anew. They are the to-do entries of all hosts together. A dead one's app is reaped as by a
 * dead lockfile, under its lock, which is taken by making the lockfile, and under that very lease:
 * when it is not there any more, somebody else has done it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "lease_search_internal.h"
#include "reap_internal.h"
#include "sightings_internal.h"

#define WAIT_MS 50
#define REMOVAL_LIMIT_MS 5000

/* Waits for so many answers to COOKIE_NOBODY; *ret_list gets what the last one lists. Without an
 * answer there is no list, not an empty one. */
static int wait_for(struct reaper *reaper, size_t count, int64_t deadline,
		    struct resource_list *ret_list, struct error *err)
{
	while (count) {
		struct engine_answer answer;
		int got = reaper->port.wait(reaper->port.engine, WAIT_MS, &answer, err);

		if (got < 0)
			return -1;
		if (!got && !sweep_is_told(reaper) && clock_now_ms() < deadline)
			continue;
		if (!got)
			return error_set(err, ERROR_TIMEOUT, "there was no time for an answer");
		count -= answer.cookie >> 32 == COOKIE_NOBODY;
		if (ret_list && answer.outcome == ENGINE_DONE)
			resource_list_move(ret_list, &answer.list);
		else if (ret_list)
			*err = answer.error;
		resource_list_release(&answer.list);
		if (ret_list && answer.outcome != ENGINE_DONE)
			return -1;
	}
	return 0;
}

static int list(struct reaper *reaper, struct resource_list *ret, struct error *err)
{
	struct list_filter filter = { .key = LEASE_LABEL };

	if (!sweep_connect(reaper)) {
		*err = reaper->connect_error;
		return -1;
	}
	if (reaper->port.list(reaper->port.engine, RESOURCE_CONFIG, &filter,
			      (uint64_t)COOKIE_NOBODY << 32, err) < 0)
		return -1;
	/* The engine's own limit ends it. */
	return wait_for(reaper, 1, reaper->deadline, ret, err);
}

static bool has_lockfile(const struct app_hash *lockfiles, size_t count,
			 const struct app_hash *hash)
{
	return count && bsearch(hash, lockfiles, count, sizeof(*lockfiles), app_hash_compare);
}

int lease_search_look(struct reaper *reaper, struct app_hash *lockfiles, size_t count,
		      struct lease_search *search)
{
	CLEANUP(resource_list_release) struct resource_list found = { 0 };
	int64_t now;

	search->asked_at = clock_boot_ms();
	if (list(reaper, &found, &search->error) < 0)
		return -1;
	if (count)
		qsort(lockfiles, count, sizeof(*lockfiles), app_hash_compare);
	now = clock_boot_ms();
	reaper->sightings = xcalloc(1, sizeof(*reaper->sightings));
	sightings_read(reaper->dir, reaper->sightings);
	search->leases = xcalloc(found.count + 1, sizeof(*search->leases));
	for (size_t i = 0; i < found.count; i++) {
		struct lease *lease = &search->leases[search->count];

		if (!lease_read(&found.items[i], lease))
			continue;
		(void)sightings_note(reaper->sightings, lease, now);
		search->count += lease->state == LEASE_RELEASED ||
				 !has_lockfile(lockfiles, count, &lease->hash);
	}
	sightings_sort(reaper->sightings);
	/* Not written: then it begins to watch anew next time. */
	if (!reaper->options->dry_run)
		(void)sightings_write(reaper->dir, reaper->sightings, NULL);
	return 0;
}

/* By the time of the list, however long ago that is: who has renewed since isn't in it. */
static bool is_dead(const struct reaper *reaper, const struct lease_holder *self,
		    const struct lease *lease, int64_t asked_at)
{
	struct lease_sighting seen = sightings_find(reaper->sightings, &lease->hash);
	char reason[128];

	if (lease->by.app[0] &&
	    word_list_matches(&reaper->options->settings->app_protect, lease->by.app))
		return false;
	return lease_judge(lease, self, &seen, asked_at, true, reason, sizeof(reason)) ==
	       LEASE_DEAD;
}

/* Whoever holds a lockfile, or has left one, is looked at for its own sake. */
static bool take(struct reaper *reaper, const struct lease *lease, struct reap_target *target)
{
	struct record record = *reaper->options->orphan_record;
	struct error err = { .kind = ERROR_NONE };
	int state;

	*target = (struct reap_target){
		.lock = APP_LOCK_NONE,
		.lease_use = lease->state == LEASE_ORPHAN ? LEASE_USE_RELEASE : LEASE_USE_REAP,
		.lease_must_exist = true,
	};
	target->lock.hash = lease->hash;
	(void)snprintf(target->app, sizeof(target->app), "%s", lease->by.app);
	(void)snprintf(target->extra_stack, sizeof(target->extra_stack), "%s", lease->by.stack);
	if (reaper->options->dry_run) {
		target->for_run = target->no_fence = true;
		return target->lease_use == LEASE_USE_REAP;
	}
	record.phase = RUN_PHASE_TEARDOWN;
	(void)snprintf(record.app, sizeof(record.app), "%s", lease->by.app);
	state = app_lock_try(reaper->dir, &lease->hash, LOCK_ROLE_JANITOR, &record, &target->lock,
			     &target->created, &err);
	if (state == LOCK_FREE && target->created)
		return true;
	if (state >= 0)
		app_lock_release(&target->lock);
	else
		sweep_say(reaper->options, &lease->hash, APP_LEFT, lease->by.app, &err);
	return false;
}

static void remove_released(struct reaper *reaper, const struct lease_search *search)
{
	struct error err = { .kind = ERROR_NONE };
	size_t sent = 0;

	for (size_t i = 0; i < search->count; i++) {
		struct resource config;

		if (search->leases[i].state != LEASE_RELEASED || reaper->options->dry_run)
			continue;
		lease_write(&search->leases[i], &config);
		sent += reaper->port.remove(reaper->port.engine, &config,
					    (uint64_t)COOKIE_NOBODY << 32, NULL) == 0;
		resource_release(&config);
	}
	(void)wait_for(reaper, sent, clock_deadline(REMOVAL_LIMIT_MS), NULL, &err);
}

void lease_search_reap(struct reaper *reaper, const struct lease_search *search, size_t size)
{
	CLEANUP_FREE struct reap_target *targets = xcalloc(size, sizeof(*targets));
	struct lease_holder self = *reaper->options->lease;
	size_t batch = 0;

	lease_holder_take_node(&self, &reaper->port);
	remove_released(reaper, search);
	for (size_t i = 0; i < search->count && !sweep_is_told(reaper); i++) {
		if (search->leases[i].state == LEASE_RELEASED ||
		    !is_dead(reaper, &self, &search->leases[i], search->asked_at))
			continue;
		batch += take(reaper, &search->leases[i], &targets[batch]);
		if (batch == size) {
			sweep_reap_dead(reaper, targets, batch);
			batch = 0;
		}
	}
	if (batch)
		sweep_reap_dead(reaper, targets, batch);
}

void lease_search_release(struct lease_search *search)
{
	free(search->leases);
	*search = (struct lease_search){ 0 };
}
