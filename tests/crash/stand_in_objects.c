#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stand_in_internal.h"

static const char *const kinds[] = { "services", "tasks",   "containers", "volumes",
				     "networks", "secrets", "configs",	  NULL };

static const char *kind_of(const char *text)
{
	for (int i = 0; kinds[i]; i++)
		if (!strcmp(kinds[i], text))
			return kinds[i];
	return NULL;
}

static void drop(struct object *object)
{
	json_decref(object->labels);
	memset(object, 0, sizeof(*object));
}

void objects_clear(struct objects *objects)
{
	for (int i = 0; i < OBJECTS_MAX; i++)
		if (objects->items[i].kind)
			drop(&objects->items[i]);
}

static struct object *add(struct objects *objects, const char *kind, const char *name,
			  const char *owner, json_t *labels)
{
	for (int i = 0; i < OBJECTS_MAX; i++) {
		struct object *object = &objects->items[i];

		if (object->kind)
			continue;
		object->kind = kind;
		object->order = object->version = ++objects->created;
		snprintf(object->name, sizeof(object->name), "%s", name);
		snprintf(object->owner, sizeof(object->owner), "%s", owner);
		/* Volumes have no ids: whoever comes later by the same name is hit as well. */
		if (!strcmp(kind, "volumes"))
			snprintf(object->id, sizeof(object->id), "%s", name);
		else
			snprintf(object->id, sizeof(object->id), "%.8s%012u", kind, object->order);
		object->labels = labels ? json_deep_copy(labels) : json_object();
		return object;
	}
	return NULL;
}

/* The container carries its service's labels and names it, as those of swarm do. */
static void add_container(struct objects *objects, const struct object *service)
{
	char name[80];
	struct object *container;

	snprintf(name, sizeof(name), "%.50s.%u", service->name, objects->created);
	container = add(objects, "containers", name, service->owner, service->labels);
	if (!container)
		abort();
	snprintf(container->service_id, sizeof(container->service_id), "%s", service->id);
	json_object_set_new(container->labels, "com.docker.swarm.service.id",
			    json_string(service->id));
}

static struct object *find(struct objects *objects, const char *kind, const char *id)
{
	for (int i = 0; i < OBJECTS_MAX; i++)
		if (objects->items[i].kind && !strcmp(objects->items[i].kind, kind) &&
		    !strcmp(objects->items[i].id, id))
			return &objects->items[i];
	return NULL;
}

const char *objects_create(struct objects *objects, const char *kind, const char *name,
			   const char *owner, json_t *labels)
{
	struct object *object, *task;

	kind = kind_of(kind);
	if (!kind)
		return NULL;
	object = !strcmp(kind, "volumes") ? find(objects, kind, name) : NULL;
	if (!object)
		object = add(objects, kind, name, owner, labels);
	if (!object || strcmp(kind, "services") != 0)
		return object ? object->id : NULL;
	task = add(objects, "tasks", "", owner, labels);
	if (!task)
		abort();
	snprintf(task->service_id, sizeof(task->service_id), "%s", object->id);
	add_container(objects, object);
	return object->id;
}

static int owner_has(const struct objects *objects, const char *owner, const char *kind)
{
	for (int i = 0; i < OBJECTS_MAX; i++)
		if (objects->items[i].kind && !strcmp(objects->items[i].kind, kind) &&
		    !strcmp(objects->items[i].owner, owner))
			return 1;
	return 0;
}

static void drop_tasks(struct objects *objects, const char *service_id)
{
	for (int i = 0; i < OBJECTS_MAX; i++)
		if (objects->items[i].kind && !strcmp(objects->items[i].kind, "tasks") &&
		    !strcmp(objects->items[i].service_id, service_id))
			drop(&objects->items[i]);
}

int objects_remove(struct objects *objects, const char *kind, const char *id)
{
	struct object *object = find(objects, kind, id);
	const struct object *service;

	if (!object)
		return 404;
	if (!strcmp(kind, "volumes") && owner_has(objects, object->owner, "containers"))
		return 409;
	if (!strcmp(kind, "networks") && owner_has(objects, object->owner, "containers"))
		return 403;
	if ((!strcmp(kind, "secrets") || !strcmp(kind, "configs")) &&
	    owner_has(objects, object->owner, "services"))
		return 400;
	if (!strcmp(kind, "services"))
		drop_tasks(objects, id);
	service = *object->service_id ? find(objects, "services", object->service_id) : NULL;
	drop(object);
	if (service)
		add_container(objects, service); /* swarm starts it again */
	return 204;
}

int objects_update(struct objects *objects, const char *id, unsigned version, json_t *labels)
{
	struct object *object = find(objects, "configs", id);

	if (!object)
		return 404;
	if (object->version != version)
		return 500;
	json_decref(object->labels);
	object->labels = json_deep_copy(labels);
	object->version = ++objects->created;
	return 200;
}

int objects_has_config(const struct objects *objects, const char *name)
{
	for (int i = 0; i < OBJECTS_MAX; i++)
		if (objects->items[i].kind && !strcmp(objects->items[i].kind, "configs") &&
		    !strcmp(objects->items[i].name, name))
			return 1;
	return 0;
}

static json_t *describe(const struct object *object)
{
	static const char created[] = "2026-01-02T03:04:05Z";

	if (!strcmp(object->kind, "containers"))
		return json_pack("{s:s, s:[o], s:s, s:i, s:O}", "Id", object->id, "Names",
				 json_sprintf("/%s", object->name), "State", "running", "Created",
				 1767322000, "Labels", object->labels);
	if (!strcmp(object->kind, "tasks"))
		return json_pack("{s:s, s:s, s:s, s:{s:{s:O}}, s:{s:s}}", "ID", object->id,
				 "CreatedAt", created, "ServiceID", object->service_id, "Spec",
				 "ContainerSpec", "Labels", object->labels, "Status", "State",
				 "running");
	if (!strcmp(object->kind, "volumes"))
		return json_pack("{s:s, s:s, s:s, s:O}", "Name", object->name, "CreatedAt", created,
				 "Driver", "local", "Labels", object->labels);
	if (!strcmp(object->kind, "networks"))
		return json_pack("{s:s, s:s, s:s, s:s, s:O}", "Id", object->id, "Name",
				 object->name, "Created", created, "Driver", "overlay", "Labels",
				 object->labels);
	return json_pack("{s:s, s:s, s:{s:i}, s:{s:s, s:O}}", "ID", object->id, "CreatedAt",
			 created, "Version", "Index", (int)object->version, "Spec", "Name",
			 object->name, "Labels", object->labels);
}

char *objects_one_json(struct objects *objects, const char *kind, const char *id)
{
	const struct object *object = find(objects, kind, id);
	json_t *body = object ? describe(object) : NULL;
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	json_decref(body);
	return text;
}

char *objects_json(const struct objects *objects, const char *kind)
{
	json_t *list = json_array(), *body = list;
	char *text;

	for (int i = 0; i < OBJECTS_MAX; i++)
		if (objects->items[i].kind && !strcmp(objects->items[i].kind, kind))
			json_array_append_new(list, describe(&objects->items[i]));
	if (!strcmp(kind, "volumes"))
		body = json_pack("{s:o}", "Volumes", list);
	text = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	if (!text)
		abort();
	return text;
}

void objects_of(const struct objects *objects, const char *owner, char *buffer, size_t size)
{
	size_t length = 0;

	buffer[0] = '\0';
	for (unsigned order = 1; order <= objects->created; order++)
		for (int i = 0; i < OBJECTS_MAX; i++) {
			const struct object *object = &objects->items[i];

			if (!object->kind || object->order != order ||
			    strcmp(object->owner, owner) != 0 || length >= size)
				continue;
			length += (size_t)snprintf(buffer + length, size - length, "%s%s/%s",
						   length ? " " : "", object->kind, object->name);
		}
}
