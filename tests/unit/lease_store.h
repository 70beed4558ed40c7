/* A small store of one config, by which every answer can be lost, and the clients of its lease. */
#ifndef TESTS_LEASE_STORE_H
#define TESTS_LEASE_STORE_H

#include "reap/engine_port.h"
#include "reap/lease_client.h"

/* One name, one config. The answer to a request waits until it is asked for. */
struct store {
	struct resource config; /* id NULL: none */
	uint64_t version;
	int next_id;
	struct engine_answer answer;
	int creates, removals, held_removed;
	bool lose_before, lose_after; /* the next write, or its answer */
	int old_looks;		      /* so many more are answered with what was: */
	struct resource old;	      /* id NULL: none */
	bool node_is_known, is_remote, refuses_node;
	int asked_for_node;
};

struct engine_port lease_store_port(struct store *store);
void lease_store_client(struct lease_client *client, const char *host, const char *run);
/* One request and its answer. */
void lease_store_step(struct lease_client *client, struct store *store);
void lease_store_steps(struct lease_client *client, struct store *store, enum lease_status wanted);
const char *lease_store_owner(const struct store *store);

#endif
