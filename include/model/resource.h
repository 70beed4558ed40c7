/*
 * What an app may leave: services, tasks, containers, secrets, configs, networks, volumes, as data.
 * Field names follow the Docker Engine API; texts are the engine's own and hostile.
 */
#ifndef MODEL_RESOURCE_H
#define MODEL_RESOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum resource_kind {
	RESOURCE_SERVICE,
	RESOURCE_TASK, /* listed to know what is still coming; never removed by itself */
	RESOURCE_CONTAINER,
	RESOURCE_SECRET,
	RESOURCE_CONFIG,
	RESOURCE_NETWORK,
	RESOURCE_VOLUME,
	RESOURCE_FILE, /* of this machine, by [app] files: the engine knows nothing of it */
	RESOURCE_NODE, /* of the swarm; listed, never removed */
};
#define RESOURCE_KIND_COUNT 9

struct label {
	char *key;
	char *value;
};

/* All texts are owned. A text that the engine did not state is NULL. */
struct resource {
	enum resource_kind kind;
	char *id;	  /* what the engine's DELETE takes; a volume has only its name */
	char *name;	  /* without the leading '/' of containers */
	char *created;	  /* as stated */
	char *driver;	  /* networks and volumes */
	char *state;	  /* tasks: Status.State; containers: State; nodes: "ready", "down", "drain" */
	char *node;	  /* tasks: NodeID; of a node job's report: its node; NULL: this engine's */
	char *error;	  /* tasks: Status.Err; of a report: why it could not be removed */
	uint64_t version; /* secrets, configs, services: what an update must name; 0: not stated */
	char *service_id; /* tasks: ServiceID; containers: label com.docker.swarm.service.id */
	struct label *labels;
	size_t label_count;
	/* The engine's description lacks or distorts what ownership is judged by: keep it. */
	bool malformed;
};

struct resource_list {
	struct resource *items;
	size_t count;
	size_t capacity;
};

/* "service", "task", ... */
const char *resource_kind_name(enum resource_kind kind);

void resource_release(struct resource *resource);
void resource_copy(const struct resource *from, struct resource *ret);
void resource_add_label(struct resource *resource, const char *key, const char *value);
/* The label's value, NULL when there is none. */
const char *resource_label(const struct resource *resource, const char *key);

/* Appends an empty resource of the kind; the pointer is good until the next append. */
struct resource *resource_list_append(struct resource_list *list, enum resource_kind kind);
/* Moves every item of from to the end of to; from is empty afterwards. */
void resource_list_move(struct resource_list *to, struct resource_list *from);
void resource_list_release(struct resource_list *list);

#endif
