/*
 * A node job's log. The first byte says how the rest comes: 0 as it is, else as standard output in
 * frames of so many bytes. A report is nothing or whole; what it lists can be told apart, and
 * survives being reported and read again.
 */
#include <string.h>

#include "base/cleanup.h"
#include "engine/node_report.h"
#include "fuzz/fuzz.h"

#include "../../src/engine/node_job_internal.h"

static void frame(const uint8_t *bytes, size_t length, size_t step, struct text *ret)
{
	for (size_t at = 0; at < length; at += step) {
		size_t size = length - at < step ? length - at : step;
		const char header[8] = { 1, 0, 0, 0, 0, 0, 0, (char)size };

		text_append_bytes(ret, header, sizeof(header));
		text_append_bytes(ret, bytes + at, size);
	}
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static void require_same(const struct resource *a, const struct resource *b)
{
	REQUIRE(a->kind == b->kind && is_same(a->id, b->id) && is_same(a->name, b->name));
	REQUIRE(is_same(a->created, b->created) && is_same(a->driver, b->driver));
	REQUIRE(is_same(a->state, b->state) && is_same(a->error, b->error));
	REQUIRE(is_same(a->service_id, b->service_id) && a->malformed == b->malformed);
	REQUIRE(a->label_count == b->label_count);
	for (size_t i = 0; i < a->label_count; i++)
		REQUIRE(is_same(a->labels[i].value, resource_label(b, a->labels[i].key)));
}

static void require_survives(const struct resource_list *list)
{
	CLEANUP(resource_list_release) struct resource_list again = { 0 };
	CLEANUP_TEXT struct text report = { 0 };
	CLEANUP_TEXT struct text framed = { 0 };

	REQUIRE(node_report_write(&report, list, NULL) == 0);
	frame((const uint8_t *)report.data, report.length, 100, &framed);
	REQUIRE(node_report_parse(framed.data, framed.length, &again, NULL) == ENGINE_DONE);
	REQUIRE(again.count == list->count);
	for (size_t i = 0; i < list->count; i++)
		require_same(&list->items[i], &again.items[i]);
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP(resource_list_release) struct resource_list list = { 0 };
	CLEANUP_TEXT struct text log = { 0 };
	struct error err = { .kind = ERROR_NONE };
	enum engine_outcome outcome;

	if (!size)
		return;
	if (data[0])
		frame(data + 1, size - 1, data[0] & 0x7f ? data[0] & 0x7f : 1, &log);
	else
		text_append_bytes(&log, data + 1, size - 1);
	outcome = node_report_parse(text_get(&log), log.length, &list, &err);
	if (outcome != ENGINE_DONE) {
		REQUIRE(outcome == ENGINE_REFUSED || outcome == ENGINE_NOT_NOW);
		REQUIRE(!list.count && (err.kind != ERROR_NONE) == (outcome == ENGINE_REFUSED));
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		REQUIRE(list.items[i].kind == RESOURCE_CONTAINER ||
			list.items[i].kind == RESOURCE_VOLUME);
		REQUIRE(list.items[i].id && *list.items[i].id);
	}
	require_survives(&list);
}
FUZZ_TARGET(report, run)
