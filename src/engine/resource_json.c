#include "resource_json_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "json_internal.h"

/* Where a kind keeps its texts. spec: the member that holds name and labels, NULL: the entry. */
struct layout {
	const char *id;
	const char *spec;
	const char *name;
	const char *created;
	const char *driver;
};

static const struct layout layouts[RESOURCE_KIND_COUNT] = {
	[RESOURCE_SERVICE] = { .id = "ID", .spec = "Spec", .name = "Name", .created = "CreatedAt" },
	[RESOURCE_TASK] = { .id = "ID", .spec = "Spec", .created = "CreatedAt" },
	[RESOURCE_CONTAINER] = { .id = "Id" },
	[RESOURCE_SECRET] = { .id = "ID", .spec = "Spec", .name = "Name", .created = "CreatedAt" },
	[RESOURCE_CONFIG] = { .id = "ID", .spec = "Spec", .name = "Name", .created = "CreatedAt" },
	[RESOURCE_NODE] = { .id = "ID",
			    .spec = "Description",
			    .name = "Hostname",
			    .created = "CreatedAt" },
	[RESOURCE_NETWORK] = { .id = "Id",
			       .name = "Name",
			       .created = "Created",
			       .driver = "Driver" },
	[RESOURCE_VOLUME] = { .id = "Name",
			      .name = "Name",
			      .created = "CreatedAt",
			      .driver = "Driver" },
};

/* The member's text or NULL; a member of another type marks the resource. */
static char *member_text(const json_t *object, const char *key, struct resource *resource)
{
	const json_t *value = sym_json_object_get(object, key);
	const char *text = json_plain_text(value);

	if (value && !json_is_null(value) && !text)
		resource->malformed = true;
	return text ? xstrdup(text) : NULL;
}

/* As member_text; a missing or empty text marks the resource too. */
static char *needed_text(const json_t *object, const char *key, struct resource *resource)
{
	char *text = member_text(object, key, resource);

	if (!text || !*text)
		resource->malformed = true;
	return text;
}

void resource_json_take_labels(json_t *labels, struct resource *resource)
{
	if (!labels || json_is_null(labels))
		return;
	if (!json_is_object(labels)) {
		resource->malformed = true;
		return;
	}
	for (void *at = sym_json_object_iter(labels); at;
	     at = sym_json_object_iter_next(labels, at)) {
		const char *value = json_plain_text(sym_json_object_iter_value(at));

		if (value)
			resource_add_label(resource, sym_json_object_iter_key(at), value);
		else
			resource->malformed = true;
	}
}

/* "/name"; a legacy link adds "/other/alias" entries, in any order. */
static char *container_name(const json_t *names)
{
	const char *found = NULL;

	for (size_t i = 0; i < sym_json_array_size(names); i++) {
		const char *name = json_plain_text(sym_json_array_get(names, i));

		if (!name)
			return NULL;
		if (*name == '/')
			name++;
		if (*name && (!found || strchr(found, '/')))
			found = name;
	}
	return found ? xstrdup(found) : NULL;
}

static void take_container(const json_t *entry, struct resource *resource)
{
	const json_t *created = sym_json_object_get(entry, "Created");
	const char *service_id;

	resource->name = container_name(sym_json_object_get(entry, "Names"));
	if (!resource->name)
		resource->malformed = true;
	resource->state = member_text(entry, "State", resource);
	if (json_is_integer(created))
		resource->created =
			xasprintf("%" JSON_INTEGER_FORMAT, sym_json_integer_value(created));
	resource_json_take_labels(sym_json_object_get(entry, "Labels"), resource);
	service_id = resource_label(resource, "com.docker.swarm.service.id");
	resource->service_id = service_id ? xstrdup(service_id) : NULL;
}

/* The labels of a task's service stand with its container; attachment tasks have neither. */
static void take_task(const json_t *entry, const json_t *spec, struct resource *resource)
{
	const json_t *container = sym_json_object_get(spec, "ContainerSpec");
	const json_t *status = sym_json_object_get(entry, "Status");

	resource->service_id = member_text(entry, "ServiceID", resource);
	resource->node = member_text(entry, "NodeID", resource);
	resource->state = needed_text(status, "State", resource);
	resource->error = member_text(status, "Err", resource);
	if (container && !json_is_null(container) && !json_is_object(container))
		resource->malformed = true;
	resource_json_take_labels(sym_json_object_get(container, "Labels"), resource);
}

static uint64_t version_of(const json_t *entry)
{
	const json_t *index = sym_json_object_get(sym_json_object_get(entry, "Version"), "Index");

	return json_is_integer(index) && sym_json_integer_value(index) > 0
		       ? (uint64_t)sym_json_integer_value(index)
		       : 0;
}

/* One that takes no tasks is as good as none, whatever its state. */
static void take_node(const json_t *entry, struct resource *resource)
{
	const json_t *spec = sym_json_object_get(entry, "Spec");
	const char *availability = json_plain_text(sym_json_object_get(spec, "Availability"));

	resource->state = needed_text(sym_json_object_get(entry, "Status"), "State", resource);
	if (!resource->state || strcmp(resource->state, "ready") != 0 || !availability ||
	    !strcmp(availability, "active"))
		return;
	free(resource->state);
	resource->state = xstrdup(availability);
}

static int take_entry(const json_t *entry, struct resource *resource, size_t index,
		      struct error *err)
{
	const struct layout *layout = &layouts[resource->kind];
	const json_t *spec = layout->spec ? sym_json_object_get(entry, layout->spec) : entry;
	const char *id = json_plain_text(sym_json_object_get(entry, layout->id));

	if (!id || !*id || !strcmp(id, ".") || !strcmp(id, ".."))
		return error_set(err, ERROR_ENGINE, "entry %zu of the list has no usable id",
				 index);
	resource->id = xstrdup(id);
	if (!json_is_object(spec))
		resource->malformed = true;
	if (resource->kind == RESOURCE_CONTAINER) {
		take_container(entry, resource);
		return 0;
	}
	if (layout->name)
		resource->name = needed_text(spec, layout->name, resource);
	resource->created = member_text(entry, layout->created, resource);
	resource->version = version_of(entry);
	if (layout->driver)
		resource->driver = needed_text(entry, layout->driver, resource);
	if (resource->kind == RESOURCE_TASK)
		take_task(entry, spec, resource);
	else if (resource->kind == RESOURCE_NODE)
		take_node(entry, resource);
	else
		resource_json_take_labels(sym_json_object_get(spec, "Labels"), resource);
	return 0;
}

int resource_json_parse_one(struct resource *ret, const char *bytes, size_t length,
			    struct error *err)
{
	CLEANUP(resource_release) struct resource resource = { .kind = ret->kind };
	CLEANUP_JSON json_t *body = json_parse(bytes, length, err);

	if (!body || take_entry(body, &resource, 0, err) < 0)
		return -1;
	*ret = resource;
	resource = (struct resource){ .kind = ret->kind };
	return 0;
}

/* The array of entries. /volumes wraps it, and says null when there are none. */
static const json_t *find_entries(enum resource_kind kind, const json_t *body, struct error *err)
{
	const json_t *entries = body;

	if (kind == RESOURCE_VOLUME)
		entries = sym_json_object_get(body, "Volumes");
	if (json_is_array(entries) || (kind == RESOURCE_VOLUME && json_is_null(entries)))
		return entries;
	(void)error_set(err, ERROR_ENGINE, "the answer is JSON, but not a list of %ss",
			resource_kind_name(kind));
	return NULL;
}

int resource_json_parse(enum resource_kind kind, const char *bytes, size_t length,
			struct resource_list *ret, struct error *err)
{
	CLEANUP_JSON json_t *body = json_parse(bytes, length, err);
	const json_t *entries = body ? find_entries(kind, body, err) : NULL;
	struct resource_list list = { 0 };

	if (!entries)
		return -1;
	for (size_t i = 0; i < sym_json_array_size(entries); i++) {
		struct resource *resource = resource_list_append(&list, kind);

		if (take_entry(sym_json_array_get(entries, i), resource, i, err) < 0) {
			resource_list_release(&list);
			return -1;
		}
	}
	*ret = list;
	return 0;
}
