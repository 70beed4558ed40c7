/* An engine that is a table of functions over a few objects, for what depends on the moment. */
#ifndef TESTS_KERNEL_SMALL_ENGINE_H
#define TESTS_KERNEL_SMALL_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lock/app_lock.h"
#include "reap/sweep.h"

#define SMALL_ENGINE_ANSWERS 32

struct small_object {
	enum resource_kind kind;
	const char *name;
	const char *stack; /* its label; NULL: none */
};

struct small_engine {
	struct small_object objects[4];	 /* name NULL: none, or gone */
	void (*before_volumes)(int nth); /* called as they are listed for the nth time; or NULL */
	bool alone;			 /* no swarm; default: its manager */
	int late_ms;			 /* the objects appear that long after the first listing */
	int listings;
	int64_t first_listing;
	struct engine_answer answers[SMALL_ENGINE_ANSWERS];
	size_t count;
};

/* A lock directory in a temporary folder. Returns 0, as a suite's set_up wants it. */
int small_engine_dir(struct lock_dir *ret);

/* With settings by default, which the caller releases; all objects are a day old. */
struct sweep_options small_engine_options(struct small_engine *engine, struct settings *settings);

/* Takes the app's lock for target->lock and reaps the app, which must come to its end. */
void small_engine_reap(const struct lock_dir *dir, const char *app, struct reap_target *target,
		       struct small_engine *engine);

/* Starts a process that has the lock of the record's app: until it is killed (for_ms -1), or for a
 * while, and forgets it then. */
pid_t small_engine_hold(const struct lock_dir *dir, enum lock_role role,
			const struct record *record, int for_ms);

/* Starts a process that has the app's lock, by a record with that stack, until it is killed.
 * deleted: and whose lockfile is gone. */
pid_t small_engine_run(const struct lock_dir *dir, const char *app, const char *stack,
		       bool deleted);

#endif
