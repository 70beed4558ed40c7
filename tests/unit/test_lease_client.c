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
#include "lease_store.h"

static void test_life(void)
{
	struct store store = { 0 };
	struct lease_client client;

	lease_store_client(&client, "a", "one");
	lease_store_steps(&client, &store, LEASE_STATUS_HELD);
	CHECK_NUMBER(store.creates, 1);
	CHECK_NUMBER(store.version, 1);
	CU_ASSERT_TRUE(lease_client_is_valid(&client));
	CU_ASSERT(lease_client_due(&client) > 1000);
	lease_client_release(&client);
	lease_store_steps(&client, &store, LEASE_STATUS_GONE);
	CHECK_TEXT(lease_store_owner(&store), "nobody");
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
		lease_store_client(&client, "a", "one");
		lease_store_steps(&client, &store, LEASE_STATUS_HELD);
		CHECK_TEXT(lease_store_owner(&store), "one");
		CHECK_NUMBER(store.creates, 1);
		/* The release's write, its removal: each may get lost. */
		for (int lost = 0; lost < 3; lost++) {
			lease_client_release(&client);
			store.lose_before = which == 0;
			store.lose_after = which == 1;
			lease_store_step(&client, &store);
		}
		lease_store_steps(&client, &store, LEASE_STATUS_GONE);
		CHECK_TEXT(lease_store_owner(&store), "nobody");
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
		lease_store_client(&clients[i], host, host);
	}
	for (int round = 0; round < 3; round++)
		for (int i = 0; i < RACERS; i++)
			if (clients[i].status == LEASE_STATUS_PENDING)
				lease_store_step(&clients[i], &store);
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

	lease_store_client(&dead, "a", "dead");
	lease_store_steps(&dead, &store, LEASE_STATUS_HELD);
	lease_store_client(&first, "b", "first");
	lease_store_client(&second, "c", "second");
	lease_store_step(&first, &store); /* name is taken */
	lease_store_step(&second, &store);
	first.seen = second.seen =
		(struct lease_sighting){ "id0", .version = 1, .since = clock_boot_ms() - 5000 };
	lease_store_step(&first, &store); /* looked: dead */
	lease_store_step(&second, &store);
	CHECK_NUMBER(second.step, LEASE_STEP_WRITE);
	lease_store_steps(&first, &store, LEASE_STATUS_HELD);
	CU_ASSERT_TRUE(first.taken_over);
	lease_store_steps(&second, &store, LEASE_STATUS_BUSY);
	CHECK_TEXT(lease_store_owner(&store), "first");
	/* The dead one wakes up: its renewal is stale, its lease lost, and it releases nothing. */
	dead.step = LEASE_STEP_WRITE;
	dead.not_before = 0;
	strcpy(dead.found.id, store.config.id);
	dead.found.version = 1;
	lease_store_steps(&dead, &store, LEASE_STATUS_LOST);
	lease_client_release(&dead);
	lease_store_steps(&dead, &store, LEASE_STATUS_GONE);
	CHECK_TEXT(lease_store_owner(&store), "first");
	CHECK_NUMBER(store.removals, 0);
	resource_release(&store.config);
}

/* Its removal is under way when the next one comes: it hits the released one only. */
static void test_late_removal(void)
{
	struct store store = { 0 };
	struct engine_port port = lease_store_port(&store);
	struct lease_client old, next;
	struct resource config;

	lease_store_client(&old, "a", "old");
	lease_store_steps(&old, &store, LEASE_STATUS_HELD);
	lease_client_release(&old);
	lease_store_step(&old, &store);
	lease_store_step(&old, &store);
	CHECK_TEXT(lease_store_owner(&store), "released");
	CHECK_NUMBER(old.step, LEASE_STEP_REMOVE);
	lease_store_client(&next, "b", "next");
	lease_store_steps(&next, &store, LEASE_STATUS_HELD);
	CHECK_TEXT(lease_store_owner(&store), "next");
	lease_write(&old.found, &config);
	CHECK_NUMBER(port.remove(port.engine, &config, 0, NULL), 0);
	resource_release(&config);
	lease_store_steps(&old, &store, LEASE_STATUS_GONE);
	CHECK_TEXT(lease_store_owner(&store), "next");
	CHECK_NUMBER(store.held_removed, 0);
	resource_release(&store.config);
}

/* A renewal that was under way when the release began is not taken for it. */
static void test_release_during_renewal(void)
{
	struct store store = { 0 };
	struct engine_port port = lease_store_port(&store);
	struct lease_client client;

	lease_store_client(&client, "a", "one");
	lease_store_steps(&client, &store, LEASE_STATUS_HELD);
	client.not_before = 0;
	lease_store_step(&client, &store);
	CHECK_NUMBER(client.step, LEASE_STEP_WRITE);
	CHECK_NUMBER(lease_client_step(&client, &port, 0, NULL), 0);
	lease_client_release(&client);
	lease_client_answer(&client, &store.answer);
	CHECK_TEXT(lease_store_owner(&store), "one");
	lease_store_steps(&client, &store, LEASE_STATUS_GONE);
	CHECK_NUMBER(store.held_removed, 0);
}

static void test_must_exist(void)
{
	struct store store = { 0 };
	struct lease_client client;

	lease_store_client(&client, "a", "one");
	client.step = LEASE_STEP_LOOK;
	client.must_exist = true;
	lease_store_steps(&client, &store, LEASE_STATUS_NONE);
	CHECK_NUMBER(store.creates, 0);
}

/* What renews a run's lease takes none over, although this host's locks say that it may. */
static void test_renew_only(void)
{
	struct store store = { 0 };
	struct lease_client old, next;

	lease_store_client(&next, "a", "next");
	lease_store_steps(&next, &store, LEASE_STATUS_HELD);
	lease_store_client(&old, "a", "old");
	old.step = LEASE_STEP_LOOK;
	old.must_exist = old.renew_only = true;
	lease_store_steps(&old, &store, LEASE_STATUS_BUSY);
	CHECK_TEXT(lease_store_owner(&store), "next");
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

		lease_store_client(&dead, "a", "dead");
		dead.wanted.state = states[i];
		lease_store_steps(&dead, &store, LEASE_STATUS_HELD);
		lease_store_client(&look, "a", "look");
		look.wanted.state = LEASE_ORPHAN;
		lease_store_steps(&look, &store, LEASE_STATUS_HELD);
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

	lease_store_client(&look, "a", "one");
	look.step = LEASE_STEP_LOOK;
	look.look_only = true;
	lease_store_steps(&look, &store, LEASE_STATUS_CLEAR);
	lease_store_client(&other, "b", "two");
	lease_store_steps(&other, &store, LEASE_STATUS_HELD);
	lease_store_client(&look, "a", "one");
	look.step = LEASE_STEP_LOOK;
	look.look_only = true;
	lease_store_steps(&look, &store, LEASE_STATUS_BUSY);
	CHECK_NUMBER(store.version, 1);
	resource_release(&store.config);
}

/* Taken by the holder's own name, alive or not: by force. */
static void test_force(void)
{
	struct store store = { 0 };
	struct lease_client other, force;

	lease_store_client(&other, "b", "two");
	lease_store_steps(&other, &store, LEASE_STATUS_HELD);
	lease_store_client(&force, "a", "one");
	force.from = "c";
	lease_store_steps(&force, &store, LEASE_STATUS_BUSY);
	force.from = "b";
	lease_store_steps(&force, &store, LEASE_STATUS_HELD);
	CHECK_TEXT(lease_store_owner(&store), "one");
	other.not_before = 0;
	lease_store_steps(&other, &store, LEASE_STATUS_LOST);
	resource_release(&store.config);
}

/* What this machine has left before it was booted is taken at once, as soon as its node is known;
 * where it can't be, it is waited for. */
static void test_node(void)
{
	for (int which = 0; which < 3; which++) {
		struct store store = { .node_is_known = true };
		struct lease_client dead, next;

		lease_store_client(&dead, "a", "dead");
		strcpy(dead.wanted.by.boot, "before");
		lease_store_steps(&dead, &store, LEASE_STATUS_HELD);
		store.node_is_known = false;
		store.is_remote = which == 1;
		store.refuses_node = which == 2;
		store.is_remote |= store.refuses_node;
		lease_store_client(&next, "a", "next");
		lease_store_steps(&next, &store, which ? LEASE_STATUS_BUSY : LEASE_STATUS_HELD);
		lease_store_step(&next, &store);
		CHECK_NUMBER(store.asked_for_node, 1);
		CHECK_TEXT(lease_store_owner(&store), which ? "dead" : "next");
		resource_release(&store.config);
	}
}

/* One look now, whatever the client waits for. */
static void look_now(struct lease_client *client, struct store *store)
{
	client->step = LEASE_STEP_LOOK;
	client->not_before = 0;
	lease_store_step(client, store);
}

/* A manager shows the lease as it was before our last write: the dead one's from whom we took it,
 * released, or none at all. */
static void test_old_answers(void)
{
	for (int which = 0; which < 3; which++) {
		struct store store = { 0 };
		struct lease_client dead, next;

		lease_store_client(&dead, "a", "dead");
		dead.wanted.state = which == 1 ? LEASE_RELEASED : LEASE_HELD;
		lease_store_steps(&dead, &store, LEASE_STATUS_HELD);
		if (which < 2)
			resource_copy(&store.config, &store.old);
		lease_store_client(&next, "b", "next");
		next.from = "a";
		lease_store_steps(&next, &store, LEASE_STATUS_HELD);
		store.old_looks = 1;
		look_now(&next, &store);
		CHECK_NUMBER(store.old_looks, 0);
		if (which == 2) {
			CHECK_NUMBER(next.step, LEASE_STEP_PROVE);
			lease_store_step(&next, &store);
		}
		CHECK_NUMBER(next.status, LEASE_STATUS_HELD);
		CHECK_NUMBER(next.step, LEASE_STEP_LOOK);
		CU_ASSERT(next.not_before > 0);
		look_now(&next, &store);
		lease_store_step(&next, &store);
		CHECK_NUMBER(next.step, LEASE_STEP_REST);
		CHECK_TEXT(lease_store_owner(&store), "next");
		resource_release(&store.config);
		resource_release(&store.old);
	}
}

/* That it is gone is proved; also to who only renews, and has not yet. Whoever comes then removes
 * what has proved it, and has the lease. */
static void test_gone(void)
{
	for (int which = 0; which < 4; which++) {
		struct store store = { 0 };
		struct lease_client client, next;
		bool renews = which & 1;

		lease_store_client(&client, "a", "one");
		lease_store_steps(&client, &store, LEASE_STATUS_HELD);
		if (renews) {
			lease_store_client(&client, "a", "one");
			client.must_exist = client.renew_only = true;
		}
		resource_release(&store.config);
		look_now(&client, &store);
		CHECK_NUMBER(client.step, LEASE_STEP_PROVE);
		CHECK_NUMBER(client.status, renews ? LEASE_STATUS_PENDING : LEASE_STATUS_HELD);
		/* The request comes through, the answer doesn't. */
		store.lose_after = which & 2;
		lease_store_steps(&client, &store, renews ? LEASE_STATUS_NONE : LEASE_STATUS_LOST);
		CHECK_TEXT(lease_store_owner(&store), "released");
		lease_store_client(&next, "b", "next");
		lease_store_steps(&next, &store, LEASE_STATUS_HELD);
		CHECK_TEXT(lease_store_owner(&store), "next");
		CHECK_NUMBER(store.held_removed, 0);
		resource_release(&store.config);
	}
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
	{ "which node it is", test_node },
	{ "an old answer", test_old_answers },
	{ "gone", test_gone },
	{ NULL, NULL },
};
TEST_SUITE(lease_client, tests)
