/* A volume goes by its name only: right before its removal it is looked at, and what is not the one
 * that was listed stays. */
#include <stdio.h>
#include <string.h>

#include "engine/engine_fixture.h"
#include "harness/command.h"

#define STACK "com.docker.stack.namespace"
#define ONE "/v1.41/volumes/shop_data"
#define VOLUME(created, driver, labels)                                                            \
	"{\"Name\":\"shop_data\",\"CreatedAt\":\"" created "\",\"Driver\":\"" driver               \
	"\",\"Labels\":" labels "}"
#define CREATED "2026-01-02T03:04:05Z"
#define LABELS "{\"" STACK "\":\"shop\"}"

static enum engine_outcome remove_it(struct fixture *fixture)
{
	char name[] = "shop_data", created[] = CREATED, driver[] = "local";
	struct resource resource = { .kind = RESOURCE_VOLUME,
				     .id = name,
				     .name = name,
				     .created = created,
				     .driver = driver };
	enum engine_outcome outcome;

	resource_add_label(&resource, STACK, "shop");
	CHECK_NUMBER(engine_remove(fixture->engine, &resource, 7, NULL), 0);
	outcome = fixture_wait(fixture);
	resource.id = resource.name = resource.created = resource.driver = NULL;
	resource_release(&resource);
	return outcome;
}

static struct fixture with_volume(const char *status, const char *body)
{
	struct fixture fixture = fixture_open();

	scripted_raw(fixture.script, "DELETE " ONE, "HTTP/1.1 204 No Content\r\n\r\n", 27, 0,
		     SCRIPTED_KEEP);
	scripted_json(fixture.script, "GET " ONE, status, body);
	return fixture;
}

static void check(const char *status, const char *body, enum engine_outcome expected, int removals)
{
	CLEANUP_FIXTURE struct fixture fixture = with_volume(status, body);

	CHECK_NUMBER(remove_it(&fixture), expected);
	CHECK_NUMBER(scripted_counts(fixture.script).removals, removals);
}

static void test_same(void)
{
	check("200 OK", VOLUME(CREATED, "local", LABELS), ENGINE_DONE, 1);
	check("200 OK", VOLUME("2026-01-02T04:04:05.000+01:00", "local", LABELS), ENGINE_DONE, 1);
}

static void test_another(void)
{
	check("200 OK", VOLUME("2026-01-02T03:04:06Z", "local", LABELS), ENGINE_CHANGED, 0);
	check("200 OK", VOLUME(CREATED, "nfs", LABELS), ENGINE_CHANGED, 0);
	check("200 OK", VOLUME(CREATED, "local", "null"), ENGINE_CHANGED, 0);
	check("200 OK", VOLUME(CREATED, "local", "{\"" STACK "\":\"blog\"}"), ENGINE_CHANGED, 0);
	check("200 OK",
	      VOLUME(CREATED, "local", "{\"" STACK "\":\"shop\",\"ci-janitor.protect\":\"true\"}"),
	      ENGINE_CHANGED, 0);
	check("200 OK", VOLUME(CREATED, "local", "[]"), ENGINE_CHANGED, 0);
	check("200 OK", "{\"Name\":\"SHOP_DATA\"}", ENGINE_CHANGED, 0);
}

static void test_no_answer(void)
{
	CLEANUP_FIXTURE struct fixture fixture = with_volume("200 OK", "");

	check("404 Not Found", "{\"message\":\"get shop_data: no such volume\"}",
	      ENGINE_ALREADY_GONE, 0);
	check("200 OK", "[]", ENGINE_REFUSED, 0);
	check("200 OK", "{", ENGINE_REFUSED, 0);
	check("503 Service Unavailable", "{\"message\":\"no\"}", ENGINE_NOT_NOW, 0);
	/* Nothing was removed: there is nothing to settle. */
	scripted_raw(fixture.script, "GET " ONE, NULL, 0, 0, SCRIPTED_HANG_UP);
	CHECK_NUMBER(remove_it(&fixture), ENGINE_NOT_NOW);
	CHECK_NUMBER(scripted_counts(fixture.script).removals, 0);
}

/* By the program: what is listed as the app's, and is somebody else's when its turn comes. */
static void test_by_the_program(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct scripted_engine *script = scripted_start();
	const char *folder = temp_dir();

	scripted_empty(script);
	scripted_json(script, "GET /v1.41/volumes", "200 OK",
		      "{\"Volumes\":[" VOLUME(CREATED, "local", LABELS) "]}");
	scripted_json(script, "GET " ONE, "200 OK", VOLUME(CREATED, "local", "{}"));
	run_command(&result,
		    "mkdir %s/locks && printf '[reap]\\ntimeout = 2s\\n' >%s/conf &&"
		    " %s/ci-janitor --config %s/conf --lock-dir %s/locks -H %s reap shop",
		    folder, folder, BUILD_DIR, folder, folder, scripted_host(script));
	CHECK_NUMBER(result.status, 1);
	CHECK_CONTAINS(result.output, "what goes by this name is not what was listed");
	CHECK_NUMBER(scripted_counts(script).removals, 0);
	scripted_stop(script);
}

static struct test tests[] = {
	{ "the one that was listed goes", test_same },
	{ "another of its name stays", test_another },
	{ "nothing goes without a look", test_no_answer },
	{ "a whole reap", test_by_the_program },
	{ NULL, NULL },
};
TEST_SUITE(engine_volumes, tests)
