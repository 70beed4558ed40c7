/* A node job's way to an engine that doesn't play by the rules: the POST that makes its service,
 * and the log of its task. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "engine/engine_fixture.h"

#define PATIENCE_MS 1000
#define CREATE "POST /v1.41/services/create"
#define LOGS "GET /v1.41/tasks/t1/logs"
#define JSON "Content-Type: application/json\r\n"
#define STREAM "Content-Type: application/vnd.docker.raw-stream\r\n"

static enum engine_outcome start(struct fixture *fixture)
{
	struct word_list arguments = { 0 };
	struct node_job job = { .name = "ci-janitor-job-1",
				.image = "image",
				.apps = "a",
				.ordered = "",
				.not_on = "one",
				.arguments = &arguments };

	CHECK_NUMBER(engine_start_job(fixture->engine, &job, 7, NULL), 0);
	return fixture_wait(fixture);
}

/* Enough to send a request, and not to be answered by who hangs. */
static struct fixture open_for(enum scripted_end end)
{
	struct engine_options options = fixture_options(NULL);

	if (end == SCRIPTED_HANG)
		options.write_timeout_ms = options.read_timeout_ms = PATIENCE_MS;
	return fixture_open_with(options);
}

static enum engine_outcome start_with(const char *raw, enum scripted_end end, char *ret_id)
{
	CLEANUP_FIXTURE struct fixture fixture = open_for(end);
	enum engine_outcome outcome;

	scripted_raw(fixture.script, CREATE, raw, raw ? strlen(raw) : 0, 0, end);
	outcome = start(&fixture);
	CHECK_NUMBER(fixture.answer.cookie, 7);
	CHECK_NUMBER(fixture.answer.list.count, outcome == ENGINE_DONE);
	CU_ASSERT_EQUAL(fixture.answer.error.kind == ERROR_NONE, outcome == ENGINE_DONE);
	if (outcome == ENGINE_DONE)
		snprintf(ret_id, 64, "%s", fixture.answer.list.items[0].id);
	return outcome;
}

static void test_started(void)
{
	static const char *const answers[] = {
		"HTTP/1.1 201 Created\r\n" JSON "Content-Length: 11\r\n\r\n{\"ID\":\"s1\"}",
		"HTTP/1.1 201 Created\r\n" JSON "Content-Length: 68\r\n\r\n"
		"{\"ID\":\"s1\",\"Warnings\":[\"image ghost could not be accessed on a re\"]}",
		"HTTP/1.1 200 OK\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n"
		"b\r\n{\"ID\":\"s1\"}\r\n0\r\n\r\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		char id[64] = "";

		CHECK_NUMBER(start_with(answers[i], SCRIPTED_HANG_UP, id), ENGINE_DONE);
		CHECK_TEXT(id, "s1");
	}
}

/* It may be there: whoever goes on must not take it for not made. */
static void test_perhaps_started(void)
{
	static const struct {
		const char *raw;
		enum scripted_end end;
	} answers[] = {
		{ NULL, SCRIPTED_HANG_UP },
		{ NULL, SCRIPTED_HANG },
		{ "HTTP/1.1 201 Cre", SCRIPTED_HANG_UP },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 20\r\n\r\n{\"ID\":\"s1\"}",
		  SCRIPTED_HANG_UP },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 20\r\n\r\n{\"ID\":\"s1\"}",
		  SCRIPTED_HANG },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 99999999999\r\n\r\n{\"ID\":",
		  SCRIPTED_HANG_UP },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 2\r\n\r\n{}", SCRIPTED_KEEP },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 2\r\n\r\n[]", SCRIPTED_KEEP },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 8\r\n\r\n{\"ID\":1}",
		  SCRIPTED_KEEP },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 9\r\n\r\n{\"ID\":\"\"}",
		  SCRIPTED_KEEP },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 11\r\n\r\n{\"ID\":null}",
		  SCRIPTED_KEEP },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 11\r\n\r\n{\"ID\":\"s1\"",
		  SCRIPTED_HANG_UP },
		{ "HTTP/1.1 201 Created\r\n" JSON "Content-Length: 0\r\n\r\n", SCRIPTED_KEEP },
		{ "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n", SCRIPTED_KEEP },
		{ "nonsense\r\n\r\n", SCRIPTED_HANG_UP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		char id[64];
		enum engine_outcome outcome = start_with(answers[i].raw, answers[i].end, id);

		if (outcome != ENGINE_NO_ANSWER)
			CHECK_TEXT(answers[i].raw, "unanswered");
	}
}

static void test_refused(void)
{
	static const struct {
		const char *status, *message;
		enum engine_outcome outcome;
	} cases[] = {
		{ "400 Bad Request", "invalid mount config", ENGINE_REFUSED },
		/* libcurl sends again what a connection that it has used before did not answer. */
		{ "409 Conflict", "name conflicts with an existing object", ENGINE_IN_USE },
		{ "500 Internal Server Error", "The swarm does not have a leader", ENGINE_NOT_NOW },
		{ "503 Service Unavailable", "This node is not a swarm manager", ENGINE_NOT_NOW },
		{ "404 Not Found", "page not found", ENGINE_REFUSED },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP_FIXTURE struct fixture fixture = fixture_open();
		char body[128];

		snprintf(body, sizeof(body), "{\"message\":\"%s\"}", cases[i].message);
		scripted_json(fixture.script, CREATE, cases[i].status, body);
		CHECK_NUMBER(start(&fixture), cases[i].outcome);
		CHECK_CONTAINS(fixture.answer.error.message, cases[i].message);
		CHECK_NUMBER(fixture.answer.list.count, 0);
	}
}

/* Its answer comes when nobody waits for it any more: the next request's is its own. */
static void test_late(void)
{
	static const char late[] =
		"HTTP/1.1 201 Created\r\n" JSON "Content-Length: 11\r\n\r\n{\"ID\":\"s1\"}";
	struct engine_options options = fixture_options(NULL);
	CLEANUP_FIXTURE struct fixture fixture = { 0 };

	options.write_timeout_ms = PATIENCE_MS;
	fixture = fixture_open_with(options);
	scripted_raw(fixture.script, CREATE, late, strlen(late), SCRIPTED_UNTIL_OPENED,
		     SCRIPTED_KEEP);
	scripted_json(fixture.script, "GET /v1.41/services", "200 OK", "[]");
	CHECK_NUMBER(start(&fixture), ENGINE_NO_ANSWER);
	scripted_open(fixture.script);
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_SERVICE), ENGINE_DONE);
	CHECK_NUMBER(fixture.answer.list.count, 0);
}

/* Two answers to one request: the second is nobody's. */
static void test_twice(void)
{
	static const char twice[] =
		"HTTP/1.1 201 Created\r\n" JSON "Content-Length: 11\r\n\r\n{\"ID\":\"s1\"}"
		"HTTP/1.1 201 Created\r\n" JSON "Content-Length: 11\r\n\r\n{\"ID\":\"s2\"}";
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();

	scripted_raw(fixture.script, CREATE, twice, strlen(twice), 0, SCRIPTED_KEEP);
	scripted_json(fixture.script, "GET /v1.41/services", "200 OK", "[]");
	CHECK_NUMBER(start(&fixture), ENGINE_DONE);
	CHECK_TEXT(fixture.answer.list.items[0].id, "s1");
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_SERVICE), ENGINE_DONE);
	CHECK_NUMBER(fixture.answer.list.count, 0);
}

static void add_frame(struct text *log, char stream, const char *bytes)
{
	size_t length = strlen(bytes);
	const char header[8] = { stream, 0, 0, 0, 0, 0, (char)(length >> 8), (char)length };

	text_append_bytes(log, header, sizeof(header));
	text_append(log, bytes);
}

/* cut: so many bytes of the log are missing at its end, although the answer is whole. */
static enum engine_outcome read_log(const struct text *log, size_t cut, const char *framing,
				    enum scripted_end end, struct error *ret)
{
	CLEANUP_FIXTURE struct fixture fixture = open_for(end);
	CLEANUP_TEXT struct text raw = { 0 };
	enum engine_outcome outcome;

	text_appendf(&raw, "HTTP/1.1 200 OK\r\n" STREAM "%s\r\n", framing);
	text_append_bytes(&raw, text_get(log), log->length - cut);
	scripted_raw(fixture.script, LOGS, text_get(&raw), raw.length, 0, end);
	CHECK_NUMBER(engine_read_report(fixture.engine, "t1", 7, NULL), 0);
	outcome = fixture_wait(&fixture);
	CHECK_NUMBER(fixture.answer.list.count, outcome == ENGINE_DONE);
	*ret = fixture.answer.error;
	return outcome;
}

#define OBJECT "{\"kind\":\"volume\",\"id\":\"v\",\"labels\":{}}\n"

/* Engines stream a log without a length, and hang up at its end: wherever that comes, only a report
 * that is whole is one. */
static void test_log_ends_early(void)
{
	CLEANUP_TEXT struct text log = { 0 };
	struct error err;

	add_frame(&log, 1, OBJECT);
	add_frame(&log, 1, "{\"end\":1}\n");
	CHECK_NUMBER(read_log(&log, 0, "Connection: close\r\n", SCRIPTED_HANG_UP, &err),
		     ENGINE_DONE);
	for (size_t cut = 1; cut < log.length; cut += 5)
		CHECK_NUMBER(read_log(&log, cut, "Connection: close\r\n", SCRIPTED_HANG_UP, &err),
			     ENGINE_NOT_NOW);
	/* A length that isn't kept, and a stream that doesn't end. */
	CHECK_NUMBER(read_log(&log, 0, "Content-Length: 5000\r\n", SCRIPTED_HANG_UP, &err),
		     ENGINE_NOT_NOW);
	CHECK_NUMBER(read_log(&log, 0, "Content-Length: 5000\r\n", SCRIPTED_HANG, &err),
		     ENGINE_NOT_NOW);
}

static void test_log_is_hostile(void)
{
	static const char *const lines[] = {
		"{\"end\":2}\n",
		"{\"end\":1e99}\n",
		"null\n",
		"{\"kind\":1}\n",
		"\n",
		"{\"kind\":\"volume\",\"id\":7,\"labels\":{}}\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		CLEANUP_TEXT struct text log = { 0 };
		struct error err;

		add_frame(&log, 1, OBJECT);
		add_frame(&log, 1, lines[i]);
		add_frame(&log, 1, "{\"end\":1}\n");
		CHECK_NUMBER(read_log(&log, 0, "", SCRIPTED_HANG_UP, &err), ENGINE_REFUSED);
		CHECK_CONTAINS(err.message, "its report is broken");
	}
}

/* A node that writes without end is not read without end. */
static void test_log_is_endless(void)
{
	static const char framing[] = "Content-Length: 99999999999\r\n";
	CLEANUP_TEXT struct text log = { 0 };
	struct error err;

	add_frame(&log, 1, OBJECT);
	CU_ASSERT(read_log(&log, 0, framing, SCRIPTED_HANG_UP, &err) != ENGINE_DONE);
	CU_ASSERT(err.kind != ERROR_NONE);
}

static const struct test tests[] = {
	{ "a service that is made is named", test_started },
	{ "without a whole answer it may be there", test_perhaps_started },
	{ "a refusal says why", test_refused },
	{ "an answer that is late", test_late },
	{ "an answer that comes twice", test_twice },
	{ "a log that ends early is no report", test_log_ends_early },
	{ "a log with a broken line is no report", test_log_is_hostile },
	{ "a log without an end", test_log_is_endless },
	{ NULL, NULL },
};
TEST_SUITE(engine_node_job, tests);
