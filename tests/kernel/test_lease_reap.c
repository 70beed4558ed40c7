/* A dead host's lease may be all that tells of its app: it stays until the app is gone. The app's
 * name is no other test's: a deleted lockfile of it, in whatever folder, would count. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "harness/harness.h"
#include "kernel/small_engine.h"

struct swarm {
	struct small_engine engine; /* first: the engine's own functions take it for theirs */
	struct resource lease;	    /* id NULL: none */
	bool hides_volumes;	    /* their listing fails */
	int lease_listings;	    /* of one lease */
	int writes;		    /* of leases */
};

static struct lock_dir dir;
static int (*connect_engine)(void *data, int64_t timeout_ms, struct engine_port *ret,
			     struct error *err);
static struct engine_port engine_port;

static int set_up(void)
{
	return small_engine_dir(&dir);
}

static int tear_down(void)
{
	lock_dir_close(&dir);
	return 0;
}

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

static struct lease_holder host(const char *name, const char *boot, const char *run_id)
{
	struct lease_holder by = { .directory = "1:2", .term_ms = 5000 };

	(void)snprintf(by.host, sizeof(by.host), "%s", name);
	(void)snprintf(by.machine, sizeof(by.machine), "%s", name);
	(void)snprintf(by.node, sizeof(by.node), "node");
	(void)snprintf(by.boot, sizeof(by.boot), "%s", boot);
	(void)snprintf(by.run_id, sizeof(by.run_id), "%s", run_id);
	return by;
}

/* lessee's lease, which a run of this host had before it was booted anew. */
static void leave_lease(struct swarm *swarm)
{
	struct lease lease = { .hash = app_hash_of("lessee"),
			       .id = "one",
			       .version = 1,
			       .state = LEASE_HELD,
			       .by = host("a", "before", "dead") };

	strcpy(lease.by.app, "lessee");
	lease_write(&lease, &swarm->lease);
}

static struct sweep_result sweep(struct swarm *swarm, const char *run_id, int64_t app_timeout_ms)
{
	struct lease_holder self = host("a", "now", run_id);
	struct record record = { .known = true };
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = small_engine_options(&swarm->engine, &settings);

	connect_engine = options.connect;
	options.connect = connect_swarm;
	options.app_timeout_ms = app_timeout_ms;
	options.lease = &self;
	options.lease_state = LEASE_REAPING;
	options.orphan_record = &record;
	CHECK_NUMBER(reap_sweep(&dir, &options, &result, NULL), 0);
	settings_release(&settings);
	return result;
}

static void test_nothing_listed(void)
{
	struct swarm swarm = {
		.engine = { .objects = { { RESOURCE_VOLUME, "lessee_data", "lessee" } } },
		.hides_volumes = true,
	};
	struct lease lease = { .state = LEASE_RELEASED };
	struct sweep_result result;

	leave_lease(&swarm);
	result = sweep(&swarm, "first", 300);
	CHECK_NUMBER(result.left, 1);
	CU_ASSERT_TRUE(swarm.lease.id && lease_read(&swarm.lease, &lease));
	CHECK_NUMBER(lease.state, LEASE_REAPING);
	swarm.hides_volumes = false;
	result = sweep(&swarm, "second", 60000);
	CHECK_NUMBER(result.left, 0);
	CHECK_NUMBER(result.reaped, 1);
	CU_ASSERT_PTR_NULL(swarm.engine.objects[0].name);
	CU_ASSERT_PTR_NULL(swarm.lease.id);
}

/* What the lockfile has told needn't be told by the lease, as it was before, as well. */
static void test_lockfile_and_lease(void)
{
	struct swarm swarm = {
		.engine = { .objects = { { RESOURCE_VOLUME, "lessee_data", "lessee" } } }
	};
	struct record record = { .known = true, .app = "lessee", .phase = RUN_PHASE_RUNNING };
	struct app_hash hash = app_hash_of("lessee");
	struct app_lock lock = APP_LOCK_NONE;
	struct sweep_result result;
	bool made;

	CHECK_NUMBER(app_lock_try(&dir, &hash, LOCK_ROLE_JANITOR, &record, &lock, &made, NULL),
		     LOCK_FREE);
	app_lock_release(&lock);
	leave_lease(&swarm);
	result = sweep(&swarm, "first", 60000);
	CHECK_NUMBER(result.reaped, 1);
	CHECK_NUMBER(result.locks, 1);
	CU_ASSERT_PTR_NULL(swarm.lease.id);
	CHECK_NUMBER(app_lock_probe(&dir, &hash, &lock, NULL), LOCK_GONE);
	/* Before it is taken over, and after. */
	CHECK_NUMBER(swarm.lease_listings, 2);
}

static struct swarm *lease_comes_to;
static char said[700];

static void lease_comes(int nth)
{
	if (nth == 1)
		leave_lease(lease_comes_to);
}

static void note(void *data, const struct app_result *result)
{
	(void)data;
	(void)snprintf(said, sizeof(said), "%d %s: %s", result->outcome == APP_LIVE, result->app,
		       result->error.message);
}

/* A host without leases looks for orphans; returns how many it has reaped. */
static size_t sweep_orphans(struct swarm *swarm)
{
	struct record record = { .known = true };
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = small_engine_options(&swarm->engine, &settings);

	said[0] = '\0';
	connect_engine = options.connect;
	options.connect = connect_swarm;
	options.orphans = true;
	options.orphan_record = &record;
	options.on_result = note;
	word_list_append(&settings.orphan_pattern, "lessee", 6);
	CHECK_NUMBER(reap_sweep(&dir, &options, &result, NULL), 0);
	CHECK_TEXT(result.orphan_error.message, "");
	settings_release(&settings);
	return result.reaped;
}

/* What has a lease is no orphan, also where leases are not in use; nor is it when the lease comes
 * after the search. */
static void test_leased_orphan(void)
{
	for (int late = 0; late < 2; late++) {
		struct swarm swarm = {
			.engine = { .objects = { { RESOURCE_VOLUME, "lessee_data", "lessee" } },
				    .before_volumes = late ? lease_comes : NULL },
		};

		lease_comes_to = &swarm;
		if (!late)
			leave_lease(&swarm);
		CHECK_NUMBER(sweep_orphans(&swarm), 0);
		CU_ASSERT_PTR_NOT_NULL(swarm.engine.objects[0].name);
		CHECK_TEXT(said, "1 lessee: leased by an unnamed holder on host a");
		resource_release(&swarm.lease);
		CHECK_NUMBER(sweep_orphans(&swarm), 1);
		CHECK_TEXT(said, "0 lessee: ");
		CU_ASSERT_PTR_NULL(swarm.engine.objects[0].name);
	}
}

static int told[2];

static void tell(int nth)
{
	(void)nth;
	CHECK_NUMBER(write(told[1], "", 1), 1);
}

/* The fresh start of a run that is told to stop while the engine lists. */
static void start_fresh(struct swarm *swarm, struct sweep_result *ret)
{
	struct lease_holder self = host("a", "now", "fresh");
	struct reap_target target = { .app = "lessee", .for_run = true };
	struct app_hash hash = app_hash_of("lessee");
	struct record record = { .known = true };
	struct settings settings;
	struct sweep_options options = small_engine_options(&swarm->engine, &settings);

	CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
	swarm->engine.before_volumes = tell;
	connect_engine = options.connect;
	options.connect = connect_swarm;
	options.lease = &self;
	options.lease_state = LEASE_HELD;
	options.wake_fd = told[0];
	CHECK_NUMBER(app_lock_try(&dir, &hash, LOCK_ROLE_RUN, &record, &target.lock,
				  &target.created, NULL),
		     LOCK_FREE);
	CU_ASSERT_TRUE(target.created);
	target.lock.hash = hash;
	reap_targets(&dir, &target, 1, &options, ret);
	CHECK_NUMBER(app_lock_forget(&dir, &target.lock, NULL), 0);
	settings_release(&settings);
	(void)close(told[0]);
	(void)close(told[1]);
}

/* Nobody has to wait for a lease that stands for nothing. */
static void test_told_to_stop(void)
{
	struct swarm swarm = { .hides_volumes = true };
	struct sweep_result result = { 0 };

	start_fresh(&swarm, &result);
	CU_ASSERT_TRUE(result.interrupted);
	CHECK_NUMBER(swarm.writes, 2);
	CU_ASSERT_PTR_NULL(swarm.lease.id);
}

/* ... but one that was a dead run's does: its app is still to be reaped. */
static void test_told_after_takeover(void)
{
	struct swarm swarm = { .hides_volumes = true };
	struct sweep_result result = { 0 };
	struct lease lease = { .state = LEASE_RELEASED };

	leave_lease(&swarm);
	start_fresh(&swarm, &result);
	CU_ASSERT_TRUE(result.interrupted);
	CU_ASSERT_TRUE(swarm.lease.id && lease_read(&swarm.lease, &lease));
	CHECK_NUMBER(lease.state, LEASE_HELD);
	resource_release(&swarm.lease);
}

static const struct test tests[] = {
	{ "nothing could be listed", test_nothing_listed },
	{ "a lockfile, and a lease", test_lockfile_and_lease },
	{ "an orphan has a lease", test_leased_orphan },
	{ "told to stop", test_told_to_stop },
	{ "told to stop, after another's death", test_told_after_takeover },
	{ NULL, NULL },
};
TEST_SUITE_WITH(lease_reap, tests, set_up, tear_down)
