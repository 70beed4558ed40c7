#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_fixture.h"

static const struct {
	const char *status;
	const char *message;
	enum engine_outcome removal;
	enum engine_outcome listing;
} cases[] = {
	{ "409 Conflict", "volume is in use - [9f]", ENGINE_IN_USE, ENGINE_IN_USE },
	{ "409 Conflict", "removal of container 9f is already in progress", ENGINE_IN_USE,
	  ENGINE_IN_USE },
	{ "400 Bad Request",
	  "rpc error: code = InvalidArgument desc = secret 'a' is in use by the following "
	  "service: b",
	  ENGINE_IN_USE, ENGINE_IN_USE },
	{ "400 Bad Request", "rpc error: code = FailedPrecondition desc = network 9f is busy",
	  ENGINE_IN_USE, ENGINE_IN_USE },
	{ "400 Bad Request",
	  "client version 1.41 is too old. Minimum supported API version is 1.44", ENGINE_REFUSED,
	  ENGINE_REFUSED },
	{ "403 Forbidden", "error while removing network: network x has active endpoints",
	  ENGINE_IN_USE, ENGINE_IN_USE },
	{ "403 Forbidden", "bridge is a pre-defined network and cannot be removed", ENGINE_REFUSED,
	  ENGINE_REFUSED },
	{ "404 Not Found", "get x: no such volume", ENGINE_ALREADY_GONE, ENGINE_REFUSED },
	{ "404 Not Found", "page not found", ENGINE_REFUSED, ENGINE_REFUSED },
	{ "404 Not Found", "", ENGINE_REFUSED, ENGINE_REFUSED },
	{ "500 Internal Server Error",
	  "rpc error: code = Unknown desc = The swarm does not have a leader.", ENGINE_NOT_NOW,
	  ENGINE_NOT_NOW },
	{ "500 Internal Server Error",
	  "rpc error: code = DeadlineExceeded desc = context deadline exceeded", ENGINE_NOT_NOW,
	  ENGINE_NOT_NOW },
	{ "500 Internal Server Error", "rpc error: code = Unknown desc = update out of sequence",
	  ENGINE_NOT_NOW, ENGINE_NOT_NOW },
	{ "500 Internal Server Error", "the disk is on fire", ENGINE_REFUSED, ENGINE_REFUSED },
	{ "503 Service Unavailable", "This node is not a swarm manager.", ENGINE_NOT_NOW,
	  ENGINE_NOT_NOW },
	{ "504 Gateway Timeout", "", ENGINE_NO_ANSWER, ENGINE_NOT_NOW },
	{ "301 Moved Permanently", "", ENGINE_REFUSED, ENGINE_REFUSED },
};

static void check_error(const struct engine_answer *answer, const char *message)
{
	CHECK_NUMBER(answer->cookie, 7);
	CHECK_NUMBER(answer->list.count, 0);
	if (answer->outcome == ENGINE_ALREADY_GONE) {
		CHECK_NUMBER(answer->error.kind, ERROR_NONE);
		return;
	}
	CHECK_NUMBER(answer->error.kind, ERROR_ENGINE);
	CHECK_CONTAINS(answer->error.message, message);
	CHECK_CONTAINS(answer->error.message, "HTTP ");
}

static void test_status_classes(void)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CLEANUP_FIXTURE struct fixture fixture = fixture_open();
		char body[512];

		snprintf(body, sizeof(body), "{\"message\":\"%s\"}", cases[i].message);
		scripted_json(fixture.script, "DELETE ", cases[i].status, body);
		scripted_json(fixture.script, "GET /v1.41/", cases[i].status, body);
		CHECK_NUMBER(fixture_remove(&fixture, RESOURCE_VOLUME, "x"), cases[i].removal);
		check_error(&fixture.answer, cases[i].message);
		CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), cases[i].listing);
		check_error(&fixture.answer, cases[i].message);
	}
}

static void test_removals_go_where_they_should(void)
{
	static const struct {
		enum resource_kind kind;
		const char *id;
		const char *request;
	} removals[] = {
		{ RESOURCE_SERVICE, "9f", "DELETE /v1.41/services/9f" },
		{ RESOURCE_CONTAINER, "9f", "DELETE /v1.41/containers/9f?force=1&v=1" },
		{ RESOURCE_SECRET, "9f", "DELETE /v1.41/secrets/9f" },
		{ RESOURCE_CONFIG, "9f", "DELETE /v1.41/configs/9f" },
		{ RESOURCE_NETWORK, "9f", "DELETE /v1.41/networks/9f" },
		{ RESOURCE_VOLUME, "shop_data", "DELETE /v1.41/volumes/shop_data" },
		{ RESOURCE_VOLUME, "../info?force=1#",
		  "DELETE /v1.41/volumes/..%2Finfo%3Fforce%3D1%23" },
		{ RESOURCE_VOLUME, "a b\r\nX: y", "DELETE /v1.41/volumes/a%20b%0D%0AX%3A%20y" },
	};
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();
	char last[256];

	scripted_raw(fixture.script, "DELETE ", "HTTP/1.1 204 No Content\r\n\r\n", 27, 0,
		     SCRIPTED_KEEP);
	for (size_t i = 0; i < sizeof(removals) / sizeof(removals[0]); i++) {
		CHECK_NUMBER(fixture_remove(&fixture, removals[i].kind, removals[i].id),
			     ENGINE_DONE);
		CHECK_TEXT(scripted_last_request(fixture.script, last, sizeof(last)),
			   removals[i].request);
	}
	CHECK_NUMBER(scripted_counts(fixture.script).connections, 1);
}

static void test_broken_arguments(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();
	char empty[] = "", dots[] = "..", id[] = "9f";
	struct resource resources[] = {
		{ .kind = RESOURCE_VOLUME },
		{ .kind = RESOURCE_VOLUME, .id = empty },
		{ .kind = RESOURCE_VOLUME, .id = dots },
		{ .kind = RESOURCE_TASK, .id = id },
		{ .kind = (enum resource_kind)99, .id = id },
	};
	struct list_filter not_utf8 = { .key = "\xff" };
	const char *const names[] = { "shop_", "\xff" };
	struct list_filter name_not_utf8 = { .names = names, .name_count = 2 };
	struct error err;

	for (size_t i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
		err = (struct error){ 0 };
		CHECK_NUMBER(engine_remove(fixture.engine, &resources[i], 1, &err), -1);
		CHECK_NUMBER(err.kind, ERROR_BUG);
	}
	CHECK_NUMBER(engine_list(fixture.engine, (enum resource_kind)99, NULL, 1, &err), -1);
	CHECK_NUMBER(engine_list(fixture.engine, RESOURCE_VOLUME, &not_utf8, 1, &err), -1);
	CHECK_NUMBER(engine_list(fixture.engine, RESOURCE_CONFIG, &name_not_utf8, 1, &err), -1);
	CHECK_NUMBER(scripted_counts(fixture.script).requests, 1);
}

/* A 404, 200 or error page of something between us and the engine proves nothing. */
static void test_foreign_bodies(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();
	char page[8000];

	scripted_answer(fixture.script, "DELETE ", "404 Not Found", "Content-Type: text/html\r\n",
			"<h1>no such volume</h1>");
	CHECK_NUMBER(fixture_remove(&fixture, RESOURCE_VOLUME, "x"), ENGINE_REFUSED);
	CHECK_TEXT(fixture.answer.error.message, "unable to remove volume x: HTTP 404");
	scripted_answer(fixture.script, "DELETE ", "404 Not Found", "", "404 page not found\n");
	CHECK_NUMBER(fixture_remove(&fixture, RESOURCE_VOLUME, "x"), ENGINE_REFUSED);
	scripted_answer(fixture.script, "DELETE ", "404 Not Found", "Content-Type: text/plain\r\n",
			"no such volume");
	CHECK_NUMBER(fixture_remove(&fixture, RESOURCE_VOLUME, "x"), ENGINE_REFUSED);
	scripted_answer(fixture.script, "DELETE ", "400 Bad Request",
			"Content-Type: text/plain; charset=utf-8\r\n",
			"client is newer than server\nsecond line");
	CHECK_NUMBER(fixture_remove(&fixture, RESOURCE_VOLUME, "x"), ENGINE_REFUSED);
	CHECK_TEXT(fixture.answer.error.message,
		   "unable to remove volume x: client is newer than server (HTTP 400)");
	memset(page, 'A', sizeof(page) - 1);
	page[sizeof(page) - 1] = '\0';
	memcpy(page, "{\"message\":\"", 12);
	memcpy(page + sizeof(page) - 3, "\"}", 2);
	scripted_json(fixture.script, "DELETE ", "500 Internal Server Error", page);
	CHECK_NUMBER(fixture_remove(&fixture, RESOURCE_VOLUME, "x"), ENGINE_REFUSED);
	CU_ASSERT(strlen(fixture.answer.error.message) < 400);
	CHECK_CONTAINS(fixture.answer.error.message, "(HTTP 500)");
}

static void check_no_answer(struct fixture *fixture, const char *raw, enum scripted_end end,
			    enum engine_outcome listing, const char *part)
{
	scripted_raw(fixture->script, "", raw, strlen(raw), 0, end);
	CHECK_NUMBER(fixture_remove(fixture, RESOURCE_VOLUME, "x"), ENGINE_NO_ANSWER);
	CHECK_CONTAINS(fixture->answer.error.message, part);
	CHECK_NUMBER(fixture_list(fixture, RESOURCE_NETWORK), listing);
	CHECK_CONTAINS(fixture->answer.error.message, part);
	CHECK_NUMBER(fixture->answer.list.count, 0);
}

static void test_no_whole_answer(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();

	check_no_answer(&fixture, "", SCRIPTED_HANG_UP, ENGINE_NOT_NOW, "hung up before its");
	check_no_answer(&fixture, "HTTP/1.1 20", SCRIPTED_HANG_UP, ENGINE_NOT_NOW, "unable to");
	check_no_answer(&fixture,
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			"Content-Length: 40\r\n\r\n[]",
			SCRIPTED_HANG_UP, ENGINE_NOT_NOW, "hung up before its answer was whole");
	check_no_answer(&fixture,
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			"Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n",
			SCRIPTED_HANG_UP, ENGINE_NOT_NOW, "hung up before its answer was whole");
	check_no_answer(&fixture, "SSH-2.0-OpenSSH_9.2\r\n", SCRIPTED_HANG_UP, ENGINE_REFUSED,
			"doesn't speak HTTP");
}

static void test_no_answer_in_time(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open_impatient();

	check_no_answer(&fixture, "", SCRIPTED_HANG, ENGINE_NOT_NOW, "within 300ms");
	check_no_answer(&fixture,
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			"Content-Length: 40\r\n\r\n[]",
			SCRIPTED_HANG, ENGINE_NOT_NOW, "within 300ms");
}

static void test_engine_gone(void)
{
	struct fixture fixture = fixture_open();

	scripted_stop(fixture.script);
	fixture.script = scripted_start();
	CHECK_NUMBER(fixture_remove(&fixture, RESOURCE_VOLUME, "x"), ENGINE_NOT_NOW);
	CHECK_NUMBER(fixture.answer.error.kind, ERROR_UNREACHABLE);
	CHECK_CONTAINS(fixture.answer.error.message, "there is no socket at");
	CHECK_NUMBER(fixture_list(&fixture, RESOURCE_VOLUME), ENGINE_NOT_NOW);
	fixture_close(&fixture);
}

static struct test tests[] = {
	{ "each status and message has its class", test_status_classes },
	{ "removals go to the right path, ids escaped", test_removals_go_where_they_should },
	{ "broken arguments are refused before sending", test_broken_arguments },
	{ "bodies that are not the engine's", test_foreign_bodies },
	{ "sent, and no whole answer", test_no_whole_answer },
	{ "no answer in time", test_no_answer_in_time },
	{ "the engine is gone between two requests", test_engine_gone },
	{ NULL, NULL },
};
TEST_SUITE(engine_answers, tests)
