/*
 * A real swarm of several nodes for this test program: engines in namespaces, a cable between each
 * two (tests/fixture/engine.sh). The words of swarm/fixture.h are about node 1, a manager, whose
 * engine the environment leads to; $NODE1, $NODE2, ... hold every node's address for `docker -H`.
 * The swarm ends with the program, however that ends.
 */
#ifndef NODES_FIXTURE_H
#define NODES_FIXTURE_H

#include <stdbool.h>

#include "swarm/fixture.h"

#define NODES_MAX 3

/* Suite set-ups: a manager and a worker, or three managers. Another shape than the last suite's is
 * made anew. 0, or -1 with the reason on stderr. */
int nodes_set_up(void);
int nodes_set_up_managers(void);
/* Every node's objects are removed, by docker. All nodes must be there. */
int nodes_tear_down(void);

/* `engine.sh VERB`, by numbers from 1: "cut" and "mend" its cables, "pause-node" and "resume-node",
 * "kill-node" (the power fails) and "boot-node" (and is back, with another boot id). Returns its
 * status. */
int node_do(int node, const char *verb);
/* For commands that run there, as on a host of its own: "engine.sh inside DIR". */
const char *node_inside(int node);

/* Waits until node 1 calls the other "ready" or "down" (which takes some 6 s), at most a minute. */
bool node_wait_until(int node, const char *state);

/* The names of all containers, networks and volumes on the node that begin with prefix: sorted
 * lines "KIND NAME"; a task's container goes by its service. The engine's own networks are left
 * out. The caller frees it. */
char *node_objects(int node, const char *prefix);
#define CHECK_NODE(node, prefix, expected) node_check(node, prefix, expected, __FILE__, __LINE__)
void node_check(int node, const char *prefix, const char *expected, const char *file,
		unsigned line);

#endif
