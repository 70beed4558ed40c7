/* A node job's task, by itself: what it is told, on an engine that doesn't do all of it. */
#include <signal.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "harness/scripted_engine.h"
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

static const struct test tests[] = {
	{ "an earlier job's container that stays doesn't matter", test_old_job },
	{ NULL, NULL },
};
TEST_SUITE(reap_node, tests)
