/* What a node job's task says, as the engine gives it back: whole, in pieces, broken, hostile. */
#include <string.h>

#include "../../src/engine/json_internal.h"
#include "../../src/engine/node_job_internal.h"
#include "../../src/engine/resource_json_internal.h"
#include "engine/node_report.h"
#include "base/cleanup.h"
#include "harness/harness.h"

static void add_frame(struct text *log, char stream, const char *bytes, size_t length)
{
	char header[8] = { stream,
			   0,
			   0,
			   0,
			   (char)(length >> 24),
			   (char)(length >> 16),
			   (char)(length >> 8),
			   (char)length };

	text_append_bytes(log, header, sizeof(header));
	text_append_bytes(log, bytes, length);
}

static enum engine_outcome parse(const struct text *log, struct resource_list *list,
				 struct error *err)
{
	resource_list_release(list);
	return node_report_parse(text_get(log), log->length, list, err);
}

static void make_report(struct text *report)
{
	CLEANUP(resource_list_release) struct resource_list list = { 0 };
	struct resource *volume = resource_list_append(&list, RESOURCE_VOLUME);
	struct resource *container;

	volume->id = strdup("shop_data");
	volume->name = strdup("shop_data");
	volume->created = strdup("2026-01-31T12:00:00Z");
	volume->driver = strdup("local");
	volume->error = strdup("in \"use\"\n\x1b[2J");
	resource_add_label(volume, "com.docker.stack.namespace", "shop");
	container = resource_list_append(&list, RESOURCE_CONTAINER);
	container->id = strdup("c1");
	container->malformed = true;
	resource_add_label(container, "com.docker.swarm.service.id", "s1");
	CHECK_NUMBER(node_report_write(report, &list, NULL), 0);
}

static void check_report(const struct resource_list *list)
{
	CHECK_NUMBER(list->count, 2);
	if (list->count != 2)
		return;
	CHECK_NUMBER(list->items[0].kind, RESOURCE_VOLUME);
	CHECK_TEXT(list->items[0].id, "shop_data");
	CHECK_TEXT(list->items[0].created, "2026-01-31T12:00:00Z");
	CHECK_TEXT(list->items[0].driver, "local");
	CHECK_TEXT(list->items[0].error, "in \"use\"\n\x1b[2J");
	CHECK_TEXT(resource_label(&list->items[0], "com.docker.stack.namespace"), "shop");
	CHECK_NUMBER(list->items[0].malformed, false);
	CHECK_NUMBER(list->items[1].kind, RESOURCE_CONTAINER);
	CHECK_TEXT(list->items[1].service_id, "s1");
	CHECK_TEXT(list->items[1].name, NULL);
	CHECK_NUMBER(list->items[1].malformed, true);
}

/* However the log is cut into frames, and wherever it ends as yet. */
static void test_pieces(void)
{
	CLEANUP_TEXT struct text report = { 0 };

	make_report(&report);
	for (size_t size = 1; size <= report.length; size += 7) {
		CLEANUP(resource_list_release) struct resource_list list = { 0 };
		CLEANUP_TEXT struct text log = { 0 };
		struct error err = { 0 };

		for (size_t at = 0; at < report.length; at += size) {
			CHECK_NUMBER(parse(&log, &list, &err), ENGINE_NOT_NOW);
			CHECK_NUMBER(list.count, 0);
			add_frame(&log, 1, report.data + at,
				  report.length - at < size ? report.length - at : size);
		}
		CHECK_NUMBER(parse(&log, &list, &err), ENGINE_DONE);
		check_report(&list);
		log.length--;
		CHECK_NUMBER(parse(&log, &list, &err), ENGINE_NOT_NOW);
	}
}

static void test_broken(void)
{
	static const char *const broken[] = {
		"{\"end\":1}\n",
		"{\"end\":-1}\n",
		"{\"end\":\"0\"}\n",
		"hello\n",
		"[]\n",
		"{}\n",
		"{\"kind\":\"volume\",\"id\":\"v\"}\n{\"end\":1}\n",
		"{\"kind\":\"service\",\"id\":\"v\",\"labels\":{}}\n{\"end\":1}\n",
		"{\"kind\":\"volume\",\"id\":\"\",\"labels\":{}}\n{\"end\":1}\n",
		"{\"kind\":\"volume\",\"id\":\"v\",\"labels\":{}}\n{\"end\":2}\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		CLEANUP(resource_list_release) struct resource_list list = { 0 };
		CLEANUP_TEXT struct text log = { 0 };
		struct error err = { 0 };

		add_frame(&log, 1, broken[i], strlen(broken[i]));
		CHECK_NUMBER(parse(&log, &list, &err), ENGINE_REFUSED);
		CHECK_NUMBER(list.count, 0);
		CHECK_TEXT(err.message, "its report is broken");
	}
}

static void test_own_words(void)
{
	CLEANUP(resource_list_release) struct resource_list list = { 0 };
	CLEANUP_TEXT struct text log = { 0 };
	struct error err = { 0 };

	add_frame(&log, 2, "ci-janitor: no socket\nmore\n", 27);
	CHECK_NUMBER(parse(&log, &list, &err), ENGINE_REFUSED);
	CHECK_TEXT(err.message, "ci-janitor: no socket");
	/* A frame that says to be longer than everything. */
	text_append_bytes(&log, "\1\0\0\0\377\377\377\377x", 9);
	CHECK_NUMBER(parse(&log, &list, &err), ENGINE_REFUSED);
}

static void test_nodes(void)
{
	static const char json[] =
		"[{\"ID\":\"a\",\"Spec\":{\"Availability\":\"active\"},\"Description\":{"
		"\"Hostname\":"
		"\"n1\"},\"Status\":{\"State\":\"ready\"}},"
		"{\"ID\":\"b\",\"Spec\":{\"Availability\":\"drain\"},\"Description\":{\"Hostname\":"
		"\"n2\"},\"Status\":{\"State\":\"ready\"}},"
		"{\"ID\":\"c\",\"Spec\":{\"Availability\":\"drain\"},\"Description\":{\"Hostname\":"
		"\"n3\"},\"Status\":{\"State\":\"down\"}}]";
	CLEANUP(resource_list_release) struct resource_list list = { 0 };

	CHECK_NUMBER(resource_json_parse(RESOURCE_NODE, json, strlen(json), &list, NULL), 0);
	CHECK_NUMBER(list.count, 3);
	CHECK_TEXT(list.items[0].name, "n1");
	CHECK_TEXT(list.items[0].state, "ready");
	CHECK_TEXT(list.items[1].state, "drain");
	CHECK_TEXT(list.items[2].state, "down");
}

static int set_up(void)
{
	return json_load_library(NULL);
}

static const struct test tests[] = {
	{ "a report in pieces is whole only with its end", test_pieces },
	{ "a broken report is none", test_broken },
	{ "a task that failed says why", test_own_words },
	{ "nodes: what takes no task isn't ready", test_nodes },
	{ NULL, NULL },
};
TEST_SUITE_WITH(engine_node_report, tests, set_up, NULL);
