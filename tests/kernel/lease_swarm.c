#include "kernel/lease_swarm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "harness/harness.h"

static int (*connect_engine)(void *data, int64_t timeout_ms, struct engine_port *ret,
			     struct error *err);
static struct engine_port engine_port;

static struct engine_answer *answer(struct swarm *swarm, uint64_t cookie,
				    enum engine_outcome outcome)
{
	struct engine_answer *next = &swarm->engine.answers[swarm->engine.count++];

	*next = (struct engine_answer){ .cookie = cookie, .outcome = outcome };
	if (outcome != ENGINE_DONE)
		(void)error_set(&next->error, ERROR_ENGINE, "no");
	return next;
}

static int list(void *data, enum resource_kind kind, const struct list_filter *filter,
		uint64_t cookie, struct error *err)
{
	struct swarm *swarm = data;
	bool leases = kind == RESOURCE_CONFIG && filter &&
		      (filter->name_count ? !strncmp(filter->names[0], "ci-janitor-lease-", 17)
					  : !strcmp(filter->key, LEASE_LABEL));

	if (kind == RESOURCE_VOLUME && swarm->hides_volumes) {
		if (swarm->engine.before_volumes)
			swarm->engine.before_volumes(0);
		(void)answer(swarm, cookie, ENGINE_NOT_NOW);
		return 0;
	}
	if (!leases)
		return engine_port.list(data, kind, filter, cookie, err);
	swarm->lease_listings += filter->name_count > 0;
	if (swarm->before_leases && !filter->name_count)
		swarm->before_leases(swarm);
	(void)answer(swarm, cookie, ENGINE_DONE);
	if (swarm->lease.id)
		resource_copy(&swarm->lease,
			      resource_list_append(
				      &swarm->engine.answers[swarm->engine.count - 1].list, kind));
	return 0;
}

static void put(struct swarm *swarm, const struct resource *config)
{
	uint64_t version = swarm->lease.version;

	resource_release(&swarm->lease);
	resource_copy(config, &swarm->lease);
	swarm->lease.version = version + 1;
	swarm->writes++;
}

static int update_config(void *data, const struct resource *config, uint64_t cookie,
			 struct error *err)
{
	struct swarm *swarm = data;
	bool fits = swarm->lease.id && swarm->lease.version == config->version;

	(void)err;
	if (fits)
		put(swarm, config);
	(void)answer(swarm, cookie, fits ? ENGINE_DONE : ENGINE_NOT_NOW);
	return 0;
}

static int create_config(void *data, const struct resource *config, uint64_t cookie,
			 struct error *err)
{
	struct swarm *swarm = data;

	(void)err;
	if (!swarm->lease.id) {
		put(swarm, config);
		free(swarm->lease.id);
		swarm->lease.id = xstrdup("made");
	}
	(void)answer(swarm, cookie, ENGINE_DONE);
	return 0;
}

static int remove_one(void *data, const struct resource *resource, uint64_t cookie,
		      struct error *err)
{
	struct swarm *swarm = data;

	if (resource->kind == RESOURCE_CONFIG && swarm->lease.id &&
	    !strcmp(swarm->lease.id, resource->id))
		resource_release(&swarm->lease);
	return engine_port.remove(data, resource, cookie, err);
}

static int connect_swarm(void *data, int64_t timeout_ms, struct engine_port *ret, struct error *err)
{
	if (connect_engine(data, timeout_ms, &engine_port, err) < 0)
		return -1;
	*ret = engine_port;
	ret->list = list;
	ret->create_config = create_config;
	ret->update_config = update_config;
	ret->remove = remove_one;
	return 0;
}

struct sweep_options swarm_options(struct swarm *swarm, struct settings *settings)
{
	struct sweep_options options = small_engine_options(&swarm->engine, settings);

	connect_engine = options.connect;
	options.connect = connect_swarm;
	return options;
}

struct lease_holder swarm_host(const char *name, const char *boot, const char *run_id)
{
	struct lease_holder by = { .directory = "1:2", .term_ms = SWARM_TERM_MS };

	(void)snprintf(by.host, sizeof(by.host), "%s", name);
	(void)snprintf(by.machine, sizeof(by.machine), "%s", name);
	(void)snprintf(by.node, sizeof(by.node), "node");
	(void)snprintf(by.boot, sizeof(by.boot), "%s", boot);
	(void)snprintf(by.run_id, sizeof(by.run_id), "%s", run_id);
	return by;
}

void swarm_put_lease(struct swarm *swarm, const char *app, struct lease_holder by)
{
	struct lease lease = {
		.hash = app_hash_of(app), .id = "one", .version = 1, .state = LEASE_HELD, .by = by
	};

	strcpy(lease.by.app, app);
	lease_write(&lease, &swarm->lease);
}
