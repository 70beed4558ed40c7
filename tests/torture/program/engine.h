/*
 * A small engine with a memory, as a process of its own: containers, networks and volumes of a few
 * apps. It also is the oracle for whole programs: the commands of the runs hold a connection to it,
 * which the kernel closes when they are dead, so that it knows who lives without asking anybody.
 *
 *	- a command that comes finds no other one of its app alive, and no object of its app;
 *	- nothing is removed while the command that made it lives.
 *
 * Requests are carried out in the order in which they came, except that some removals come late: up
 * to LATE_MS after they were sent, even when their sender is dead by then.
 */
#ifndef TORTURE_ENGINE_H
#define TORTURE_ENGINE_H

#include <stdatomic.h>
#include <sys/types.h>

#include "../library/oracle.h"

#define LATE_MS 120
#define ENGINE_APPS 3

struct engine_memory {
	struct oracle *oracle; /* for its violations */
	atomic_int objects;
	atomic_long commands, made, removed, late;
};

/* Serves on the path in a forked process until it is killed. Returns its pid. */
pid_t torture_engine_start(const char *path, struct engine_memory *memory, uint64_t seed);

/* What a command writes on its connection, one line each, answered by "ok\n". */
#define COMMAND_HELLO "RUN %d %d\n" /* app, pid */
#define COMMAND_MAKE "MAKE %c\n"    /* 'c', 'n' or 'v' */
#define COMMAND_LOST "LOST\n"	    /* its lockfile isn't what it was */

#endif
