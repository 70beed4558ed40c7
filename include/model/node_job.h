/* What the swarm is asked to have done on its other nodes: a service of ci-janitor's own image,
 * whose task on each node runs `ci-janitor reap-node` (reaping.md, "More than one node"). */
#ifndef MODEL_NODE_JOB_H
#define MODEL_NODE_JOB_H

#include "model/settings.h"

/* The service's label: the hashes of the apps that it works for, with blanks between them. Its
 * containers': of those of them that it may remove something of. */
#define NODE_JOB_LABEL "ci-janitor.job"

/* Texts are the caller's. */
struct node_job {
	const char *name;
	const char *image;
	const char *apps;    /* the label's value */
	const char *ordered; /* likewise, of its containers */
	const char *not_on;  /* the node that needs none, by its id */
	const struct word_list *arguments;
};

#endif
