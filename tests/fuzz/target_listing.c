/*
 * An engine's listing: the first byte is the kind (S service, T task, C container, K secret, F
 * config, N network, V volume), the rest the body. What is listed has an id; what its name, labels
 * or state were distorted in is marked; and no id leads a removal to another endpoint.
 */
#include <string.h>

#include "base/cleanup.h"
#include "fuzz/fuzz.h"
#include "model/settings.h"
#include "reap/ownership.h"

#include "../../src/engine/curl_internal.h"
#include "../../src/engine/request_internal.h"
#include "../../src/engine/resource_json_internal.h"

#define KINDS "STCKFNV"

static size_t count(const char *text, char wanted)
{
	size_t found = 0;

	for (; *text; text++)
		found += *text == wanted;
	return found;
}

/* /v1.41/COLLECTION/ID and the query that we add. */
static void require_removal(const struct resource *resource)
{
	static bool loaded;
	struct request *request;

	if (!loaded)
		REQUIRE(curl_load(NULL) == 0);
	loaded = true;
	request = request_remove_new(resource, "1.41", NULL);
	REQUIRE(request);
	REQUIRE(count(request->path, '/') == 3 && !strchr(request->path, '#'));
	REQUIRE(count(request->path, '?') == (resource->kind == RESOURCE_CONTAINER));
	REQUIRE(!strpbrk(request->path, " \r\n\t\\"));
	request_free(request);
}

static void require_sound(const struct resource *resource, enum resource_kind kind)
{
	REQUIRE(resource->kind == kind && resource->id && *resource->id);
	REQUIRE(strcmp(resource->id, ".") != 0 && strcmp(resource->id, "..") != 0);
	REQUIRE(resource->malformed || kind == RESOURCE_TASK ||
		(resource->name && *resource->name));
	REQUIRE(resource->malformed || kind != RESOURCE_TASK || resource->state);
	REQUIRE(resource->malformed || kind != RESOURCE_VOLUME || resource->driver);
	for (size_t i = 0; i < resource->label_count; i++)
		REQUIRE(resource->labels[i].key && resource->labels[i].value);
	if (kind != RESOURCE_TASK)
		require_removal(resource);
}

/* With "shop" dead: what goes to it states it or is called so, and is whole. */
static void require_judged(const struct resource *resource)
{
	CLEANUP(settings_release) struct settings settings;
	CLEANUP(owner_list_release) struct owner_list owners = { 0 };
	struct owner *owner = owner_list_append(&owners);
	struct ownership_verdict verdict;
	bool stated = false;

	settings_init(&settings);
	memcpy(owner->app, "shop", sizeof("shop"));
	owner->hash = app_hash_of("shop");
	owner->job = 0;
	owner_list_add_stated(&owners, resource, &settings);
	owner_list_sort(&owners);
	ownership_judge(resource, &owners, &settings, &verdict);
	for (size_t i = 0; i < resource->label_count; i++)
		stated |= !strcmp(resource->labels[i].value, "shop");
	if (verdict.what != OWNERSHIP_OURS)
		return;
	REQUIRE(!resource->malformed && verdict.job == 0 && verdict.rule[0]);
	REQUIRE(stated || !strncmp(resource->name, "shop_", 5));
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP(resource_list_release) struct resource_list list = { 0 };
	const char *kinds = KINDS, *at = size && data[0] ? strchr(kinds, data[0]) : NULL;
	struct error err = { .kind = ERROR_NONE };
	enum resource_kind kind;

	if (!at)
		return;
	kind = (enum resource_kind)(at - kinds);
	if (resource_json_parse(kind, (const char *)data + 1, size - 1, &list, &err) < 0) {
		REQUIRE(err.kind == ERROR_ENGINE && !list.count);
		return;
	}
	for (size_t i = 0; i < list.count; i++) {
		require_sound(&list.items[i], kind);
		require_judged(&list.items[i]);
	}
}
FUZZ_TARGET(listing, run)
