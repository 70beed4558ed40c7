/*
 * What this host has seen of others' leases, from sweep to sweep: which version, since when. A
 * sweep is over long before a lease's term; by this one it goes on watching where the last left
 * off. In the lock directory, one file per user: it must be as trustworthy as the lockfiles.
 */
#ifndef REAP_SIGHTINGS_INTERNAL_H
#define REAP_SIGHTINGS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "lock/lock_dir.h"
#include "reap/lease_judge.h"

struct sighted {
	struct app_hash hash;
	struct lease_sighting sighting;
	bool seen_now; /* the others are not written again */
};

struct sightings {
	struct sighted *items; /* owned */
	size_t count;
	size_t capacity;
	size_t sorted; /* so many are, by their hash, and can be found */
};

/* What an earlier sweep of this boot has written. Whatever is not to be trusted or read counts as
 * nothing seen. */
void sightings_read(const struct lock_dir *dir, struct sightings *ret);
int sightings_write(const struct lock_dir *dir, const struct sightings *sightings,
		    struct error *err);
/* Notes that the lease was seen at `now`: each once, then sightings_sort. Returns the sighting,
 * good until the next call. */
const struct lease_sighting *sightings_note(struct sightings *sightings, const struct lease *lease,
					    int64_t now);
void sightings_sort(struct sightings *sightings);
/* All zero when it was never seen. */
struct lease_sighting sightings_find(const struct sightings *sightings,
				     const struct app_hash *hash);
void sightings_release(struct sightings *sightings);

#endif
