/* The objects of the stand-in, under its mutex. */
#ifndef CRASH_STAND_IN_INTERNAL_H
#define CRASH_STAND_IN_INTERNAL_H

#include <jansson.h>
#include <stddef.h>

#define OBJECTS_MAX 64

struct object {
	const char *kind; /* NULL: a free place */
	char id[64];
	char name[64];
	char owner[32];
	char service_id[64]; /* of a task or container */
	json_t *labels;
	unsigned order;
	unsigned version; /* of a config */
};

struct objects {
	struct object items[OBJECTS_MAX];
	unsigned created;
};

void objects_clear(struct objects *objects);
/* The new object's id; for a volume that is there already, its. NULL: no such kind, or no place. */
const char *objects_create(struct objects *objects, const char *kind, const char *name,
			   const char *owner, json_t *labels);
/* The HTTP status of the removal: 204, 404, or what the engine says when it is in use. */
int objects_remove(struct objects *objects, const char *kind, const char *id);
/* The HTTP status of the change of a config's labels: 200, 404, or 500, it has another version. */
int objects_update(struct objects *objects, const char *id, unsigned version, json_t *labels);
/* Is there a config of that name? */
int objects_has_config(const struct objects *objects, const char *name);
/* The body of the engine's listing; the caller frees it. */
char *objects_json(const struct objects *objects, const char *kind);
/* Of one object; NULL: there is none. */
char *objects_one_json(struct objects *objects, const char *kind, const char *id);
void objects_of(const struct objects *objects, const char *owner, char *buffer, size_t size);

#endif
