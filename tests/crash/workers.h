/*
 * Rounds, spread over worker processes. Each worker is the init of a pid namespace with its own
 * /proc, mounts and cgroup, so that it sees only its own processes, and leaves nothing behind.
 */
#ifndef CRASH_WORKERS_H
#define CRASH_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

#include "scenario.h"

struct point {
	enum scenario scenario;
	struct trace_fault fault;
	int cut_off; /* not 0: scenario_cut_off with this signal instead */
	int syscall; /* that it is expected to hit */
	bool hit;
	int status;	    /* as waitpid gives it */
	char problems[800]; /* empty: all well */
};

/* Points and calls are memory that the workers share: workers_alloc. */
void *workers_alloc(size_t size);

/* Plays all points with the program; true: every worker came to its end. */
bool workers_play(struct point *points, size_t count, const char *program);

/* The calls of an undisturbed round, into calls[]; returns how many, 0: it went wrong. */
size_t workers_count_calls(enum scenario scenario, struct trace_call *calls, size_t max);

#endif
