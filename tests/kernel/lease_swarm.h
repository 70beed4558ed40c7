/* The small engine as the manager of a swarm with one lease, or none. */
#ifndef TESTS_KERNEL_LEASE_SWARM_H
#define TESTS_KERNEL_LEASE_SWARM_H

#include "kernel/small_engine.h"
#include "model/lease.h"

#define SWARM_TERM_MS 5000

struct swarm {
	struct small_engine engine; /* first: the engine's own functions take it for theirs */
	struct resource lease;	    /* id NULL: none */
	void (*before_leases)(const struct swarm *swarm); /* as all are listed; or NULL */
	bool hides_volumes;				  /* their listing fails */
	int lease_listings;				  /* of one lease */
	int writes;					  /* of leases */
};

struct sweep_options swarm_options(struct swarm *swarm, struct settings *settings);

struct lease_holder swarm_host(const char *name, const char *boot, const char *run_id);

/* Held, version 1. */
void swarm_put_lease(struct swarm *swarm, const char *app, struct lease_holder by);

#endif
