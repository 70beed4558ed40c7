#include "model/resource.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const char *resource_kind_name(enum resource_kind kind)
{
	static const char *const names[RESOURCE_KIND_COUNT] = {
		[RESOURCE_SERVICE] = "service",	    [RESOURCE_TASK] = "task",
		[RESOURCE_CONTAINER] = "container", [RESOURCE_SECRET] = "secret",
		[RESOURCE_CONFIG] = "config",	    [RESOURCE_NETWORK] = "network",
		[RESOURCE_VOLUME] = "volume",	    [RESOURCE_FILE] = "file",
		[RESOURCE_NODE] = "node",
	};

	return names[kind];
}

void resource_release(struct resource *resource)
{
	free(resource->id);
	free(resource->name);
	free(resource->created);
	free(resource->driver);
	free(resource->state);
	free(resource->node);
	free(resource->error);
	free(resource->service_id);
	for (size_t i = 0; i < resource->label_count; i++) {
		free(resource->labels[i].key);
		free(resource->labels[i].value);
	}
	free(resource->labels);
	*resource = (struct resource){ .kind = resource->kind };
}

static char *copy_text(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

void resource_copy(const struct resource *from, struct resource *ret)
{
	*ret = (struct resource){
		.kind = from->kind,
		.id = copy_text(from->id),
		.name = copy_text(from->name),
		.created = copy_text(from->created),
		.driver = copy_text(from->driver),
		.state = copy_text(from->state),
		.node = copy_text(from->node),
		.error = copy_text(from->error),
		.service_id = copy_text(from->service_id),
		.version = from->version,
		.malformed = from->malformed,
	};
	for (size_t i = 0; i < from->label_count; i++)
		resource_add_label(ret, from->labels[i].key, from->labels[i].value);
}

/* The capacity is not kept: it is the power of two that holds label_count, at least 8. */
static size_t label_capacity(size_t count)
{
	size_t capacity = 8;

	while (capacity < count)
		capacity *= 2;
	return count ? capacity : 0;
}

void resource_add_label(struct resource *resource, const char *key, const char *value)
{
	size_t capacity = label_capacity(resource->label_count);

	resource->labels = xgrow(resource->labels, &capacity, resource->label_count + 1,
				 sizeof(*resource->labels));
	resource->labels[resource->label_count++] = (struct label){
		.key = xstrdup(key),
		.value = xstrdup(value),
	};
}

const char *resource_label(const struct resource *resource, const char *key)
{
	for (size_t i = 0; i < resource->label_count; i++)
		if (!strcmp(resource->labels[i].key, key))
			return resource->labels[i].value;
	return NULL;
}

struct resource *resource_list_append(struct resource_list *list, enum resource_kind kind)
{
	struct resource *item;

	list->items = xgrow(list->items, &list->capacity, list->count + 1, sizeof(*list->items));
	item = &list->items[list->count++];
	*item = (struct resource){ .kind = kind };
	return item;
}

void resource_list_move(struct resource_list *to, struct resource_list *from)
{
	if (from->count) {
		to->items = xgrow(to->items, &to->capacity, to->count + from->count,
				  sizeof(*to->items));
		memcpy(to->items + to->count, from->items, from->count * sizeof(*from->items));
		to->count += from->count;
	}
	free(from->items);
	*from = (struct resource_list){ 0 };
}

void resource_list_release(struct resource_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		resource_release(&list->items[i]);
	free(list->items);
	*list = (struct resource_list){ 0 };
}
