/*
 * May a lease be taken from its holder? A pure function of what it says, who we are, and what we
 * have seen of it. No clock is compared across hosts: a holder that renews is seen to, since each
 * renewal makes another version.
 */
#ifndef REAP_LEASE_JUDGE_H
#define REAP_LEASE_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/lease.h"

/* The version that was seen, and since when (CLOCK_BOOTTIME, milliseconds): the moment at which
 * the first answer with it was there, not that of the question. Another swarm counts its versions
 * anew, so they are told apart by the object's id. */
struct lease_sighting {
	char id[LEASE_ID_SIZE];
	uint64_t version; /* 0: none was */
	int64_t since;
};

enum lease_verdict {
	LEASE_OURS,  /* this very run's */
	LEASE_FREE,  /* released: whoever likes may remove it by its id */
	LEASE_DEAD,  /* its holder is proven dead: it may be taken over by CAS */
	LEASE_ALIVE, /* or not known to be dead */
};

/* Is the holder another machine, though it states our machine id? */
bool lease_is_of_a_clone(const struct lease_holder *by, const struct lease_holder *self);

/* Notes that the lease was seen at `now`. */
void lease_sighting_note(struct lease_sighting *sighting, const struct lease *lease, int64_t now);

/* self: what we would write. lock_is_free: no run holds the app's lock in our lock directory, or we
 * do. Why it is so is written to reason for LEASE_DEAD and LEASE_ALIVE. */
enum lease_verdict lease_judge(const struct lease *lease, const struct lease_holder *self,
			       const struct lease_sighting *seen, int64_t now, bool lock_is_free,
			       char *reason, size_t size);

#endif
