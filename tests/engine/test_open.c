#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/engine_fixture.h"

static void ping_says(struct scripted_engine *script, const char *headers)
{
	scripted_answer(script, "GET /_ping ", "200 OK", headers, "OK");
}

/* Opens with these ping headers and this /info; the facts that were found. */
static struct engine_facts facts_of(const char *headers, const char *info)
{
	struct scripted_engine *script = scripted_start();
	struct engine_options options = fixture_options(scripted_host(script));
	struct engine_facts facts = { 0 };
	struct engine *engine = NULL;
	struct error err = { 0 };

	ping_says(script, headers);
	if (info)
		scripted_json(script, "GET /v1.41/info ", "200 OK", info);
	CHECK_NUMBER(engine_open(&engine, &options, &err), 0);
	CHECK_TEXT(err.message, "");
	if (engine)
		facts = *engine_get_facts(engine);
	CU_ASSERT(scripted_host_was_docker(script));
	engine_close(engine);
	scripted_stop(script);
	return facts;
}

static void test_version_is_the_smaller(void)
{
	static const struct {
		const char *headers;
		const char *spoken;
	} cases[] = {
		{ "Api-Version: 1.24\r\nSwarm: inactive\r\n", "1.24" },
		{ "Api-Version: 1.41\r\nSwarm: inactive\r\n", "1.41" },
		{ "api-version:1.50\r\nswarm:inactive\r\n", "1.50" },
		{ "Api-Version: 1.55\r\nSwarm: inactive\r\n", "1.50" },
		{ "Api-Version: 1.9999\r\nSwarm: inactive\r\n", "1.50" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_TEXT(facts_of(cases[i].headers, NULL).api_version, cases[i].spoken);
}

static void test_role_from_header(void)
{
	static const struct {
		const char *swarm;
		enum swarm_role role;
		const char *state;
	} cases[] = {
		{ "active/manager", SWARM_MANAGER, "active" },
		{ "active/worker", SWARM_OTHER, "active" },
		{ "inactive", SWARM_NONE, "inactive" },
		{ "pending", SWARM_OTHER, "pending" },
		{ "locked", SWARM_OTHER, "locked" },
		{ "error", SWARM_OTHER, "error" },
		{ "locked/manager", SWARM_OTHER, "locked" },
		{ "novelty", SWARM_OTHER, "novelty" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char headers[128];
		struct engine_facts facts;

		snprintf(headers, sizeof(headers), "Api-Version: 1.44\r\nSwarm: %s\r\n",
			 cases[i].swarm);
		facts = facts_of(headers, NULL);
		CHECK_NUMBER(facts.role, cases[i].role);
		CHECK_TEXT(facts.swarm_state, cases[i].state);
	}
}

static void test_role_from_info(void)
{
	static const struct {
		const char *info;
		enum swarm_role role;
		const char *state;
	} cases[] = {
		{ "{\"Swarm\":{\"LocalNodeState\":\"active\",\"ControlAvailable\":true}}",
		  SWARM_MANAGER, "active" },
		{ "{\"Swarm\":{\"LocalNodeState\":\"active\",\"ControlAvailable\":false}}",
		  SWARM_OTHER, "active" },
		{ "{\"Swarm\":{\"LocalNodeState\":\"inactive\",\"ControlAvailable\":false}}",
		  SWARM_NONE, "inactive" },
		{ "{\"Swarm\":{\"LocalNodeState\":\"locked\"}}", SWARM_OTHER, "locked" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct engine_facts facts = facts_of(
			"Api-Version: 1.41\r\nServer: Docker/20.10.24 (linux)\r\n", cases[i].info);

		CHECK_NUMBER(facts.role, cases[i].role);
		CHECK_TEXT(facts.swarm_state, cases[i].state);
		CHECK_TEXT(facts.server, "Docker/20.10.24 (linux)");
	}
}

/* A worker's, too: by its node it knows what it is told to do. */
static void test_nodes_are_in_info(void)
{
	static const char *const swarms[] = { "active/manager", "active/worker" };
	struct engine_options options = fixture_options(NULL);

	options.wants_nodes = true;
	for (size_t i = 0; i < sizeof(swarms) / sizeof(swarms[0]); i++) {
		struct scripted_engine *script = scripted_start();
		struct engine *engine = NULL;
		char headers[128];

		options.host = scripted_host(script);
		snprintf(headers, sizeof(headers), "Api-Version: 1.44\r\nSwarm: %s\r\n", swarms[i]);
		ping_says(script, headers);
		scripted_json(script, "GET /v1.44/info ", "200 OK",
			      "{\"Swarm\":{\"LocalNodeState\":\"active\",\"NodeID\":\"two\","
			      "\"Nodes\":3}}");
		CHECK_NUMBER(engine_open(&engine, &options, NULL), 0);
		CU_ASSERT_PTR_NOT_NULL_FATAL(engine);
		CHECK_TEXT(engine_get_facts(engine)->node_id, "two");
		CHECK_NUMBER(engine_get_facts(engine)->nodes, 3);
		engine_close(engine);
		scripted_stop(script);
	}
}

static void test_podman_has_no_swarm(void)
{
	struct engine_facts facts = facts_of("Api-Version: 1.41\r\nLibpod-Api-Version: 5.8.6\r\n"
					     "Server: Libpod/5.8.6 (linux)\r\n",
					     NULL);

	CHECK_NUMBER(facts.role, SWARM_NONE);
	CHECK_TEXT(facts.server, "Libpod/5.8.6 (linux)");
}

/* What /_ping answers, and what the error must say. */
static void check_unusable(const char *ping, enum scripted_end end, const char *part)
{
	struct scripted_engine *script = scripted_start();
	const char *host = scripted_host(script);
	struct engine_options options =
		end == SCRIPTED_HANG ? fixture_impatient_options(host) : fixture_options(host);
	struct error err;

	scripted_raw(script, "GET /_ping ", ping, strlen(ping), 0, end);
	CHECK_NUMBER(fixture_open_fails_with(&options, &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, part);
	CHECK_CONTAINS(err.message, scripted_host(script));
	scripted_stop(script);
}

static void test_not_docker(void)
{
	check_unusable("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\n"
		       "Content-Length: 6\r\n\r\n<html>",
		       SCRIPTED_KEEP, "is not Docker (HTTP 200, text/html, server \"nginx\"");
	check_unusable("HTTP/1.1 200 OK\r\nApi-Version: 2.0\r\nContent-Length: 0\r\n\r\n",
		       SCRIPTED_KEEP, "is not Docker");
	check_unusable("HTTP/1.1 200 OK\r\nApi-Version: 1.4x\r\nContent-Length: 0\r\n\r\n",
		       SCRIPTED_KEEP, "is not Docker");
	check_unusable("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n"
		       "Content-Length: 0\r\n\r\n",
		       SCRIPTED_KEEP, "is not Docker (HTTP 404, text/html");
	check_unusable("HTTP/1.0 400 Bad Request\r\n\r\n"
		       "Client sent an HTTP request to an HTTPS server.\n",
		       SCRIPTED_HANG_UP, "wants TLS: set DOCKER_TLS_VERIFY=1");
	check_unusable("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", SCRIPTED_HANG_UP,
		       "is not Docker: it doesn't speak HTTP");
	check_unusable("\x15\x03\x01\x02\x02", SCRIPTED_HANG_UP,
		       "is not Docker: it doesn't speak HTTP");
}

static void test_unusable_docker(void)
{
	check_unusable("HTTP/1.1 200 OK\r\nApi-Version: 1.18\r\nContent-Length: 0\r\n\r\n",
		       SCRIPTED_KEEP, "its API 1.18 is older than 1.24");
	check_unusable("", SCRIPTED_HANG_UP, "hung up before its answer was whole");
	check_unusable("", SCRIPTED_HANG, "no whole answer");
	check_unusable("", SCRIPTED_HANG, "within 300ms");
}

static void test_info_fails(void)
{
	struct scripted_engine *script = scripted_start();
	struct error err;

	ping_says(script, "Api-Version: 1.41\r\n");
	scripted_json(script, "GET /v1.41/info ", "200 OK", "{\"Swarm\":null}");
	CHECK_NUMBER(fixture_open_fails(scripted_host(script), &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "does not tell the state of the swarm");
	scripted_json(script, "GET /v1.41/info ", "503 Service Unavailable",
		      "{\"message\":\"shutting down\"}");
	CHECK_NUMBER(fixture_open_fails(scripted_host(script), &err), ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "shutting down (HTTP 503)");
	scripted_stop(script);
}

static void test_refresh_follows_a_change(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();

	CHECK_NUMBER(engine_get_facts(fixture.engine)->role, SWARM_MANAGER);
	ping_says(fixture.script, "Api-Version: 1.44\r\nSwarm: active/worker\r\n");
	CHECK_NUMBER(engine_refresh_role(fixture.engine, 9, NULL), 0);
	CHECK_NUMBER(fixture_wait(&fixture), ENGINE_DONE);
	CHECK_NUMBER(fixture.answer.cookie, 9);
	CHECK_NUMBER(fixture.answer.list.count, 0);
	CHECK_NUMBER(engine_get_facts(fixture.engine)->role, SWARM_OTHER);
	CHECK_TEXT(engine_get_facts(fixture.engine)->api_version, "1.44");

	scripted_raw(fixture.script, "GET /_ping ", NULL, 0, 0, SCRIPTED_HANG_UP);
	CHECK_NUMBER(engine_refresh_role(fixture.engine, 9, NULL), 0);
	CHECK_NUMBER(fixture_wait(&fixture), ENGINE_NOT_NOW);
	CHECK_NUMBER(fixture.answer.error.kind, ERROR_UNREACHABLE);
	CHECK_NUMBER(engine_get_facts(fixture.engine)->role, SWARM_OTHER);
}

/* An engine that shuts down has left its swarm and closed its listener, and goes on to answer over
 * the connections that it has. */
static void test_no_swarm_is_said_twice(void)
{
	struct fixture fixture = fixture_open();

	ping_says(fixture.script, "Api-Version: 1.44\r\nSwarm: inactive\r\n");
	CHECK_NUMBER(engine_refresh_role(fixture.engine, 9, NULL), 0);
	CHECK_NUMBER(fixture_wait(&fixture), ENGINE_DONE);
	CHECK_NUMBER(engine_get_facts(fixture.engine)->role, SWARM_NONE);
	CHECK_NUMBER(scripted_counts(fixture.script).requests, 3);
	CHECK_NUMBER(scripted_counts(fixture.script).connections, 2);
	fixture_close(&fixture);

	fixture = fixture_open();
	ping_says(fixture.script, "Api-Version: 1.44\r\nSwarm: inactive\r\n");
	CHECK_NUMBER(unlink(scripted_host(fixture.script) + strlen("unix://")), 0);
	CHECK_NUMBER(engine_refresh_role(fixture.engine, 9, NULL), 0);
	CHECK_NUMBER(fixture_wait(&fixture), ENGINE_NOT_NOW);
	CHECK_NUMBER(scripted_counts(fixture.script).requests, 2);
	CHECK_NUMBER(engine_get_facts(fixture.engine)->role, SWARM_MANAGER);
	fixture_close(&fixture);
}

static void test_time_limit_of_open(void)
{
	struct scripted_engine *script = scripted_start();
	struct engine_options options = fixture_options(scripted_host(script));
	struct engine *engine = NULL;
	struct error err = { 0 };
	int64_t before = clock_now_ms();

	scripted_raw(script, "GET /_ping ", NULL, 0, 0, SCRIPTED_HANG);
	options.open_timeout_ms = 100;
	CHECK_NUMBER(engine_open(&engine, &options, &err), -1);
	CHECK_NUMBER(err.kind, ERROR_UNREACHABLE);
	CHECK_CONTAINS(err.message, "has not answered in time");
	CU_ASSERT(clock_now_ms() - before < FIXTURE_TIMEOUT_MS / 2);
	scripted_stop(script);
}

static void test_wake_ends_open(void)
{
	struct scripted_engine *script = scripted_start();
	struct engine_options options = fixture_options(scripted_host(script));
	struct engine *engine = NULL;
	struct error err = { 0 };
	int ends[2];
	int64_t before = clock_now_ms();

	CHECK_NUMBER(pipe2(ends, O_CLOEXEC), 0);
	CHECK_NUMBER(write(ends[1], "x", 1), 1);
	scripted_raw(script, "GET /_ping ", NULL, 0, 0, SCRIPTED_HANG);
	options.wake_fd = ends[0];
	CHECK_NUMBER(engine_open(&engine, &options, &err), -1);
	CHECK_CONTAINS(err.message, "interrupted");
	CU_ASSERT(clock_now_ms() - before < FIXTURE_TIMEOUT_MS / 2);
	close(ends[0]);
	close(ends[1]);
	scripted_stop(script);
}

static struct test tests[] = {
	{ "the smaller API version is spoken", test_version_is_the_smaller },
	{ "the swarm role from the ping's header", test_role_from_header },
	{ "the swarm role from /info", test_role_from_info },
	{ "a node's id and their number from /info, a worker's as well", test_nodes_are_in_info },
	{ "Podman has no swarm", test_podman_has_no_swarm },
	{ "what is not Docker is told apart", test_not_docker },
	{ "a too old, silent or hung engine", test_unusable_docker },
	{ "/info fails", test_info_fails },
	{ "a fresh look at the role", test_refresh_follows_a_change },
	{ "no swarm counts when it is said twice", test_no_swarm_is_said_twice },
	{ "the time limit of open", test_time_limit_of_open },
	{ "wake_fd ends a hung open", test_wake_ends_open },
	{ NULL, NULL },
};
TEST_SUITE(engine_open, tests)
