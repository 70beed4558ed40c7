/*
 * Two addresses, a line each, and which engines they mean. An identity fits a record and comes back
 * from it as it was; sameness has no direction; and what has no address isn't told from any.
 */
#include <string.h>

#include "base/cleanup.h"
#include "engine/engine.h"
#include "fuzz/fuzz.h"
#include "lock/record_file.h"

static void require_fits(const struct engine_identity *identity)
{
	struct record record = { .known = true, .app = "shop", .pid = 1 }, again;
	char text[RECORD_FILE_SIZE];

	REQUIRE(!identity->address[0] || !strncmp(identity->address, "unix://", 7) ||
		!strncmp(identity->address, "tcp://", 6));
	(void)snprintf(record.engine, sizeof(record.engine), "%s", identity->address);
	(void)snprintf(record.engine_socket, sizeof(record.engine_socket), "%s", identity->socket);
	record_parse(text, record_format(&record, text), &again);
	REQUIRE(again.known && !strcmp(again.engine, identity->address));
	REQUIRE(!strcmp(again.engine_socket, identity->socket));
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *first = fuzz_line(&data, &size);
	CLEANUP_FREE char *second = fuzz_line(&data, &size);
	struct engine_identity a = { .address = "" }, b = a;
	struct error err = { .kind = ERROR_NONE };

	/* A context's file is tests/fuzz/target_context.c's. */
	if (!strncmp(first, ENGINE_CONTEXT, strlen(ENGINE_CONTEXT)) ||
	    !strncmp(second, ENGINE_CONTEXT, strlen(ENGINE_CONTEXT)))
		return;
	if (engine_identify(first, &a, &err) < 0 || engine_identify(second, &b, &err) < 0) {
		REQUIRE(err.message[0]);
		return;
	}
	require_fits(&a);
	require_fits(&b);
	REQUIRE(engine_is_same(&a, &a) && engine_is_same(&a, &b) == engine_is_same(&b, &a));
	REQUIRE(strcmp(first, second) != 0 || engine_is_same(&a, &b));
	if (a.address[0] && b.address[0] && strcmp(a.address, b.address) != 0)
		REQUIRE(engine_is_same(&a, &b) == (a.socket[0] && !strcmp(a.socket, b.socket)));
}
FUZZ_TARGET(engine, run)
