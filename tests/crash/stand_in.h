/*
 * A small engine with a memory, on a unix socket: it creates, lists and removes services (each with
 * a task and a container), containers, volumes, networks, secrets and configs, and refuses what is
 * in use, as Docker does. For the thousands of rounds that a real engine is too slow for.
 *
 * Late mode: a removal or a creation is carried out some time after its request came in, and also
 * when whoever sent it has hung up meanwhile.
 *
 * Every object has an owner, of which ci-janitor knows nothing: it is what the test judges by.
 */
#ifndef CRASH_STAND_IN_H
#define CRASH_STAND_IN_H

#include <stdbool.h>
#include <stddef.h>

/* Whose the leases are, as stand_in_list has it. */
#define STAND_IN_LEASES "leases"

struct stand_in;

/* Listens at FOLDER/docker.sock. What goes wrong ends the program. */
struct stand_in *stand_in_start(const char *folder);
/* Forgets every object. */
void stand_in_clear(struct stand_in *engine);
void stand_in_set_late(struct stand_in *engine, int removal_ms, int creation_ms);
/* Waits until all that was sent is carried out and all connections are closed, so only when no
 * client is left. */
void stand_in_settle(struct stand_in *engine);

/* kind is the collection in the engine's paths: "volumes". labels: a JSON object. */
void stand_in_add(struct stand_in *engine, const char *kind, const char *name, const char *owner,
		  const char *labels);
/* The owner's objects, "volumes/NAME services/NAME", in the order of their creation. */
void stand_in_list(struct stand_in *engine, const char *owner, char *buffer, size_t size);
/* How many creations have been asked for. */
unsigned stand_in_creations(struct stand_in *engine);

#endif
