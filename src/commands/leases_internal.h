#ifndef COMMANDS_LEASES_INTERNAL_H
#define COMMANDS_LEASES_INTERNAL_H

#include "commands_internal.h"

struct leases {
	struct lease *items; /* owned */
	size_t count;
};

/* Lists all leases of the swarm. -1: they can't be seen, which is not that there are none. */
int leases_read(void *engine, const struct engine_port *port, int64_t timeout_ms,
		struct leases *ret, struct error *err);
void leases_release(struct leases *leases);

/* Is it of this machine, boot and lock directory, where the lock tells all? */
bool lease_is_local(const struct lease *lease, const struct lease_holder *self);

/* Adds to each view its lease, and, with all, a view for each lease without one. Nothing to do
 * without [lock] cluster. -1 with *err: the views are what this host's locks tell. */
int leases_join(const struct context *context, const struct lock_dir *dir,
		struct lock_view_list *list, bool all, struct error *err);

#endif
