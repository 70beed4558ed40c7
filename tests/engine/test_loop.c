#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/engine_fixture.h"

#define EMPTY_LIST                                                                                 \
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"

static void test_connections_are_kept(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();

	scripted_json(fixture.script, "GET /v1.41/", "200 OK", "[]");
	for (int i = 0; i < 50; i++)
		CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_DONE);
	CHECK_NUMBER(scripted_counts(fixture.script).requests, 51);
	CHECK_NUMBER(scripted_counts(fixture.script).connections, 1);
}

static void test_closed_connection_is_replaced(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();

	scripted_raw(fixture.script, "GET /v1.41/", EMPTY_LIST, strlen(EMPTY_LIST), 0,
		     SCRIPTED_HANG_UP);
	for (int i = 0; i < 5; i++) {
		CHECK_NUMBER(fixture_list(&fixture, RESOURCE_NETWORK), ENGINE_DONE);
		clock_sleep_ms(5);
	}
	CHECK_NUMBER(scripted_counts(fixture.script).requests, 6);
	CHECK_NUMBER(scripted_counts(fixture.script).connections, 5);
}

static void test_many_at_once(void)
{
	struct engine_options options = fixture_options(NULL);

	options.read_timeout_ms = 5000;
	CLEANUP_FIXTURE struct fixture fixture = fixture_open_with(options);
	char seen[200] = { 0 };

	scripted_raw(fixture.script, "GET /v1.41/", EMPTY_LIST, strlen(EMPTY_LIST), 5,
		     SCRIPTED_KEEP);
	for (uint64_t i = 0; i < sizeof(seen); i++)
		CHECK_NUMBER(engine_list(fixture.engine, RESOURCE_NETWORK, NULL, i, NULL), 0);
	for (size_t i = 0; i < sizeof(seen); i++) {
		CHECK_NUMBER(fixture_wait(&fixture), ENGINE_DONE);
		CU_ASSERT(fixture.answer.cookie < sizeof(seen));
		if (fixture.answer.cookie < sizeof(seen))
			seen[fixture.answer.cookie]++;
	}
	for (size_t i = 0; i < sizeof(seen); i++)
		CHECK_NUMBER(seen[i], 1);
	CHECK_NUMBER(scripted_counts(fixture.script).most_at_once, 4);
	CU_ASSERT(scripted_counts(fixture.script).connections <= 4);
}

/* Queued requests wait with us, where no time limit runs: 50 requests of 50 ms over one
 * connection take longer than the limit of each. */
static void test_queueing_is_not_a_timeout(void)
{
	struct engine_options options = fixture_options(NULL);

	options.connections = 1;
	options.read_timeout_ms = 2000;
	CLEANUP_FIXTURE struct fixture fixture = fixture_open_with(options);

	scripted_raw(fixture.script, "GET /v1.41/", EMPTY_LIST, strlen(EMPTY_LIST), 50,
		     SCRIPTED_KEEP);
	for (uint64_t i = 0; i < 50; i++)
		CHECK_NUMBER(engine_list(fixture.engine, RESOURCE_NETWORK, NULL, i, NULL), 0);
	for (uint64_t i = 0; i < 50; i++) {
		CHECK_NUMBER(fixture_wait(&fixture), ENGINE_DONE);
		CHECK_NUMBER(fixture.answer.cookie, i);
	}
	CHECK_NUMBER(scripted_counts(fixture.script).most_at_once, 1);
}

static void test_hung_requests_free_their_place(void)
{
	struct engine_options options = fixture_options(NULL);

	options.connections = 2;
	options.write_timeout_ms = 30 * 1000;
	CLEANUP_FIXTURE struct fixture fixture = fixture_open_with(options);
	char id[] = "x";
	struct resource hung = { .kind = RESOURCE_SERVICE, .id = id };
	int64_t before = clock_now_ms();

	scripted_raw(fixture.script, "DELETE ", NULL, 0, 0, SCRIPTED_HANG);
	scripted_json(fixture.script, "GET /v1.41/", "200 OK", "[]");
	for (uint64_t i = 0; i < 2; i++)
		CHECK_NUMBER(engine_remove(fixture.engine, &hung, i, NULL), 0);
	CHECK_NUMBER(engine_list(fixture.engine, RESOURCE_NETWORK, NULL, 77, NULL), 0);
	CHECK_NUMBER(fixture_wait(&fixture), ENGINE_DONE);
	CHECK_NUMBER(fixture.answer.cookie, 77);
	CU_ASSERT(clock_now_ms() - before < 20000);
}

static void test_time_limit_of_wait(void)
{
	CLEANUP_FIXTURE struct fixture fixture = fixture_open();
	struct engine_answer answer;
	int64_t before = clock_now_ms();

	CHECK_NUMBER(engine_wait(fixture.engine, 0, &answer, NULL), 0);
	CHECK_NUMBER(engine_wait(fixture.engine, 50, &answer, NULL), 0);
	CU_ASSERT(clock_now_ms() - before >= 50);

	scripted_raw(fixture.script, "GET /v1.41/", EMPTY_LIST, strlen(EMPTY_LIST),
		     SCRIPTED_UNTIL_OPENED, SCRIPTED_KEEP);
	CHECK_NUMBER(engine_list(fixture.engine, RESOURCE_NETWORK, NULL, 5, NULL), 0);
	CHECK_NUMBER(engine_wait(fixture.engine, 20, &answer, NULL), 0);
	scripted_open(fixture.script);
	CHECK_NUMBER(fixture_wait(&fixture), ENGINE_DONE);
	CHECK_NUMBER(fixture.answer.cookie, 5);
}

static void test_wake_fd(void)
{
	struct engine_options options = fixture_options(NULL);
	struct engine_answer answer;
	struct fixture fixture;
	int ends[2];

	CHECK_NUMBER(pipe2(ends, O_CLOEXEC), 0);
	options.wake_fd = ends[0];
	fixture = fixture_open_with(options);
	scripted_raw(fixture.script, "GET /v1.41/", EMPTY_LIST, strlen(EMPTY_LIST),
		     SCRIPTED_UNTIL_OPENED, SCRIPTED_KEEP);
	CHECK_NUMBER(engine_list(fixture.engine, RESOURCE_NETWORK, NULL, 5, NULL), 0);
	CHECK_NUMBER(write(ends[1], "x", 1), 1);
	CHECK_NUMBER(engine_wait(fixture.engine, -1, &answer, NULL), 0);
	scripted_open(fixture.script);
	CHECK_NUMBER(read(ends[0], &(char){ 0 }, 1), 1);
	CHECK_NUMBER(fixture_wait(&fixture), ENGINE_DONE);
	fixture_close(&fixture);
	close(ends[0]);
	close(ends[1]);
}

static void test_close_abandons(void)
{
	struct fixture fixture = fixture_open();
	int64_t end = clock_deadline(FIXTURE_TIMEOUT_MS / 2);
	struct engine_answer answer;

	scripted_raw(fixture.script, "GET /v1.41/", NULL, 0, 0, SCRIPTED_HANG);
	for (uint64_t i = 0; i < 10; i++)
		CHECK_NUMBER(engine_list(fixture.engine, RESOURCE_NETWORK, NULL, i, NULL), 0);
	while (scripted_counts(fixture.script).requests < 5 && clock_now_ms() < end)
		CHECK_NUMBER(engine_wait(fixture.engine, 5, &answer, NULL), 0);
	CHECK_NUMBER(scripted_counts(fixture.script).requests, 5);
	fixture_close(&fixture);
	/* Not after the time limit of what hangs. */
	CU_ASSERT(clock_now_ms() < end);
}

static struct test tests[] = {
	{ "connections are kept alive and used again", test_connections_are_kept },
	{ "a connection that the engine closed", test_closed_connection_is_replaced },
	{ "200 requests, 4 at once, each answered once", test_many_at_once },
	{ "waiting for a place is no timeout", test_queueing_is_not_a_timeout },
	{ "hung requests don't stop others", test_hung_requests_free_their_place },
	{ "the time limit of engine_wait", test_time_limit_of_wait },
	{ "wake_fd ends the wait, nothing is lost", test_wake_fd },
	{ "engine_close abandons what is under way", test_close_abandons },
	{ NULL, NULL },
};
TEST_SUITE(engine_loop, tests)
