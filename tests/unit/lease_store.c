#include "lease_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "harness/harness.h"
#include "reap/lease_client.h"

#define RACERS 16

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
	const struct resource *shown = store->old_looks ? &store->old : &store->config;

	(void)kind, (void)filter, (void)cookie, (void)err;
	(void)answer(store, ENGINE_DONE);
	store->old_looks -= store->old_looks > 0;
	if (shown->id)
		resource_copy(shown, resource_list_append(&store->answer.list, RESOURCE_CONFIG));
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

/* Is that object there, and does the request reach the store? Else it has its answer. */
static bool finds(struct store *store, const struct resource *config)
{
	if (is_lost(store, &store->lose_before))
		return false;
	if (store->config.id && !strcmp(store->config.id, config->id))
		return true;
	(void)answer(store, ENGINE_ALREADY_GONE);
	return false;
}

static void confirm(struct store *store)
{
	if (!is_lost(store, &store->lose_after))
		(void)answer(store, ENGINE_DONE);
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
	confirm(store);
	return 0;
}

static int update_config(void *data, const struct resource *config, uint64_t cookie,
			 struct error *err)
{
	struct store *store = data;

	(void)cookie, (void)err;
	if (!finds(store, config))
		return 0;
	if (store->config.version != config->version) {
		(void)answer(store, ENGINE_NOT_NOW);
		return 0;
	}
	put(store, config, store->config.id);
	confirm(store);
	return 0;
}

static int remove_one(void *data, const struct resource *config, uint64_t cookie, struct error *err)
{
	struct store *store = data;
	struct lease lease;

	(void)cookie, (void)err;
	if (!finds(store, config))
		return 0;
	store->held_removed += lease_read(&store->config, &lease) && lease.state != LEASE_RELEASED;
	store->removals++;
	resource_release(&store->config);
	confirm(store);
	return 0;
}

static const char *host_node(void *data)
{
	const struct store *store = data;

	return store->node_is_known ? "node" : "";
}

static int ask_node(void *data, uint64_t cookie, struct error *err)
{
	struct store *store = data;

	(void)cookie, (void)err;
	store->asked_for_node++;
	store->node_is_known |= !store->is_remote;
	(void)answer(store, store->refuses_node ? ENGINE_REFUSED : ENGINE_DONE);
	return 0;
}

struct engine_port lease_store_port(struct store *store)
{
	return (struct engine_port){
		.engine = store,
		.list = list,
		.remove = remove_one,
		.create_config = create_config,
		.update_config = update_config,
		.host_node = host_node,
		.ask_node = ask_node,
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

void lease_store_client(struct lease_client *client, const char *host, const char *run)
{
	struct lease_holder self = holder(host, run);
	struct app_hash hash = app_hash_of("shop");

	lease_client_init(client, &hash, &self, LEASE_HELD, true);
}

void lease_store_step(struct lease_client *client, struct store *store)
{
	struct engine_port port = lease_store_port(store);
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

void lease_store_steps(struct lease_client *client, struct store *store, enum lease_status wanted)
{
	for (int i = 0; i < 20 && client->status != wanted; i++)
		lease_store_step(client, store);
	CHECK_NUMBER(client->status, wanted);
}

const char *lease_store_owner(const struct store *store)
{
	static struct lease lease;

	if (!store->config.id || !lease_read(&store->config, &lease))
		return "nobody";
	return lease.state == LEASE_RELEASED ? "released" : lease.by.run_id;
}
