/* An engine, or something in its place, that doesn't play by the rules. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/engine_fixture.h"
#include "harness/command.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define JSON "Content-Type: application/json\r\n"
#define NETWORK "[{\"Id\":\"n1\",\"Name\":\"shop_net\",\"Driver\":\"overlay\",\"Labels\":{}}]"

static enum engine_outcome list_of(const char *raw, size_t length, enum scripted_end end)
{
	bool ends = end != SCRIPTED_HANG && end != SCRIPTED_DRIP;
	CLEANUP_FIXTURE struct fixture fixture = ends ? fixture_open() : fixture_open_impatient();
	enum engine_outcome outcome;

	scripted_raw(fixture.script, "GET /v1.41/networks ", raw, length, 0, end);
	outcome = fixture_list(&fixture, RESOURCE_NETWORK);
	CHECK_NUMBER(fixture.answer.list.count, outcome == ENGINE_DONE);
	CU_ASSERT_EQUAL(fixture.answer.error.kind == ERROR_NONE, outcome == ENGINE_DONE);
	return outcome;
}

/* Each byte is progress: only a limit on the whole ends it. */
static void test_slow_answers(void)
{
	static const char raw[] = OK JSON "Content-Length: 62\r\n\r\n" NETWORK;
	int64_t before = clock_now_ms();

	CHECK_NUMBER(list_of(raw, strlen(raw), SCRIPTED_DRIP), ENGINE_NOT_NOW);
	CU_ASSERT(clock_now_ms() - before >= IMPATIENT_MS);
}

static void test_odd_but_whole(void)
{
	static const char *const answers[] = {
		OK JSON "Transfer-Encoding: chunked\r\n\r\n"
			"3e\r\n" NETWORK "\r\n0\r\nContent-Type: text/html\r\nX-Sum: 1\r\n\r\n",
		OK JSON "Transfer-Encoding: chunked\r\n\r\n"
			"3e;name=\"value\"\r\n" NETWORK "\r\n0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\nContent-Type: text/html\r\n\r\n" OK JSON
		"Content-Length: 62\r\n\r\n" NETWORK,
		OK JSON "X: \x01\x02\x1b[31m\r\nContent-Length: 62\r\n\r\n" NETWORK,
		OK "content-TYPE:application/json;charset=\"utf-8\"\r\nContent-Length: "
		   "62\r\n\r\n" NETWORK,
	};

	CHECK_NUMBER(strlen(NETWORK), 62);
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		CHECK_NUMBER(list_of(answers[i], strlen(answers[i]), SCRIPTED_HANG_UP),
			     ENGINE_DONE);
}

static void test_broken_framing(void)
{
	static const char *const answers[] = {
		OK JSON "Content-Length: -1\r\n\r\n" NETWORK,
		OK JSON "Content-Length: 61\r\n\r\n" NETWORK,
		OK JSON "Content-Length: 63\r\n\r\n" NETWORK,
		OK JSON "Transfer-Encoding: chunked\r\n\r\nzz\r\n" NETWORK "\r\n0\r\n\r\n",
		OK JSON "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" NETWORK,
		OK JSON "Transfer-Encoding: chunked\r\n\r\n3e\r\n" NETWORK "XX0\r\n\r\n",
		OK JSON "Transfer-Encoding: chunked\r\n\r\n3e\r\n" NETWORK "\r\n",
		OK JSON "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08",
		OK "Content-Type: application/json\r\n",
		OK "Content-Type\r\n: application/json\r\nContent-Length: 62\r\n\r\n" NETWORK,
		"HTTP/1.1 999\r\n" JSON "Content-Length: 62\r\n\r\n" NETWORK,
		"HTTP/1.1 2000 OK\r\n" JSON "Content-Length: 62\r\n\r\n" NETWORK,
		"HTTP/1.1 200x OK\r\n" JSON "Content-Length: 62\r\n\r\n" NETWORK,
		"HTTP/1.1 20 OK\r\n" JSON "Content-Length: 62\r\n\r\n" NETWORK,
		"HTTP/9.9 OK\r\n" JSON "\r\n" NETWORK,
		"HTTP/1.1 204 No Content\r\n" JSON "\r\n",
		"HTTP/1.1 304 Not Modified\r\n" JSON "\r\n",
		"\r\n\r\n" OK JSON "Content-Length: 62\r\n\r\n" NETWORK,
	};

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		enum engine_outcome outcome =
			list_of(answers[i], strlen(answers[i]), SCRIPTED_HANG_UP);

		if (outcome == ENGINE_DONE)
			CHECK_TEXT(answers[i], "refused");
	}
}

static void test_endless_interim_answers(void)
{
	static const char interim[] = "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n";
	size_t count = 4000, length = strlen(interim);
	char *raw = malloc(count * length + 1);

	if (!raw)
		abort();
	for (size_t i = 0; i < count; i++)
		memcpy(raw + i * length, interim, length + 1);
	CU_ASSERT(list_of(raw, count * length, SCRIPTED_HANG) != ENGINE_DONE);
	free(raw);
}

/* What the program does with it. The engine has a service and a volume of the dead app hostile. */
static const struct listing {
	const char *request;
	const char *body;
} listings[] = {
	{ "GET /v1.41/services",
	  "[{\"ID\":\"s1\",\"CreatedAt\":\"x\",\"Spec\":{\"Name\":\"hostile_web\","
	  "\"Labels\":{\"com.docker.stack.namespace\":\"hostile\"}}}]" },
	{ "GET /v1.41/containers/json", "[]" },
	{ "GET /v1.41/networks", "[]" },
	{ "GET /v1.41/volumes",
	  "{\"Volumes\":[{\"Name\":\"hostile_data\",\"Driver\":\"local\",\"Labels\":"
	  "{\"com.docker.stack.namespace\":\"hostile\"}}]}" },
	{ "GET /v1.41/secrets", "[]" },
	{ "GET /v1.41/configs", "[]" },
	{ "GET /v1.41/tasks", "[]" },
};
#define LISTINGS (sizeof(listings) / sizeof(listings[0]))

static struct scripted_engine *engine_with_hostile(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct scripted_engine *script = scripted_start();
	static char folder[256];

	for (size_t i = 0; i < LISTINGS; i++)
		scripted_json(script, listings[i].request, "200 OK", listings[i].body);
	scripted_raw(script, "DELETE ", "HTTP/1.1 204 No Content\r\n\r\n", 27, 0, SCRIPTED_KEEP);
	snprintf(folder, sizeof(folder), "%s", temp_dir());
	setenv("DOCKER_HOST", scripted_host(script), 1);
	setenv("CI_JANITOR_LOCK_DIR", folder, 1);
	run_command(&result,
		    "echo >%s/conf; export CI_JANITOR_CONFIG=%s/conf\n" BUILD_DIR
		    "/ci-janitor run --no-fresh --no-teardown hostile -- true",
		    folder, folder);
	CHECK_NUMBER(result.status, 0);
	snprintf(folder + strlen(folder), sizeof(folder) - strlen(folder), "/conf");
	setenv("CI_JANITOR_CONFIG", folder, 1);
	return script;
}

static void stop(struct scripted_engine *script)
{
	scripted_stop(script);
	unsetenv("DOCKER_HOST");
	unsetenv("CI_JANITOR_LOCK_DIR");
	unsetenv("CI_JANITOR_CONFIG");
}

/* Whatever listing fails, and however: nothing is removed, and the lockfile stays. */
static void test_a_failed_listing_removes_nothing(void)
{
	static const struct {
		const char *raw;
		enum scripted_end end;
	} failures[] = {
		{ "", SCRIPTED_HANG_UP },
		{ OK JSON "Content-Length: 2\r\n\r\n[", SCRIPTED_HANG_UP },
		{ OK "Content-Type: text/html\r\nContent-Length: 2\r\n\r\n[]", SCRIPTED_KEEP },
		{ "HTTP/1.1 500 Internal Server Error\r\n" JSON "Content-Length: 2\r\n\r\n{}",
		  SCRIPTED_KEEP },
	};

	for (size_t i = 0; i < LISTINGS; i++)
		for (size_t k = 0; k < sizeof(failures) / sizeof(failures[0]); k++) {
			CLEANUP_COMMAND struct command_result result = { 0 };
			struct scripted_engine *script = engine_with_hostile();

			scripted_raw(script, listings[i].request, failures[k].raw,
				     strlen(failures[k].raw), 0, failures[k].end);
			run_command(&result, BUILD_DIR "/ci-janitor sweep --timeout 120ms");
			CU_ASSERT(result.status == 1 || result.status == 69);
			CHECK_NUMBER(scripted_counts(script).removals, 0);
			CHECK_CONTAINS(result.output, "hostile: left");
			run_command(&result, BUILD_DIR "/ci-janitor status hostile");
			CHECK_NUMBER(result.status, 2);
			stop(script);
		}
}

static void test_no_answer_to_removals(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct scripted_engine *script = engine_with_hostile();

	scripted_raw(script, "DELETE ", NULL, 0, 0, SCRIPTED_HANG);
	/* On a busy machine the time may be up before it comes to a removal. */
	for (int seconds = 4; seconds < 60 && !scripted_counts(script).removals; seconds *= 3) {
		run_command(&result, BUILD_DIR "/ci-janitor sweep --timeout %ds", seconds);
		CHECK_NUMBER(result.status, 1);
		CU_ASSERT(result.took_ms < seconds * 1000 + 20000);
	}
	CHECK_NUMBER(scripted_counts(script).removals, 1);
	run_command(&result, BUILD_DIR "/ci-janitor status hostile");
	CHECK_NUMBER(result.status, 2);
	stop(script);
}

static void test_ten_thousand_objects(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct scripted_engine *script = engine_with_hostile();
	size_t count = 10000, size = count * 160, at;
	char *body = malloc(size);

	if (!body)
		abort();
	at = (size_t)sprintf(body, "{\"Volumes\":[{\"Name\":\"hostile_data\",\"Driver\":\"local\","
				   "\"Labels\":{\"com.docker.stack.namespace\":\"hostile\"}}");
	for (size_t i = 1; i < count; i++)
		at += (size_t)snprintf(body + at, size - at,
				       ",{\"Name\":\"v%zu\",\"Driver\":\"local\",\"Labels\":"
				       "{\"com.docker.stack.namespace\":\"hostile%zu\"}}",
				       i, i);
	snprintf(body + at, size - at, "]}");
	scripted_json(script, "GET /v1.41/volumes", "200 OK", body);
	free(body);
	run_command(&result, BUILD_DIR "/ci-janitor sweep --dry-run");
	CHECK_NUMBER(result.status, 0);
	CHECK_CONTAINS(result.output, "would remove volume hostile_data");
	CHECK_CONTAINS(result.output, "2 objects");
	CU_ASSERT(result.took_ms < 20000);
	stop(script);
}

static struct test tests[] = {
	{ "answers that drip", test_slow_answers },
	{ "odd answers that are whole", test_odd_but_whole },
	{ "broken framing is no list", test_broken_framing },
	{ "interim answers without an end", test_endless_interim_answers },
	{ "any listing that fails: nothing is removed", test_a_failed_listing_removes_nothing },
	{ "removals that are not answered", test_no_answer_to_removals },
	{ "10,000 objects, two of them the app's", test_ten_thousand_objects },
	{ NULL, NULL },
};
TEST_SUITE(engine_hostile, tests)
