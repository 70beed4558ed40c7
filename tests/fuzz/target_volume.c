/*
 * A volume as the engine shows it right before its removal: the first line is when it was listed to
 * have been made, the rest the body. It is removed only if what goes by its name now is what was
 * listed, by a second writing of what that means.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"
#include "fuzz/fuzz.h"

#include "../../src/engine/curl_internal.h"
#include "../../src/engine/request_internal.h"
#include "../../src/engine/resource_json_internal.h"

static struct request *look_at(const char *created)
{
	CLEANUP(resource_release)
	struct resource volume = {
		.kind = RESOURCE_VOLUME,
		.id = xstrdup("shop_data"),
		.name = xstrdup("shop_data"),
		.driver = xstrdup("local"),
		.created = xstrdup(created),
	};
	static bool loaded;
	struct request *request;

	if (!loaded)
		REQUIRE(curl_load(NULL) == 0);
	loaded = true;
	resource_add_label(&volume, "com.docker.stack.namespace", "shop");
	request = request_remove_new(&volume, "1.41", NULL);
	REQUIRE(request && !request->exchange.removal);
	return request;
}

static bool is_it(const char *created, const char *body, size_t length)
{
	CLEANUP(resource_release) struct resource found = { .kind = RESOURCE_VOLUME };
	const char *stack;
	int64_t listed, now;

	if (resource_json_parse_one(&found, body, length, NULL) < 0 || found.malformed)
		return false;
	if (found.created && !parse_time(created, &listed, NULL) &&
	    !parse_time(found.created, &now, NULL) && listed != now)
		return false;
	stack = resource_label(&found, "com.docker.stack.namespace");
	return !strcmp(found.name, "shop_data") && !strcmp(found.driver, "local") &&
	       found.label_count == 1 && stack && !strcmp(stack, "shop");
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *created = fuzz_line(&data, &size);
	struct request *request = look_at(created);
	struct reply *reply = &request->exchange.reply;
	bool expected = is_it(created, (const char *)data, size);

	reply->transport = TRANSPORT_WHOLE;
	reply->sent = true;
	reply->status = 200;
	(void)strcpy(reply->headers.content_type, "application/json");
	text_append_bytes(&reply->body, data, size);
	if (request_finish(request, "unix:///run/docker.sock")) {
		REQUIRE(!expected && request->answer.error.message[0]);
		REQUIRE(request->answer.outcome == ENGINE_REFUSED ||
			request->answer.outcome == ENGINE_CHANGED);
	} else {
		REQUIRE(expected && request->exchange.removal && !request->examines);
		REQUIRE(!strcmp(request->path, "/v1.41/volumes/shop_data"));
	}
	request_free(request);
}
FUZZ_TARGET(volume, run)
