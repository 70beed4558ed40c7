/* A sweep's look at all leases of the swarm ([lock] cluster). */
#ifndef REAP_LEASE_SEARCH_INTERNAL_H
#define REAP_LEASE_SEARCH_INTERNAL_H

#include "reap_internal.h"

struct lease_search {
	struct lease *leases; /* owned */
	size_t count;
	int64_t asked_at; /* CLOCK_BOOTTIME: what is listed was true then, or later */
	struct error error;
};

/* Lists them, and notes what is seen. Those whose app has one of the lockfiles, which it sorts, are
 * left to whoever looks at that. */
int lease_search_look(struct reaper *reaper, struct app_hash *lockfiles, size_t count,
		      struct lease_search *search);
/* Reaps the apps of those that were dead when they were listed, `size` at a time. */
void lease_search_reap(struct reaper *reaper, const struct lease_search *search, size_t size);
void lease_search_release(struct lease_search *search);

#endif
