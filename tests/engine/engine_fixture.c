#include "engine_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct engine_options fixture_options(const char *host)
{
	return (struct engine_options){ .host = host,
					.connect_timeout_ms = FIXTURE_TIMEOUT_MS,
					.read_timeout_ms = FIXTURE_TIMEOUT_MS,
					.write_timeout_ms = FIXTURE_TIMEOUT_MS,
					.connections = 4,
					.wake_fd = -1 };
}

struct engine_options fixture_impatient_options(const char *host)
{
	struct engine_options options = fixture_options(host);

	options.connect_timeout_ms = options.read_timeout_ms = options.write_timeout_ms =
		IMPATIENT_MS;
	return options;
}

struct fixture fixture_open_with(struct engine_options options)
{
	struct fixture fixture = { .script = scripted_start() };
	int64_t end = clock_deadline(FIXTURE_TIMEOUT_MS);
	struct error err = { 0 };

	options.host = scripted_host(fixture.script);
	/* With little patience a busy machine may make it fail. */
	while (engine_open(&fixture.engine, &options, &err) < 0)
		if (clock_now_ms() >= end) {
			fprintf(stderr, "%s\n", err.message);
			abort();
		}
	return fixture;
}

struct fixture fixture_open_impatient(void)
{
	return fixture_open_with(fixture_impatient_options(NULL));
}

struct fixture fixture_open(void)
{
	return fixture_open_with(fixture_options(NULL));
}

void fixture_close(struct fixture *fixture)
{
	resource_list_release(&fixture->answer.list);
	engine_close(fixture->engine);
	scripted_stop(fixture->script);
}

enum engine_outcome fixture_wait(struct fixture *fixture)
{
	struct error err = { 0 };

	resource_list_release(&fixture->answer.list);
	fixture->answer = (struct engine_answer){ 0 };
	CHECK_NUMBER(engine_wait(fixture->engine, FIXTURE_TIMEOUT_MS, &fixture->answer, &err), 1);
	CHECK_TEXT(err.message, "");
	return fixture->answer.outcome;
}

enum engine_outcome fixture_list(struct fixture *fixture, enum resource_kind kind)
{
	CHECK_NUMBER(engine_list(fixture->engine, kind, NULL, 7, NULL), 0);
	return fixture_wait(fixture);
}

enum engine_outcome fixture_remove(struct fixture *fixture, enum resource_kind kind, const char *id)
{
	char *copy = strdup(id);
	struct resource resource = { .kind = kind, .id = copy };

	CHECK_NUMBER(engine_remove(fixture->engine, &resource, 7, NULL), 0);
	free(copy);
	return fixture_wait(fixture);
}

enum error_kind fixture_open_fails(const char *host, struct error *err)
{
	struct engine_options options = fixture_options(host);

	return fixture_open_fails_with(&options, err);
}

enum error_kind fixture_open_fails_with(const struct engine_options *options, struct error *err)
{
	struct engine *engine = NULL;

	*err = (struct error){ 0 };
	CHECK_NUMBER(engine_open(&engine, options, err), -1);
	CU_ASSERT_PTR_NULL(engine);
	engine_close(engine);
	return err->kind;
}

void check_contains(const char *text, const char *part, const char *what, const char *file,
		    unsigned line)
{
	char message[2048];

	snprintf(message, sizeof(message), "%s is \"%s\", without \"%s\"", what, text, part);
	CU_assertImplementation(strstr(text, part) != NULL, line, message, file, "", CU_FALSE);
}
