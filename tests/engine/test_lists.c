#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_fixture.h"

#define NETWORK "{\"Id\":\"n1\",\"Name\":\"shop_net\",\"Driver\":\"overlay\",\"Labels\":{}}"

static void list_answers(struct fixture *fixture, const char *raw)
{
	scripted_raw(fixture->script, "GET /v1.41/networks ", raw, strlen(raw), 0, SCRIPTED_KEEP);
}

static void test_paths_and_filters(void)
{
	static const char *const names[] = { "shop_", "foo_" };
	static const struct {
		enum resource_kind kind;
		struct list_filter filter;
		const char *request;
	} cases[] = {
		{ RESOURCE_SERVICE, { .key = NULL }, "GET /v1.41/services" },
		{ RESOURCE_CONTAINER, { .key = NULL }, "GET /v1.41/containers/json?all=1" },
		{ RESOURCE_SECRET,
		  { .key = "ci-janitor.app", .value = "shop&x=1 \"é" },
		  "GET /v1.41/secrets?filters=%7B%22label%22%3A%5B%22ci-janitor.app%3D"
		  "shop%26x%3D1%20%5C%22%C3%A9%22%5D%7D" },
		{ RESOURCE_CONTAINER,
		  { .key = "k" },
		  "GET /v1.41/containers/json?all=1&filters=%7B%22label%22%3A%5B%22k%22%5D%7D" },
		{ RESOURCE_TASK, { .key = "k", .value = "v" }, "GET /v1.41/tasks" },
		{ RESOURCE_CONFIG,
		  { .names = names, .name_count = 2 },
		  "GET /v1.41/configs?filters="
		  "%7B%22name%22%3A%5B%22shop_%22%2C%22foo_%22%5D%7D" },
		{ RESOURCE_CONFIG,
		  { .key = "k", .names = names, .name_count = 1 },
		  "GET /v1.41/configs?filters="
		  "%7B%22label%22%3A%5B%22k%22%5D%2C%22name%22%3A%5B%22shop_%22%5D%7D" },
	};
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();
	char last[256];

	scripted_json(fixture.script, "GET /v1.41/", "200 OK", "[]");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK_NUMBER(engine_list(fixture.engine, cases[i].kind, &cases[i].filter, 3, NULL),
			     0);
		CHECK_NUMBER(fixture_wait(&fixture), ENGINE_DONE);
		CHECK_NUMBER(fixture.answer.cookie, 3);
		CHECK_TEXT(scripted_last_request(fixture.script, last, sizeof(last)),
			   cases[i].request);
	}
}

static void test_chunked(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();

	list_answers(&fixture,
		     "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
		     "Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n"
		     "3a\r\n{\"Id\":\"n1\",\"Name\":\"shop_net\",\"Driver\":\"overlay\","
		     "\"Labels\":\r\n4\r\n{}}]\r\n0\r\n\r\n");
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_DONE);
	CHECK_NUMBER(fixture.answer.list.count, 1);
	CHECK_TEXT(fixture.answer.list.items[0].name, "shop_net");
	CHECK_NUMBER(fixture.answer.list.items[0].malformed, 0);
}

/* None of these may pass for an empty list. */
static void test_never_empty_by_failure(void)
{
	static const struct {
		const char *type;
		const char *body;
		const char *part;
	} cases[] = {
		{ "application/json", "", "broken JSON" },
		{ "application/json", "[" NETWORK, "broken JSON" },
		{ "application/json", "[]]", "broken JSON" },
		{ "application/json", "null", "" },
		{ "application/json", "{\"message\":\"oops\"}", "not a list of networks" },
		{ "application/json", "[{\"Name\":\"shop_net\"}]", "no usable id" },
		{ "application/jsonx", "[]", "application/jsonx instead of JSON" },
		{ "text/html", "[]", "text/html instead of JSON" },
	};
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char type[64];

		snprintf(type, sizeof(type), "Content-Type: %s\r\n", cases[i].type);
		scripted_answer(fixture.script, "GET /v1.41/networks ", "200 OK", type,
				cases[i].body);
		CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_REFUSED);
		CHECK_NUMBER(fixture.answer.error.kind, ERROR_ENGINE);
		CHECK_CONTAINS(fixture.answer.error.message, "unable to list networks: ");
		CHECK_CONTAINS(fixture.answer.error.message, cases[i].part);
	}
	scripted_answer(fixture.script, "GET /v1.41/networks ", "200 OK", "", "[]");
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_REFUSED);
	CHECK_CONTAINS(fixture.answer.error.message, "no content type instead of JSON");
	scripted_json(fixture.script, "GET /v1.41/networks ", "206 Partial Content", "[]");
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_REFUSED);
}

static char *networks_body(size_t count)
{
	size_t size = count * 128 + 3;
	char *body = malloc(size);
	size_t at = 0;

	if (!body)
		abort();
	for (size_t i = 0; i < count; i++)
		at += (size_t)snprintf(body + at, size - at,
				       "%c{\"Id\":\"n%zu\",\"Name\":\"shop_%zu\",\"Driver\":"
				       "\"overlay\",\"Labels\":{\"k\":\"v%zu\"}}",
				       i ? ',' : '[', i, i, i);
	snprintf(body + at, size - at, "]");
	return body;
}

static void test_ten_thousand(void)
{
	struct engine_options options = fixture_options(NULL);

	CLEANUP_FIXTURE struct fixture fixture = fixture_open_with(options);
	char *body = networks_body(10000);

	scripted_json(fixture.script, "GET /v1.41/networks ", "200 OK", body);
	free(body);
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_DONE);
	CHECK_NUMBER(fixture.answer.list.count, 10000);
	if (fixture.answer.list.count == 10000) {
		CHECK_TEXT(fixture.answer.list.items[9999].id, "n9999");
		CHECK_TEXT(resource_label(&fixture.answer.list.items[9999], "k"), "v9999");
	}
}

static void test_oversized(void)
{
	struct engine_options options = fixture_options(NULL);

	options.max_body = 1000;
	CLEANUP_FIXTURE struct fixture fixture = fixture_open_with(options);
	char *body = networks_body(100);
	char raw[1200];

	scripted_json(fixture.script, "GET /v1.41/networks ", "200 OK", body);
	scripted_json(fixture.script, "DELETE ", "200 OK", body);
	free(body);
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_REFUSED);
	CHECK_CONTAINS(fixture.answer.error.message, "too big");
	CHECK_NUMBER(fixture_remove(&fixture, RESOURCE_NETWORK, "x"), ENGINE_NO_ANSWER);

	memset(raw, ' ', sizeof(raw));
	raw[0] = '[';
	raw[999] = ']';
	raw[1000] = '\0';
	scripted_json(fixture.script, "GET /v1.41/networks ", "200 OK", raw);
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_DONE);
	raw[999] = ' ';
	raw[1000] = ']';
	raw[1001] = '\0';
	scripted_json(fixture.script, "GET /v1.41/networks ", "200 OK", raw);
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_REFUSED);
}

static void test_endless_headers(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();
	char *raw = malloc(200 * 1000);
	size_t at = 0;

	if (!raw)
		abort();
	at += (size_t)sprintf(raw, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n");
	while (at < 100 * 1000)
		at += (size_t)sprintf(raw + at, "X-Padding: %090d\r\n", 0);
	sprintf(raw + at, "Content-Length: 2\r\n\r\n[]");
	list_answers(&fixture, raw);
	free(raw);
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_REFUSED);
	CHECK_CONTAINS(fixture.answer.error.message, "too big");
}

static struct test tests[] = {
	{ "paths and filters", test_paths_and_filters },
	{ "a chunked answer", test_chunked },
	{ "a failed list is never an empty list", test_never_empty_by_failure },
	{ "10,000 objects", test_ten_thousand },
	{ "the bound on a body", test_oversized },
	{ "the bound on headers", test_endless_headers },
	{ NULL, NULL },
};
TEST_SUITE(engine_lists, tests)
