/* A swarm of two nodes that is a table of functions over a few objects: for what a real one can't
 * be made to do on demand. Its engine is node "one"'s, a manager; "two" is the other node. */
#ifndef TESTS_KERNEL_TWO_NODES_H
#define TESTS_KERNEL_TWO_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/engine_answer.h"
#include "model/resource.h"
#include "reap/sweep.h"

struct node_object {
	enum resource_kind kind;
	const char *name;  /* NULL: none, or gone */
	const char *stack; /* its label */
	const char *node;  /* NULL: one */
};

/* One job at a time, of one task on node two. */
struct two_nodes {
	struct node_object *objects; /* the caller's */
	size_t object_count;
	const char *node_state; /* of node two */
	int node_listings_fail; /* so many first ones */
	int unanswered;		/* this job, which is there all the same; -1: all */
	int overtaken;		/* jobs started while the task of an unanswered one ran */
	int appears_ms;		/* after it was started */
	int64_t appears_at;
	bool volumes_stay;   /* on node two */
	const char *refusal; /* what the task says instead of a report */
	int refuses_from;    /* ... from this job on */
	int task_lasts_ms;   /* after its service */
	char job_apps[64];   /* of the service that is there; empty: none */
	char task_apps[64];  /* of its task, until task_ends */
	int64_t task_ends;
	int started;	   /* jobs */
	int orders;	   /* in all of them */
	size_t most_bytes; /* of one job's arguments */
	struct engine_answer answers[32];
	size_t count;
};

/* Leads the reap room to it. */
void two_nodes_connect(struct two_nodes *swarm, struct sweep_options *options);

#endif
