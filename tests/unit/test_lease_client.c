/* The lease's client against a small store of one config, by which every answer can be lost, and
 * everything happen between two requests. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "harness/harness.h"
#include "reap/lease_client.h"

#define RACERS 16

/* One name, one config. The answer to a request waits until it is asked for. */
struct store {
	struct resource config; /* id NULL: none */
	uint64_t version;
	int next_id;
	struct engine_answer answer;
	int creates, removals, held_removed;
	bool lose_before, lose_after; /* the next write, or its answer */
};

static struct engine_answer *answer(struct store *store, enum engine_outcome outcome)
{
	store->answer = (struct engine_answer){ .outcome = outcome };
	if (outcome != ENGINE_DONE && outcome != ENGINE_ALREADY_GONE)
		(void)error_set(&store->answer.error, ERROR_ENGINE, "no");
	return &store->answer;
}

static int list(void *data, enum resource_kind kind, const struct list_filter *filter,
		uint64_t cookie, struct error *err)
{
	struct store *store = data;

	(void)kind, (void)filter, (void)cookie, (void)err;
	(void)answer(store, ENGINE_DONE);
	if (store->config.id)
		resource_copy(&store->config,
			      resource_list_append(&store->answer.list, RESOURCE_CONFIG));
	return 0;
}

static bool is_lost(struct store *store, bool *which)
{
	bool lost = *which;

	*which = false;
	if (lost)
		(void)answer(store, ENGINE_NO_ANSWER);
	return lost;
}

static void put(struct store *store, const struct resource *config, const char *id)
{
	struct resource copy;
	char *name = xstrdup(id);

	resource_copy(config, &copy);
	resource_release(&store->config);
	free(copy.id);
	copy.id = name;
	copy.version = ++store->version;
	store->config = copy;
}

static int create_config(void *data, const struct resource *config, uint64_t cookie,
			 struct error *err)
{
	struct store *store = data;
	char id[16];

	(void)cookie, (void)err;
	if (is_lost(store, &store->lose_before))
		return 0;
	if (store->config.id) {
		(void)answer(store, ENGINE_IN_USE);
		return 0;
	}
	(void)snprintf(id, sizeof(id), "id%d", store->next_id++);
	put(store, config, id);
	store->creates++;
	if (!is_lost(store, &store->lose_after))
		(void)answer(store, ENGINE_DONE);
	return 0;
}

static int update_config(void *data, const struct resource *config, uint64_t cookie,
			 struct error *err)
{
	struct store *store = data;

	(void)cookie, (void)err;
	if (is_lost(store, &store->lose_before))
		return 0;
	if (!store->config.id || strcmp(store->config.id, config->id) != 0) {
		(void)answer(store, ENGINE_ALREADY_GONE);
		return 0;
	}
	if (store->config.version != config->version) {
		(void)answer(store, ENGINE_NOT_NOW);
		return 0;
	}
	put(store, config, store->config.id);
	if (!is_lost(store, &store->lose_after))
		(void)answer(store, ENGINE_DONE);
	return 0;
}

static int remove_one(void *data, const struct resource *config, uint64_t cookie, struct error *err)
{
	struct store *store = data;
	struct lease lease;

	(void)cookie, (void)err;
	if (is_lost(store, &store->lose_before))
		return 0;
	if (!store->config.id || strcmp(store->config.id, config->id) != 0) {
		(void)answer(store, ENGINE_ALREADY_GONE);
		return 0;
	}
	store->held_removed += lease_read(&store->config, &lease) && lease.state != LEASE_RELEASED;
	store->removals++;
	resource_release(&store->config);
	if (!is_lost(store, &store->lose_after))
		(void)answer(store, ENGINE_DONE);
	return 0;
}

static struct engine_port port_of(struct store *store)
{
	return (struct engine_port){
		.engine = store,
		.list = list,
		.remove = remove_one,
		.create_config = create_config,
		.update_config = update_config,
	};
}

static struct lease_holder holder(const char *host, const char *run)
{
	struct lease_holder by = { .app = "shop", .term_ms = 5000 };

	strcpy(by.host, host);
	strcpy(by.machine, host);
	strcpy(by.boot, "boot");
	strcpy(by.directory, "1:2");
	strcpy(by.run_id, run);
	return by;
}

static void client_of(struct lease_client *client, const char *host, const char *run)
{
	struct lease_holder self = holder(host, run);
	struct app_hash hash = app_hash_of("shop");

	lease_client_init(client, &hash, &self, LEASE_HELD, true);
}

/* One request and its answer. */
static void step(struct lease_client *client, struct store *store)
{
	struct engine_port port = port_of(store);
	int64_t due = lease_client_due(client);

	if (due < 0)
		return;
	clock_sleep_ms(due > 1100 ? 0 : due);
	if (due > 1100)
		return;
	CHECK_NUMBER(lease_client_step(client, &port, 0, NULL), 0);
	if (!client->asked)
		return;
	lease_client_answer(client, &store->answer);
	resource_list_release(&store->answer.list);
}

static void steps(struct lease_client *client, struct store *store, enum lease_status wanted)
{
	for (int i = 0; i < 20 && client->status != wanted; i++)
		step(client, store);
	CHECK_NUMBER(client->status, wanted);
}

static const char *owner(const struct store *store)
{
	static struct lease lease;

	if (!store->config.id || !lease_read(&store->config, &lease))
		return "nobody";
	return lease.state == LEASE_RELEASED ? "released" : lease.by.run_id;
}

static void test_life(void)
{
	struct store store = { 0 };
	struct lease_client client;

	client_of(&client, "a", "one");
	steps(&client, &store, LEASE_STATUS_HELD);
	CHECK_NUMBER(store.creates, 1);
	CHECK_NUMBER(store.version, 1);
	CU_ASSERT_TRUE(lease_client_is_valid(&client));
	CU_ASSERT(lease_client_due(&client) > 1000);
	lease_client_release(&client);
	steps(&client, &store, LEASE_STATUS_GONE);
	CHECK_TEXT(owner(&store), "nobody");
	CHECK_NUMBER(store.held_removed, 0);
}

/* A write whose answer is lost may have been carried out, or not: it is held all the same. */
static void test_lost_answers(void)
{
	for (int which = 0; which < 2; which++) {
		struct store store = { 0 };
		struct lease_client client;

		store.lose_before = which == 0;
		store.lose_after = which == 1;
		client_of(&client, "a", "one");
		steps(&client, &store, LEASE_STATUS_HELD);
		CHECK_TEXT(owner(&store), "one");
		CHECK_NUMBER(store.creates, 1);
		/* The release's write, its removal: each may get lost. */
		for (int lost = 0; lost < 3; lost++) {
			lease_client_release(&client);
			store.lose_before = which == 0;
			store.lose_after = which == 1;
			step(&client, &store);
		}
		steps(&client, &store, LEASE_STATUS_GONE);
		CHECK_TEXT(owner(&store), "nobody");
		CHECK_NUMBER(store.held_removed, 0);
		resource_release(&store.config);
	}
}

static void test_racers(void)
{
	struct lease_client clients[RACERS];
	struct store store = { 0 };
	int held = 0;

	for (int i = 0; i < RACERS; i++) {
		char host[8];

		(void)snprintf(host, sizeof(host), "h%d", i);
		client_of(&clients[i], host, host);
	}
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < RACERS; i++)
			if (clients[i].status == LEASE_STATUS_PENDING)
				step(&clients[i], &store);
	for (int i = 0; i < RACERS; i++) {
		held += clients[i].status == LEASE_STATUS_HELD;
		CU_ASSERT(clients[i].status == LEASE_STATUS_HELD ||
			  clients[i].status == LEASE_STATUS_BUSY);
	}
	CHECK_NUMBER(held, 1);
	CHECK_NUMBER(store.creates, 1);
	resource_release(&store.config);
}

/* Two who saw the same dead one: one takes it, by the version. */
static void test_one_takeover(void)
{
	struct store store = { 0 };
	struct lease_client dead, first, second;

	client_of(&dead, "a", "dead");
	steps(&dead, &store, LEASE_STATUS_HELD);
	client_of(&first, "b", "first");
	client_of(&second, "c", "second");
	step(&first, &store); /* name is taken */
	step(&second, &store);
	first.seen = second.seen =
		(struct lease_sighting){ "id0", .version = 1, .since = clock_boot_ms() - 5000 };
	step(&first, &store); /* looked: dead */
	step(&second, &store);
	CHECK_NUMBER(second.step, LEASE_STEP_WRITE);
	steps(&first, &store, LEASE_STATUS_HELD);
	CU_ASSERT_TRUE(first.taken_over);
	steps(&second, &store, LEASE_STATUS_BUSY);
	CHECK_TEXT(owner(&store), "first");
	/* The dead one wakes up: its renewal is stale, its lease lost, and it releases nothing. */
	dead.step = LEASE_STEP_WRITE;
	dead.not_before = 0;
	strcpy(dead.found.id, store.config.id);
	dead.found.version = 1;
	steps(&dead, &store, LEASE_STATUS_LOST);
	lease_client_release(&dead);
	steps(&dead, &store, LEASE_STATUS_GONE);
	CHECK_TEXT(owner(&store), "first");
	CHECK_NUMBER(store.removals, 0);
	resource_release(&store.config);
}

/* Its removal is under way when the next one comes: it hits the released one only. */
static void test_late_removal(void)
{
	struct store store = { 0 };
	struct engine_port port = port_of(&store);
	struct lease_client old, next;
	struct resource config;

	client_of(&old, "a", "old");
	steps(&old, &store, LEASE_STATUS_HELD);
	lease_client_release(&old);
	step(&old, &store);
	step(&old, &store);
	CHECK_TEXT(owner(&store), "released");
	CHECK_NUMBER(old.step, LEASE_STEP_REMOVE);
	client_of(&next, "b", "next");
	steps(&next, &store, LEASE_STATUS_HELD);
	CHECK_TEXT(owner(&store), "next");
	lease_write(&old.found, &config);
	CHECK_NUMBER(port.remove(port.engine, &config, 0, NULL), 0);
	resource_release(&config);
	steps(&old, &store, LEASE_STATUS_GONE);
	CHECK_TEXT(owner(&store), "next");
	CHECK_NUMBER(store.held_removed, 0);
	resource_release(&store.config);
}

/* A renewal that was under way when the release began is not taken for it. */
static void test_release_during_renewal(void)
{
	struct store store = { 0 };
	struct engine_port port = port_of(&store);
	struct lease_client client;

	client_of(&client, "a", "one");
	steps(&client, &store, LEASE_STATUS_HELD);
	client.not_before = 0;
	step(&client, &store);
	CHECK_NUMBER(client.step, LEASE_STEP_WRITE);
	CHECK_NUMBER(lease_client_step(&client, &port, 0, NULL), 0);
	lease_client_release(&client);
	lease_client_answer(&client, &store.answer);
	CHECK_TEXT(owner(&store), "one");
	steps(&client, &store, LEASE_STATUS_GONE);
	CHECK_NUMBER(store.held_removed, 0);
}

static void test_must_exist(void)
{
	struct store store = { 0 };
	struct lease_client client;

	client_of(&client, "a", "one");
	client.step = LEASE_STEP_LOOK;
	client.must_exist = true;
	steps(&client, &store, LEASE_STATUS_NONE);
	CHECK_NUMBER(store.creates, 0);
}

/* What renews a run's lease takes none over, although this host's locks say that it may. */
static void test_renew_only(void)
{
	struct store store = { 0 };
	struct lease_client old, next;

	client_of(&next, "a", "next");
	steps(&next, &store, LEASE_STATUS_HELD);
	client_of(&old, "a", "old");
	old.step = LEASE_STEP_LOOK;
	old.must_exist = old.renew_only = true;
	steps(&old, &store, LEASE_STATUS_BUSY);
	CHECK_TEXT(owner(&store), "next");
	CHECK_NUMBER(store.version, 1);
	resource_release(&store.config);
}

/* Who looks for an orphan and finds a dead run's lease does not make it one that says less. */
static void test_inherited(void)
{
	static const enum lease_state states[] = { LEASE_HELD, LEASE_REAPING, LEASE_ORPHAN };

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct store store = { 0 };
		struct lease_client dead, look;
		struct lease lease;

		client_of(&dead, "a", "dead");
		dead.wanted.state = states[i];
		steps(&dead, &store, LEASE_STATUS_HELD);
		client_of(&look, "a", "look");
		look.wanted.state = LEASE_ORPHAN;
		steps(&look, &store, LEASE_STATUS_HELD);
		CU_ASSERT_TRUE(lease_read(&store.config, &lease));
		CHECK_NUMBER(lease.state, states[i] == LEASE_ORPHAN ? LEASE_ORPHAN : LEASE_REAPING);
		CU_ASSERT_EQUAL(look.inherited, states[i] != LEASE_ORPHAN);
		resource_release(&store.config);
	}
}

static void test_look_only(void)
{
	struct store store = { 0 };
	struct lease_client other, look;

	client_of(&look, "a", "one");
	look.step = LEASE_STEP_LOOK;
	look.look_only = true;
	steps(&look, &store, LEASE_STATUS_CLEAR);
	client_of(&other, "b", "two");
	steps(&other, &store, LEASE_STATUS_HELD);
	client_of(&look, "a", "one");
	look.step = LEASE_STEP_LOOK;
	look.look_only = true;
	steps(&look, &store, LEASE_STATUS_BUSY);
	CHECK_NUMBER(store.version, 1);
	resource_release(&store.config);
}

/* Taken by the holder's own name, alive or not: by force. */
static void test_force(void)
{
	struct store store = { 0 };
	struct lease_client other, force;

	client_of(&other, "b", "two");
	steps(&other, &store, LEASE_STATUS_HELD);
	client_of(&force, "a", "one");
	force.from = "c";
	steps(&force, &store, LEASE_STATUS_BUSY);
	force.from = "b";
	steps(&force, &store, LEASE_STATUS_HELD);
	CHECK_TEXT(owner(&store), "one");
	other.not_before = 0;
	steps(&other, &store, LEASE_STATUS_LOST);
	resource_release(&store.config);
}

static const struct test tests[] = {
	{ "taken, held, released", test_life },
	{ "answers that get lost", test_lost_answers },
	{ "one of sixteen", test_racers },
	{ "one takes a dead one over", test_one_takeover },
	{ "a late removal", test_late_removal },
	{ "a release during a renewal", test_release_during_renewal },
	{ "that lease or none", test_must_exist },
	{ "that run's or none", test_renew_only },
	{ "what it says is inherited", test_inherited },
	{ "a look", test_look_only },
	{ "force", test_force },
	{ NULL, NULL },
};
TEST_SUITE(lease_client, tests)
