/*
 * An engine's answer as it comes over the wire: a status line, header lines, an empty line, the
 * body. Read as the answer to a removal, a listing, /_ping and /info.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "fuzz/fuzz.h"

#include "../../src/engine/facts_internal.h"
#include "../../src/engine/reply_internal.h"

#define ADDRESS "unix:///run/docker.sock"

static void take_lines(struct reply *reply, const uint8_t **data, size_t *size)
{
	while (*size) {
		const uint8_t *end = memchr(*data, '\n', *size);
		size_t length = end ? (size_t)(end - *data) + 1 : *size;
		/* A line of its own: a look past its end is a crash. */
		CLEANUP_FREE char *line = xcalloc(length, 1);

		memcpy(line, *data, length);
		(void)reply_headers_take(&reply->headers, line, length);
		*data += length;
		*size -= length;
		if (length <= 2 && end)
			return;
	}
}

static void require_terminated(const struct reply_headers *headers)
{
	REQUIRE(strnlen(headers->content_type, sizeof(headers->content_type)) <
		sizeof(headers->content_type));
	REQUIRE(strnlen(headers->server, sizeof(headers->server)) < sizeof(headers->server));
	REQUIRE(strnlen(headers->api_version, sizeof(headers->api_version)) <
		sizeof(headers->api_version));
	REQUIRE(strnlen(headers->swarm, sizeof(headers->swarm)) < sizeof(headers->swarm));
}

/* Nothing but 2xx is done, nothing but the engine's own 404 is gone. */
static void require_class(const struct reply *reply)
{
	static const enum request_type types[] = { REQUEST_LIST, REQUEST_REMOVE, REQUEST_ROLE };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct error err = { .kind = ERROR_NONE };
		enum engine_outcome outcome =
			reply_classify(reply, types[i], "remove volume x", ADDRESS, &err);

		if (outcome == ENGINE_DONE)
			REQUIRE(reply->status / 100 == 2);
		else if (outcome == ENGINE_ALREADY_GONE)
			REQUIRE(reply->status == 404 && types[i] == REQUEST_REMOVE &&
				reply_is_json(reply));
		else
			REQUIRE(err.kind != ERROR_NONE && err.message[0]);
	}
}

static void require_facts(const struct reply *reply)
{
	struct engine_facts facts = { .api_version = "" };
	struct error err = { .kind = ERROR_NONE };
	bool known = false;

	if (facts_from_ping(reply, ADDRESS, &facts, &known, &err) < 0) {
		REQUIRE(err.kind == ERROR_UNREACHABLE && !facts.api_version[0]);
	} else {
		REQUIRE(!strncmp(facts.api_version, "1.", 2) && strlen(facts.api_version) == 4);
		REQUIRE(!known || facts.role == SWARM_OTHER || facts.swarm_state[0]);
	}
	err.kind = ERROR_NONE;
	if (facts_from_info(text_get(&reply->body), reply->body.length, &facts, &err) < 0)
		REQUIRE(err.kind == ERROR_ENGINE);
	else
		REQUIRE(facts.role != SWARM_MANAGER || !strcmp(facts.swarm_state, "active"));
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP(reply_release) struct reply reply = { .transport = TRANSPORT_WHOLE, .sent = true };

	/* The status is libcurl's to read: "HTTP/1.1 404". */
	if (size < 12 || memcmp(data, "HTTP/", 5) != 0)
		return;
	for (size_t i = 9; i < 12 && data[i] >= '0' && data[i] <= '9'; i++)
		reply.status = reply.status * 10 + (data[i] - '0');
	take_lines(&reply, &data, &size);
	text_append_bytes(&reply.body, data, size);
	require_terminated(&reply.headers);
	require_class(&reply);
	require_facts(&reply);
}
FUZZ_TARGET(http, run)
