/*
 * Orphans: apps that the engine's labels name and that no lockfile stands for, as after a reboot.
 * Pure decisions; only apps on [orphans] app_pattern, and only when all they have is older than
 * [orphans] min_age.
 */
#ifndef REAP_ORPHANS_H
#define REAP_ORPHANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/resource.h"
#include "model/settings.h"
#include "reap/ownership.h"

/* Is it one if nobody has a lockfile or a lease of that name? Is it named so, and not protected? */
bool orphans_may_be(const char *name, const struct settings *settings);

/* Appends the names of the candidates, sorted. owners: all who have a lockfile. -1 with *err when a
 * lockfile doesn't say whose it is: a live run might go by any stack name. */
int orphans_select(const struct resource_list *found, const struct owner_list *owners,
		   const struct settings *settings, int64_t now, struct word_list *ret,
		   struct error *err);

/* Has the app anything, and is all of it old enough? false: reason says what is not. Tasks are the
 * swarm's history, which outlives what was removed. begun: the removal has begun, and the engine
 * may have made containers and volumes again by itself; then only what somebody must have made
 * counts, if there is any. */
bool orphans_are_old(const struct resource_list *found, const char *app,
		     const struct settings *settings, int64_t now, bool begun, char *reason,
		     size_t size);

#endif
