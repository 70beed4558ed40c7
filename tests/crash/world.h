/*
 * Where a round takes place: a private lock directory, an engine stand-in, a cgroup, and in them
 *
 *	shop		the app that the round is about
 *	shop_two	alive, its record known; has a secret without labels, named like one of
 *shop's other		alive, with objects of every kind foreign		objects of nobody
 *	protected	a volume with shop's label, and the label that protects it
 *
 * A world lives in a process of its own, the init of a pid namespace.
 */
#ifndef CRASH_WORLD_H
#define CRASH_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include "stand_in.h"

#define APP "shop"
#define PROBLEMS_SIZE 4096

struct world {
	struct stand_in *engine;
	char folder[128];
	char locks[160];
	char scratch[160];
	char host[192];
	char socket[160];
	char config[160];
	char group[256];    /* our own cgroup's directory; empty: there is no hierarchy */
	char lockfile[256]; /* shop's */
	int neighbours[2];
	char alive[4][1024]; /* what of the others was there when the round began */
	bool denied; /* a call was: what may not be looked at may stay, as for any other user */
	char problems[PROBLEMS_SIZE];
	size_t problems_length;
};

void world_start(struct world *world, const char *folder, const char *group);
/* Everything as at the start; no problems. */
void world_reset(struct world *world);

/* What the configuration says besides the times. */
void world_configure(const struct world *world, const char *more);
/* As a reboot does it: nothing is left but what the engine has. */
void world_reboot(struct world *world);

void world_problem(struct world *world, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool world_has_lockfile(const struct world *world);
/* Waits until nobody holds the lock: the engine child of a killed run finishes under it. */
void world_wait_unlocked(const struct world *world);
/* What the engine has of shop; buffer is returned. */
const char *world_objects(const struct world *world, char *buffer, size_t size);

/* Nothing alive was touched. */
void world_check_alive(struct world *world);
/* Whatever is left of shop on the engine, or runs of it, has its lockfile, or its lease. */
void world_check_not_forgotten(struct world *world);
/* Nothing at all is left of shop. */
void world_check_clean(struct world *world, const char *when);

#endif
