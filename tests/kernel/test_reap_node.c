/* A node job's task, by itself: what it is told, on an engine that doesn't do all of it. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "harness/scripted_engine.h"
#include "model/app.h"
#include "model/node_job.h"
#include "run_fixture.h"

#define REMOVAL "DELETE /v1.41/containers/c1"

static struct scripted_engine *engine_with_old_job(void)
{
	struct scripted_engine *engine = scripted_start();

	scripted_empty(engine);
	scripted_json(engine, "GET /v1.41/info", "200 OK",
		      "{\"Swarm\":{\"LocalNodeState\":\"active\",\"ControlAvailable\":true,"
		      "\"NodeID\":\"n1\",\"Nodes\":2,\"Cluster\":{\"ID\":\"x\"}}}");
	scripted_json(engine, "GET /v1.41/containers", "200 OK",
		      "[{\"Id\":\"c1\",\"Names\":[\"/old\"],\"State\":\"exited\",\"Created\":1,"
		      "\"Labels\":{\"" NODE_JOB_LABEL "\":\"\"}}]");
	return engine;
}

/* However the removal of an earlier job's container is answered, the report is whole. */
static void test_old_job(void)
{
	static const struct {
		const char *status, *body;
	} rows[] = {
		{ "204 No Content", "" },
		{ "404 Not Found", "{\"message\":\"No such container: c1\"}" },
		{ "409 Conflict", "{\"message\":\"removal is already in progress\"}" },
		{ "500 Internal Server Error", "{\"message\":\"driver failed\"}" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scripted_engine *engine = engine_with_old_job();
		struct process process;

		scripted_json(engine, REMOVAL, rows[i].status, rows[i].body);
		process_start(&process, "exec " PROGRAM " -H %s reap-node label/x",
			      scripted_host(engine));
		CU_ASSERT(wait_for_output(&process, "{\"end\":0}\n"));
		CHECK_NUMBER(scripted_counts(engine).removals, 1);
		(void)background_signal(&process, SIGTERM);
		CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 0);
		scripted_stop(engine);
	}
}

#define OF_SHOP "\"Labels\":{\"com.docker.compose.project\":\"shop\"}"
#define VOLUME(name, created)                                                                      \
	"{\"Name\":\"" name "\",\"Driver\":\"local\",\"CreatedAt\":\"" created "\"," OF_SHOP "}"
#define THEN "2026-01-01T00:00:00Z"
#define LATER "2026-01-02T00:00:00Z"

/* What the engine has of shop, and of another app. Nothing that is removed leaves the listings. */
static struct scripted_engine *engine_with_orders(void)
{
	struct scripted_engine *engine = engine_with_old_job();

	scripted_json(
		engine, "GET /v1.41/containers", "200 OK",
		"[{\"Id\":\"c1\",\"Names\":[\"/web\"],\"State\":\"running\",\"Created\":1," OF_SHOP
		"},{\"Id\":\"c2\",\"Names\":[\"/task\"],\"State\":\"running\",\"Created\":1,"
		"\"Labels\":{\"com.docker.swarm.service.id\":\"s1\"}},"
		"{\"Id\":\"c3\",\"Names\":[\"/other\"],\"State\":\"running\",\"Created\":1,"
		"\"Labels\":{\"com.docker.compose.project\":\"other\"}}]");
	scripted_json(engine, "GET /v1.41/volumes", "200 OK",
		      "{\"Volumes\":[" VOLUME("dead", THEN) "," VOLUME("newer", LATER) "," VOLUME(
			      "broken", THEN) "]}");
	scripted_json(engine, "GET /v1.41/volumes/dead", "200 OK", VOLUME("dead", THEN));
	scripted_json(engine, "GET /v1.41/volumes/broken", "200 OK", VOLUME("broken", THEN));
	scripted_json(engine, "DELETE /v1.41/containers/c1", "204 No Content", "");
	scripted_json(engine, "DELETE /v1.41/volumes/dead", "204 No Content", "");
	/* No JSON, and no UTF-8. */
	scripted_answer(engine, "DELETE /v1.41/volumes/broken", "400 Bad Request",
			"Content-Type: text/plain\r\n", "kaputt \xe4\xff");
	return engine;
}

static bool has(const char *text, const char *piece)
{
	if (strstr(text, piece))
		return true;
	printf("\nmissing: %s\nin:\n%s", piece, text);
	return false;
}

/* Only what it is told by its identity, of this node; and why something stays. */
static void test_orders(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct scripted_engine *engine = engine_with_orders();
	struct app_hash hash = app_hash_of("shop");
	struct process process;

	process_start(&process,
		      "exec " PROGRAM " -H %s reap-node label/com.docker.compose.project app/%s "
		      "service/s1 remove/n1/container/c1 remove/n2/container/c2 "
		      "remove/n1/volume/" THEN "/dead remove/n1/volume/" THEN "/newer "
		      "remove/n1/volume/" THEN "/broken",
		      scripted_host(engine), hash.hex);
	CU_ASSERT(wait_for_output(&process, "{\"end\":5}\n"));
	(void)background_signal(&process, SIGTERM);
	CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 0);
	CHECK_NUMBER(scripted_counts(engine).removals, 3);
	CU_ASSERT(has(result.output, "\"id\":\"c2\""));
	CU_ASSERT(has(result.output, "\"id\":\"newer\""));
	CU_ASSERT(has(result.output, "kaputt ??"));
	CHECK_NUMBER(count_of(result.output, "\"error\""), 1);
	CHECK_NUMBER(count_of(result.output, "\"c3\""), 0);
	scripted_stop(engine);
}

/* A mistake in what it is told: nothing is done, not even what comes before it. */
static void test_bad_orders(void)
{
	static const char *const bad[] = {
		"shop",
		"remove/n1",
		"remove/n1/image/x",
		"remove/n1/volume",
		"remove/n1/volume/x",
		"remove/n1/container/",
	};
	struct scripted_engine *engine = engine_with_orders();

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };

		CHECK_NUMBER(run_command(&result,
					 PROGRAM " -H %s reap-node remove/n1/container/c1 %s",
					 scripted_host(engine), bad[i]),
			     64);
		CU_ASSERT(has(result.errors, "reap-node: bad argument "));
	}
	CHECK_NUMBER(scripted_counts(engine).removals, 0);
	scripted_stop(engine);
}

static const struct test tests[] = {
	{ "an earlier job's container that stays doesn't matter", test_old_job },
	{ "it removes what it is told, and says why something stays", test_orders },
	{ "bad orders", test_bad_orders },
	{ NULL, NULL },
};
TEST_SUITE(reap_node, tests)
