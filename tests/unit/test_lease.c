/* Leases: what their labels say, whose they are, and the client against a small swarm store whose
 * answers come late, get lost, or say that somebody else was first. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "harness/harness.h"
#include "reap/lease_client.h"

static struct lease_holder holder(const char *host, const char *boot, const char *run)
{
	struct lease_holder by = { .app = "shop", .term_ms = 5000 };

	strcpy(by.host, host);
	strcpy(by.machine, host);
	strcpy(by.node, "node");
	strcpy(by.boot, boot);
	strcpy(by.directory, "1:2");
	strcpy(by.run_id, run);
	strcpy(by.holder, "github:1");
	return by;
}

static struct resource config_of(const struct lease_holder *by, enum lease_state state)
{
	struct lease lease = {
		.hash = app_hash_of("shop"), .id = "id", .version = 7, .state = state, .by = *by
	};
	struct resource config;

	lease_write(&lease, &config);
	return config;
}

static void test_round_trip(void)
{
	for (int state = LEASE_HELD; state <= LEASE_RELEASED; state++) {
		struct lease_holder by = holder("a", "boot", "run");
		struct resource config = config_of(&by, (enum lease_state)state);
		struct lease lease;

		CU_ASSERT_TRUE(lease_read(&config, &lease));
		CHECK_NUMBER(lease.state, state);
		CHECK_NUMBER(lease.version, 7);
		CHECK_NUMBER(lease.by.term_ms, 5000);
		CU_ASSERT_EQUAL(memcmp(&lease.by, &by, sizeof(by)), 0);
		resource_release(&config);
	}
}

static void change(struct resource *config, const char *key, const char *value)
{
	for (size_t i = 0; i < config->label_count; i++)
		if (!strcmp(config->labels[i].key, key)) {
			free(config->labels[i].value);
			config->labels[i].value = xstrdup(value);
			return;
		}
	CU_FAIL("no such label");
}

/* Somebody's, who can't be told: kept for ever. */
static void test_unreadable(void)
{
	static const struct {
		const char *key, *value;
	} rows[] = {
		{ "ci-janitor.lease", "free" },
		{ "ci-janitor.lease", "" },
		{ "ci-janitor.lease.term", "4999ms" },
		{ "ci-janitor.lease.term", "-5s" },
		{ "ci-janitor.lease.term", "2h" },
		{ "ci-janitor.lease.term", "0" },
		{ "ci-janitor.lease.app", "other" },
		{ "ci-janitor.lease.app", "../x" },
		{ "ci-janitor.lease.run", "" },
		{ "ci-janitor.lease.run", "0123456789abcdef0123456789abcdef0" },
		{ "ci-janitor.lease.stack", "a b" },
	};
	struct lease_holder by = holder("a", "boot", "run"), self = holder("b", "boot", "other");
	struct lease_sighting seen = { .version = 7, .since = 0 };
	char reason[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct resource config = config_of(&by, LEASE_HELD);
		struct lease lease;

		change(&config, rows[i].key, rows[i].value);
		CU_ASSERT_TRUE(lease_read(&config, &lease));
		CHECK_NUMBER(lease.state, LEASE_UNREADABLE);
		CHECK_NUMBER(lease_judge(&lease, &self, &seen, INT64_MAX / 2, true, reason,
					 sizeof(reason)),
			     LEASE_ALIVE);
		resource_release(&config);
	}
}

static void test_no_lease(void)
{
	static const char *const names[] = { "ci-janitor-lease-",
					     "ci-janitor-lease-0123456789abcdef0123456789abcdeg",
					     "ci-janitor-lease-0123456789abcdef0123456789abcdef0",
					     "shop", "" };
	struct lease_holder by = holder("a", "boot", "run");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct resource config = config_of(&by, LEASE_HELD);
		struct lease lease;

		free(config.name);
		config.name = xstrdup(names[i]);
		CU_ASSERT_FALSE(lease_read(&config, &lease));
		resource_release(&config);
	}
}

/* An id goes into a line of a file. */
static void test_ids(void)
{
	static const char *const ids[] = { "", "a b", "a\nb", "A" };
	struct lease_holder by = holder("a", "boot", "run");

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct resource config = config_of(&by, LEASE_HELD);
		struct lease lease;

		free(config.id);
		config.id = xstrdup(ids[i]);
		CU_ASSERT_FALSE(lease_read(&config, &lease));
		resource_release(&config);
	}
}

/* Any bytes in a holder's name come through as ASCII. */
static void test_plain(void)
{
	struct lease_holder by = holder("a", "boot", "run");
	struct resource config;
	struct lease lease;

	strcpy(by.holder, "a\x1b\xff\xc3\xa9z");
	config = config_of(&by, LEASE_HELD);
	CU_ASSERT_TRUE(lease_read(&config, &lease));
	CHECK_TEXT(lease.by.holder, "a????z");
	resource_release(&config);
}

static void test_judge(void)
{
	enum { SAME = 7, OTHER = 6 };
	static const struct {
		const char *what;
		enum lease_state state;
		const char *host, *machine, *boot, *directory, *run;
		uint64_t seen;
		int64_t watched;
		bool lock_free;
		enum lease_verdict verdict;
	} rows[] = {
		{ "ours", LEASE_HELD, "me", "me", "b1", "1:2", "mine", 0, 0, true, LEASE_OURS },
		{ "our run id on another machine", LEASE_HELD, "me", "you", "b1", "1:2", "mine",
		  SAME, 4999, true, LEASE_ALIVE },
		{ "released", LEASE_RELEASED, "you", "you", "b9", "1:2", "r", 0, 0, true,
		  LEASE_FREE },
		{ "another host's", LEASE_HELD, "you", "you", "b9", "1:2", "r", 0, 0, true,
		  LEASE_ALIVE },
		{ "watched not long enough", LEASE_HELD, "you", "you", "b9", "1:2", "r", SAME, 4999,
		  true, LEASE_ALIVE },
		{ "watched for its term", LEASE_HELD, "you", "you", "b9", "1:2", "r", SAME, 5000,
		  true, LEASE_DEAD },
		{ "renewed while it was watched", LEASE_HELD, "you", "you", "b9", "1:2", "r", OTHER,
		  50000, true, LEASE_ALIVE },
		{ "a janitor's, watched", LEASE_REAPING, "you", "you", "b9", "1:2", "r", SAME, 5000,
		  true, LEASE_DEAD },
		{ "an orphan's, watched", LEASE_ORPHAN, "you", "you", "b9", "1:2", "r", SAME, 5000,
		  true, LEASE_DEAD },
		{ "ours before the boot", LEASE_HELD, "me", "me", "b0", "1:2", "r", 0, 0, true,
		  LEASE_DEAD },
		{ "a clone's with another name", LEASE_HELD, "you", "me", "b0", "1:2", "r", 0, 0,
		  true, LEASE_ALIVE },
		{ "another machine of our name", LEASE_HELD, "me", "you", "b0", "1:2", "r", 0, 0,
		  true, LEASE_ALIVE },
		{ "its boot is not stated", LEASE_HELD, "me", "me", "", "1:2", "r", 0, 0, true,
		  LEASE_ALIVE },
		{ "here, its lock is free", LEASE_HELD, "me", "me", "b1", "1:2", "r", 0, 0, true,
		  LEASE_DEAD },
		{ "here, its lock is held", LEASE_HELD, "me", "me", "b1", "1:2", "r", SAME, 50000,
		  false, LEASE_ALIVE },
		{ "here, in another directory", LEASE_HELD, "me", "me", "b1", "1:3", "r", 0, 0,
		  true, LEASE_ALIVE },
		{ "the same, watched", LEASE_HELD, "me", "me", "b1", "1:3", "r", SAME, 5000, true,
		  LEASE_DEAD },
	};
	struct lease_holder self = holder("me", "b1", "mine");

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lease_sighting seen = { .version = rows[i].seen, .since = 1000 };
		struct lease lease = { .version = SAME, .state = rows[i].state };
		char reason[128] = "";
		enum lease_verdict verdict;

		lease.by = holder(rows[i].host, rows[i].boot, rows[i].run);
		strcpy(lease.by.machine, rows[i].machine);
		strcpy(lease.by.directory, rows[i].directory);
		verdict = lease_judge(&lease, &self, &seen, 1000 + rows[i].watched,
				      rows[i].lock_free, reason, sizeof(reason));
		if (verdict != rows[i].verdict)
			(void)fprintf(stderr, "%s: ", rows[i].what);
		CHECK_NUMBER(verdict, rows[i].verdict);
		CU_ASSERT_EQUAL(reason[0] != '\0', verdict == LEASE_ALIVE || verdict == LEASE_DEAD);
	}
}

/* Its id and its name are ours, and it may live beside us: by its node, it is another's. */
static void test_clones(void)
{
	enum { SEEN = 7 };
	static const struct {
		const char *what, *node, *our_node, *boot, *run;
		int64_t watched;
		enum lease_verdict verdict;
	} rows[] = {
		{ "another node's", "you", "me", "b0", "r", 4999, LEASE_ALIVE },
		{ "the same, watched", "you", "me", "b0", "r", 5000, LEASE_DEAD },
		{ "a running machine, cloned", "you", "me", "b1", "r", 4999, LEASE_ALIVE },
		{ "with a run that is cloned", "you", "me", "b1", "mine", 4999, LEASE_ALIVE },
		{ "its node is not stated", "", "me", "b0", "r", 4999, LEASE_ALIVE },
		{ "ours is not known", "you", "", "b0", "r", 4999, LEASE_ALIVE },
		{ "neither is", "", "", "b0", "r", 4999, LEASE_ALIVE },
		{ "ours before the boot", "me", "me", "b0", "r", 0, LEASE_DEAD },
		{ "ours, before its node was stated", "", "me", "b1", "mine", 0, LEASE_OURS },
		{ "here, before that", "", "me", "b1", "r", 0, LEASE_DEAD },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lease_sighting seen = { .version = SEEN, .since = 1000 };
		struct lease lease = { .version = SEEN,
				       .state = LEASE_HELD,
				       .by = holder("me", rows[i].boot, rows[i].run) };
		struct lease_holder self = holder("me", "b1", "mine");
		char reason[128];

		strcpy(lease.by.node, rows[i].node);
		strcpy(self.node, rows[i].our_node);
		if (lease_judge(&lease, &self, &seen, 1000 + rows[i].watched, true, reason,
				sizeof(reason)) != rows[i].verdict)
			CU_FAIL(rows[i].what);
		CU_ASSERT_EQUAL(lease_is_of_a_clone(&lease.by, &self),
				!strcmp(rows[i].node, "you") && rows[i].our_node[0]);
	}
}

/* A machine without an id, or without a name, is nobody's other half. */
static void test_nameless(void)
{
	struct lease_holder self = holder("", "b1", "mine");
	struct lease_sighting seen = { 0 };
	struct lease lease = { .version = 1, .state = LEASE_HELD, .by = holder("", "b0", "r") };
	char reason[128];

	CHECK_NUMBER(lease_judge(&lease, &self, &seen, 0, true, reason, sizeof(reason)),
		     LEASE_ALIVE);
}

/* Versions are a swarm's own: the same number in another one was not watched. */
static void test_another_swarm(void)
{
	struct lease_holder self = holder("me", "b1", "mine");
	struct lease_sighting seen = { "theirs", .version = 7, .since = 0 };
	struct lease lease = {
		.id = "ours", .version = 7, .state = LEASE_HELD, .by = holder("you", "b9", "r")
	};
	char reason[128];

	CHECK_NUMBER(lease_judge(&lease, &self, &seen, 9000, true, reason, sizeof(reason)),
		     LEASE_ALIVE);
	strcpy(seen.id, "ours");
	CHECK_NUMBER(lease_judge(&lease, &self, &seen, 9000, true, reason, sizeof(reason)),
		     LEASE_DEAD);
}

/* A sighting begins with the version, and ends with it. */
static void test_sighting(void)
{
	struct lease_sighting seen = { 0 };
	struct lease lease = { .version = 3 };

	lease_sighting_note(&seen, &lease, 100);
	lease_sighting_note(&seen, &lease, 200);
	CHECK_NUMBER(seen.since, 100);
	lease.version = 4;
	lease_sighting_note(&seen, &lease, 300);
	CHECK_NUMBER(seen.since, 300);
	CHECK_NUMBER(seen.version, 4);
	/* A new swarm counts from one again. */
	strcpy(lease.id, "another");
	lease_sighting_note(&seen, &lease, 400);
	CHECK_NUMBER(seen.since, 400);
}

/* The holder has ended before anybody may follow, whatever the term. */
static void test_times(void)
{
	for (int64_t term = LEASE_TERM_MIN_MS; term <= LEASE_TERM_MAX_MS; term += 997) {
		CU_ASSERT(lease_renew_after(term) < lease_stop_after(term));
		CU_ASSERT(lease_stop_after(term) < lease_kill_after(term));
		CU_ASSERT(lease_kill_after(term) + term / 7 < term);
	}
}

static const struct test tests[] = {
	{ "what is written is read", test_round_trip },
	{ "what can't be read is kept", test_unreadable },
	{ "other configs", test_no_lease },
	{ "ids that no engine makes", test_ids },
	{ "hostile holders", test_plain },
	{ "who may take it: a table", test_judge },
	{ "clones", test_clones },
	{ "machines without an id", test_nameless },
	{ "another swarm's version", test_another_swarm },
	{ "a sighting lasts as long as the version", test_sighting },
	{ "stopped, killed, taken: in this order", test_times },
	{ NULL, NULL },
};
TEST_SUITE(lease, tests)
