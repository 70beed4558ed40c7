/* What the engine answered to one request: the words that the engine and reap rooms share. */
#ifndef MODEL_ENGINE_ANSWER_H
#define MODEL_ENGINE_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "model/resource.h"

/* The role of the answering node in a swarm. */
enum swarm_role {
	SWARM_UNKNOWN, /* not asked for */
	SWARM_NONE,    /* not in a swarm (or an engine without swarm): no swarm objects exist */
	SWARM_MANAGER, /* active manager: swarm objects can be listed and removed */
	SWARM_OTHER,   /* worker, locked, pending or broken: swarm objects may exist, unseen */
};

/* The answer classes of reaping.md. */
enum engine_outcome {
	ENGINE_DONE,	     /* list: complete; else: 2xx */
	ENGINE_ALREADY_GONE, /* remove, update: 404 */
	ENGINE_IN_USE,	     /* 409, 400 "in use"/FailedPrecondition, 403 "active endpoints" */
	ENGINE_NOT_NOW,	     /* 5xx that passes, and a dead, refused or missing socket */
	ENGINE_NO_ANSWER, /* sent, or partly sent, and no whole answer: it may still be executed */
	ENGINE_CHANGED,	  /* remove: another object has the name by now; nothing was removed */
	ENGINE_REFUSED,	  /* anything else: trying again is no use */
};

/* What the engine is asked to leave out: a narrowing, never identity. */
struct list_filter {
	const char *key;     /* only objects with this label; NULL: any */
	const char *value;   /* ... of this value; NULL: any */
	const char *service; /* only tasks of this service, which must be there; NULL: any */
	/* Only objects whose name begins with one of these, in upper or lower case: secrets and
	 * configs; other kinds understand it otherwise. */
	const char *const *names;
	size_t name_count;
};

struct engine_answer {
	uint64_t cookie; /* the request's */
	enum engine_outcome outcome;
	struct resource_list
		list;	    /* of a list request with ENGINE_DONE; the receiver's to release */
	struct error error; /* set unless ENGINE_DONE or ENGINE_ALREADY_GONE */
};

#endif
