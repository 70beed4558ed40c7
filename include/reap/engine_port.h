/* The engine as the reap room sees it. Connected by the commands room, replaced by tests. The
 * functions have the contracts of engine/engine.h. */
#ifndef REAP_ENGINE_PORT_H
#define REAP_ENGINE_PORT_H

#include <stdint.h>

#include "base/error.h"
#include "model/engine_answer.h"
#include "model/node_job.h"
#include "model/resource.h"

struct engine_port {
	void *engine;
	int (*list)(void *engine, enum resource_kind kind, const struct list_filter *filter,
		    uint64_t cookie, struct error *err);
	int (*remove)(void *engine, const struct resource *resource, uint64_t cookie,
		      struct error *err);
	int (*create_config)(void *engine, const struct resource *config, uint64_t cookie,
			     struct error *err);
	int (*update_config)(void *engine, const struct resource *config, uint64_t cookie,
			     struct error *err);
	int (*start_job)(void *engine, const struct node_job *job, uint64_t cookie,
			 struct error *err);
	int (*read_report)(void *engine, const char *task, uint64_t cookie, struct error *err);
	int64_t (*nodes)(void *engine);	      /* of how many the swarm is; 0: not known */
	const char *(*node_id)(void *engine); /* the engine's own */
	/* This host's: the engine's where that is on this machine, else, or if not known, "". */
	const char *(*host_node)(void *engine);
	int (*ask_node)(void *engine, uint64_t cookie, struct error *err);
	int (*refresh_role)(void *engine, uint64_t cookie, struct error *err);
	int (*wait)(void *engine, int timeout_ms, struct engine_answer *ret, struct error *err);
	enum swarm_role (*role)(void *engine);
	const char *(*swarm_state)(void *engine); /* the engine's own word, for messages */
};

#endif
