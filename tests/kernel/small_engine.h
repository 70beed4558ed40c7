/* An engine that is a table of functions over a few objects, for what depends on the moment. */
#ifndef TESTS_KERNEL_SMALL_ENGINE_H
#define TESTS_KERNEL_SMALL_ENGINE_H

#include <stddef.h>
#include <sys/types.h>

#include "lock/app_lock.h"
#include "reap/engine_port.h"

#define SMALL_ENGINE_ANSWERS 32

struct small_object {
	enum resource_kind kind;
	const char *name;
	const char *stack; /* its label; NULL: none */
};

struct small_engine {
	struct small_object objects[4];	 /* name NULL: none, or gone */
	void (*before_volumes)(int nth); /* called as they are listed for the nth time; or NULL */
	int listings;
	struct engine_answer answers[SMALL_ENGINE_ANSWERS];
	size_t count;
};

/* As sweep_options' connect. All objects are a day old. */
int small_engine_connect(void *data, int64_t timeout_ms, struct engine_port *ret,
			 struct error *err);

/* Starts a process that has the app's lock, by a record with that stack, until it is killed.
 * deleted: and whose lockfile is gone. */
pid_t small_engine_run(const struct lock_dir *dir, const char *app, const char *stack,
		       bool deleted);

#endif
