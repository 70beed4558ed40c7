/*
 * {"kind":"volume","id":"shop_data","name":...,"created":...,"labels":{...}} for each object, and
 * at last {"end":2}, their number. They come back as the task's log: in frames of the engine's,
 * each with a part of a line, a line, or several.
 */
#include "engine/node_report.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "json_internal.h"
#include "node_job_internal.h"
#include "resource_json_internal.h"

#define FRAME_HEADER 8
#define STDOUT 1
#define STDERR 2

static json_t *labels_json(const struct resource *resource)
{
	json_t *labels = sym_json_pack("{}");

	for (size_t i = 0; labels && i < resource->label_count; i++)
		if (sym_json_object_set_new(labels, resource->labels[i].key,
					    sym_json_string(resource->labels[i].value))) {
			json_release(&labels);
			return NULL;
		}
	return labels;
}

int node_report_write(struct text *out, const struct resource_list *list, struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct resource *resource = &list->items[i];
		CLEANUP_JSON json_t *line = sym_json_pack(
			"{s:s,s:s,s:s*,s:s*,s:s*,s:s*,s:s*,s:b,s:o}", "kind",
			resource_kind_name(resource->kind), "id", resource->id, "name",
			resource->name, "created", resource->created, "driver", resource->driver,
			"state", resource->state, "error", resource->error, "malformed",
			resource->malformed, "labels", labels_json(resource));
		CLEANUP_FREE char *text = line ? sym_json_dumps(line, JSON_COMPACT) : NULL;

		if (!text)
			return error_set(err, ERROR_ENGINE, "unable to report %s %zu of the node",
					 resource_kind_name(resource->kind), i);
		text_append(out, text);
		text_append(out, "\n");
	}
	text_appendf(out, "{\"end\":%zu}\n", list->count);
	return 0;
}

/* Puts the frames' contents together. A last frame that is not whole is left out. */
static void unframe(const char *bytes, size_t length, struct text *output, struct text *errors)
{
	while (length >= FRAME_HEADER) {
		const unsigned char *header = (const unsigned char *)bytes;
		size_t size = (size_t)header[4] << 24 | (size_t)header[5] << 16 |
			      (size_t)header[6] << 8 | header[7];

		if (size > length - FRAME_HEADER)
			return;
		if (header[0] == STDOUT)
			text_append_bytes(output, bytes + FRAME_HEADER, size);
		else if (header[0] == STDERR)
			text_append_bytes(errors, bytes + FRAME_HEADER, size);
		bytes += FRAME_HEADER + size;
		length -= FRAME_HEADER + size;
	}
}

static char *member(const json_t *line, const char *key)
{
	const char *text = json_plain_text(sym_json_object_get(line, key));

	return text ? xstrdup(text) : NULL;
}

static bool take_object(json_t *line, struct resource_list *list)
{
	const char *kind = json_plain_text(sym_json_object_get(line, "kind"));
	const char *id = json_plain_text(sym_json_object_get(line, "id"));
	json_t *labels = sym_json_object_get(line, "labels");
	struct resource *resource;
	const char *service;

	if (!kind || !id || !*id || !json_is_object(labels) ||
	    (strcmp(kind, "container") != 0 && strcmp(kind, "volume") != 0))
		return false;
	resource = resource_list_append(list, *kind == 'c' ? RESOURCE_CONTAINER : RESOURCE_VOLUME);
	resource->id = xstrdup(id);
	resource->name = member(line, "name");
	resource->created = member(line, "created");
	resource->driver = member(line, "driver");
	resource->state = member(line, "state");
	resource->error = member(line, "error");
	resource->malformed = !json_is_false(sym_json_object_get(line, "malformed"));
	resource_json_take_labels(labels, resource);
	service = resource_label(resource, "com.docker.swarm.service.id");
	resource->service_id = service ? xstrdup(service) : NULL;
	return true;
}

/* 1: it was the last one, and all are there; 0: go on; -1: it is none. */
static int take_line(const char *text, size_t length, struct resource_list *list)
{
	CLEANUP_JSON json_t *line = json_parse(text, length, NULL);
	const json_t *end = line ? sym_json_object_get(line, "end") : NULL;

	if (end)
		return json_is_integer(end) &&
				       sym_json_integer_value(end) == (json_int_t)list->count
			       ? 1
			       : -1;
	return line && take_object(line, list) ? 0 : -1;
}

static enum engine_outcome take_lines(const char *text, struct resource_list *list,
				      struct error *err)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		int taken = take_line(text, (size_t)(end - text), list);

		if (taken > 0)
			return ENGINE_DONE;
		if (taken < 0) {
			(void)error_set(err, ERROR_ENGINE, "its report is broken");
			return ENGINE_REFUSED;
		}
	}
	return ENGINE_NOT_NOW;
}

enum engine_outcome node_report_parse(const char *bytes, size_t length, struct resource_list *ret,
				      struct error *err)
{
	CLEANUP(text_release) struct text output = { 0 };
	CLEANUP(text_release) struct text errors = { 0 };
	CLEANUP(resource_list_release) struct resource_list list = { 0 };
	enum engine_outcome outcome;

	unframe(bytes, length, &output, &errors);
	outcome = take_lines(text_get(&output), &list, err);
	if (outcome == ENGINE_NOT_NOW && errors.length) {
		(void)error_set(err, ERROR_ENGINE, "%.*s", (int)strcspn(text_get(&errors), "\n"),
				text_get(&errors));
		return ENGINE_REFUSED;
	}
	if (outcome == ENGINE_DONE)
		resource_list_move(ret, &list);
	return outcome;
}
