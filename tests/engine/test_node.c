/* Which node the engine is: asked for when it matters, since /info takes an engine long. */
#include <string.h>

#include "engine/engine_fixture.h"

#define INFO                                                                                       \
	"{\"Swarm\":{\"LocalNodeState\":\"active\",\"ControlAvailable\":true,\"NodeID\":\"two\"}}"

/* Opens an engine whose ping has these headers; no /info is to be asked for. */
static struct engine *open_later(struct scripted_engine *script, const char *headers)
{
	struct engine_options options = fixture_options(scripted_host(script));
	struct engine *engine = NULL;

	options.role_can_wait = true;
	scripted_answer(script, "GET /_ping ", "200 OK", headers, "OK");
	CHECK_NUMBER(engine_open(&engine, &options, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(engine);
	CHECK_NUMBER(scripted_counts(script).requests, 1);
	return engine;
}

static enum engine_outcome ask(struct engine *engine)
{
	struct engine_answer answer = { 0 };

	CHECK_NUMBER(engine_ask_node(engine, 9, NULL), 0);
	CHECK_NUMBER(engine_wait(engine, 10000, &answer, NULL), 1);
	CHECK_NUMBER(answer.cookie, 9);
	return answer.outcome;
}

static void test_role_can_wait(void)
{
	struct scripted_engine *script = scripted_start();
	struct engine *engine = open_later(script, "Api-Version: 1.41\r\n");

	CHECK_NUMBER(engine_get_facts(engine)->role, SWARM_UNKNOWN);
	CHECK_TEXT(engine_get_facts(engine)->node_id, "");
	scripted_json(script, "GET /v1.41/info ", "200 OK", INFO);
	CHECK_NUMBER(ask(engine), ENGINE_DONE);
	CHECK_NUMBER(engine_get_facts(engine)->role, SWARM_MANAGER);
	CHECK_TEXT(engine_get_facts(engine)->node_id, "two");
	CU_ASSERT_TRUE(engine_get_facts(engine)->is_local);
	engine_close(engine);
	scripted_stop(script);
}

static void test_ping_tells_the_role(void)
{
	struct scripted_engine *script = scripted_start();
	struct engine *engine =
		open_later(script, "Api-Version: 1.44\r\nSwarm: active/manager\r\n");

	CHECK_NUMBER(engine_get_facts(engine)->role, SWARM_MANAGER);
	scripted_json(script, "GET /v1.44/info ", "200 OK", INFO);
	CHECK_NUMBER(ask(engine), ENGINE_DONE);
	CHECK_TEXT(engine_get_facts(engine)->node_id, "two");
	engine_close(engine);
	scripted_stop(script);
}

/* A proxy that lets no /info pass: the role is known all the same, or it isn't. */
static void test_info_is_refused(void)
{
	static const struct {
		const char *headers, *request;
		enum engine_outcome outcome;
		enum swarm_role role;
	} rows[] = {
		{ "Api-Version: 1.44\r\nSwarm: active/manager\r\n", "GET /v1.44/info ", ENGINE_DONE,
		  SWARM_MANAGER },
		{ "Api-Version: 1.41\r\n", "GET /v1.41/info ", ENGINE_REFUSED, SWARM_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct scripted_engine *script = scripted_start();
		struct engine *engine = open_later(script, rows[i].headers);

		scripted_answer(script, rows[i].request, "403 Forbidden",
				"Content-Type: text/html\r\n", "no");
		CHECK_NUMBER(ask(engine), rows[i].outcome);
		CHECK_NUMBER(engine_get_facts(engine)->role, rows[i].role);
		CHECK_TEXT(engine_get_facts(engine)->node_id, "");
		engine_close(engine);
		scripted_stop(script);
	}
}

static const struct test tests[] = {
	{ "the role can wait", test_role_can_wait },
	{ "the ping tells the role", test_ping_tells_the_role },
	{ "/info is refused", test_info_is_refused },
	{ NULL, NULL },
};
TEST_SUITE(node, tests)
