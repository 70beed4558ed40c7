/*
 * Which guards of run.md this machine offers to a run started as the caller is, and what takes the
 * place of a missing one. For `doctor`: each is tried for real, with nothing left behind.
 *
 * Ask with the capabilities of `run`: with fewer, more looks missing than is.
 */
#ifndef RUN_GUARDS_H
#define RUN_GUARDS_H

#include <stdbool.h>
#include <stddef.h>

struct guard {
	const char *name; /* "pidfd", "cgroup", ... */
	bool in_force;
	const char *meaning; /* what it does; when not in force: what takes its place */
	char reason[256];    /* why it is not in force, or a word on how it is; may be empty */
};

#define GUARD_COUNT 10

void guards_probe(struct guard ret[GUARD_COUNT]);

#endif
