/*
 * A lease as the swarm lists it: a line for the config's name, one for its version, and lines
 * KEY=VALUE for its labels. What can be read is well-formed, survives being written, carried by the
 * engine as JSON and read again; and only what is proven dead is taken from its holder.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"
#include "fuzz/fuzz.h"
#include "reap/lease_judge.h"

#include "../../src/engine/json_internal.h"
#include "../../src/engine/resource_json_internal.h"

static void take_labels(struct resource *config, const uint8_t *data, size_t size)
{
	while (size) {
		CLEANUP_FREE char *line = fuzz_line(&data, &size);
		char *value = strchr(line, '=');

		if (!value || resource_label(config, line))
			continue;
		*value++ = '\0';
		if (!resource_label(config, line))
			resource_add_label(config, line, value);
	}
}

static void require_sound(const struct lease *lease)
{
	const struct lease_holder *by = &lease->by;
	struct app_hash hash;

	REQUIRE(strspn(lease->hash.hex, "0123456789abcdef") == APP_HASH_LENGTH);
	REQUIRE(lease_state_name(lease->state));
	if (lease->state == LEASE_UNREADABLE) {
		REQUIRE(!by->app[0] && !by->stack[0] && !by->run_id[0] && !by->term_ms);
		return;
	}
	REQUIRE(lease->version && by->run_id[0]);
	REQUIRE(by->term_ms >= LEASE_TERM_MIN_MS && by->term_ms <= LEASE_TERM_MAX_MS);
	REQUIRE(!by->stack[0] || app_name_is_valid(by->stack));
	hash = app_hash_of(by->app);
	REQUIRE(!by->app[0] || (app_name_is_valid(by->app) && app_hash_equal(&hash, &lease->hash)));
}

/* As the engine lists what was created so. */
static void carry(const struct resource *config, struct resource *ret)
{
	CLEANUP_FREE char *body = NULL;
	CLEANUP_FREE char *entry = NULL;

	REQUIRE(json_load_library(NULL) == 0);
	body = json_config(config, true);
	REQUIRE(body);
	entry = xasprintf("{\"ID\":\"x\",\"Version\":{\"Index\":7},\"Spec\":%s}", body);
	REQUIRE(resource_json_parse_one(ret, entry, strlen(entry), NULL) == 0);
}

static void require_survives(const struct lease *lease)
{
	CLEANUP(resource_release) struct resource written = { .kind = RESOURCE_CONFIG };
	CLEANUP(resource_release) struct resource carried = { .kind = RESOURCE_CONFIG };
	struct lease again;

	lease_write(lease, &written);
	carry(&written, &carried);
	REQUIRE(lease_read(&carried, &again));
	REQUIRE(app_hash_equal(&again.hash, &lease->hash) && again.state == lease->state);
	REQUIRE(again.version == 7 && again.by.term_ms == lease->by.term_ms);
	REQUIRE(!strcmp(again.by.app, lease->by.app) && !strcmp(again.by.stack, lease->by.stack));
	REQUIRE(strlen(again.by.holder) == strlen(lease->by.holder));
}

static enum lease_verdict judge(const struct lease *lease, const struct lease_holder *self,
				uint64_t version, int64_t watched, bool lock_is_free)
{
	struct lease_sighting seen = { .version = version, .since = 1000 };
	char reason[64] = "";
	enum lease_verdict verdict;

	memcpy(seen.id, lease->id, sizeof(seen.id));
	verdict = lease_judge(lease, self, &seen, 1000 + watched, lock_is_free, reason,
			      sizeof(reason));

	REQUIRE(verdict == LEASE_OURS || verdict == LEASE_FREE || reason[0]);
	return verdict;
}

/* To another machine nothing but the whole term counts, seen with one version; to the holder's own,
 * its lock. */
static void require_judged(const struct lease *lease)
{
	struct lease_holder self = { .host = "other", .machine = "other", .run_id = "self" };
	const int64_t term = lease->by.term_ms;
	bool held = lease->state != LEASE_RELEASED && lease->state != LEASE_UNREADABLE;

	if (!strcmp(lease->by.host, self.host))
		return;
	if (!held) {
		enum lease_verdict expected =
			lease->state == LEASE_RELEASED ? LEASE_FREE : LEASE_ALIVE;

		REQUIRE(judge(lease, &self, lease->version, LEASE_TERM_MAX_MS * 9, true) ==
			expected);
		return;
	}
	REQUIRE(judge(lease, &self, lease->version, term, false) == LEASE_DEAD);
	REQUIRE(judge(lease, &self, lease->version, term - 1, true) == LEASE_ALIVE);
	REQUIRE(judge(lease, &self, lease->version + 1, term * 9, true) == LEASE_ALIVE);
	REQUIRE(judge(lease, &self, 0, term * 9, true) == LEASE_ALIVE);
	self = lease->by;
	REQUIRE(judge(lease, &self, 0, 0, true) ==
		(self.machine[0] && self.host[0] ? LEASE_OURS : LEASE_ALIVE));
	(void)strcpy(self.run_id, strcmp(lease->by.run_id, "a") ? "a" : "b");
	if (self.machine[0] && self.host[0] && self.boot[0] && self.directory[0])
		REQUIRE(judge(lease, &self, lease->version, term * 9, false) == LEASE_ALIVE);
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *name = fuzz_line(&data, &size);
	CLEANUP_FREE char *version = fuzz_line(&data, &size);
	CLEANUP(resource_release)
	struct resource config = {
		.kind = RESOURCE_CONFIG,
		.id = xstrdup("id"),
		.name = xstrdup(name),
	};
	struct lease lease;
	int64_t number = 0;

	(void)parse_number(version, 1, INT64_MAX - 1, &number, NULL);
	config.version = (uint64_t)number;
	take_labels(&config, data, size);
	if (!lease_read(&config, &lease))
		return;
	require_sound(&lease);
	require_judged(&lease);
	if (lease.state != LEASE_UNREADABLE)
		require_survives(&lease);
}
FUZZ_TARGET(lease, run)
