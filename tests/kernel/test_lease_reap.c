/* A dead host's lease may be all that tells of its app: it stays until the app is gone. The app's
 * name is no other test's: a deleted lockfile of it, in whatever folder, would count. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/harness.h"
#include "kernel/lease_swarm.h"

#include "../../src/reap/sightings_internal.h"

static struct lock_dir dir;

static int set_up(void)
{
	return small_engine_dir(&dir);
}

static int tear_down(void)
{
	lock_dir_close(&dir);
	return 0;
}

/* lessee's lease, which a run of this host had before it was booted anew. */
static void leave_lease(struct swarm *swarm)
{
	swarm_put_lease(swarm, "lessee", swarm_host("a", "before", "dead"));
}

static struct sweep_result sweep(struct swarm *swarm, const char *run_id, int64_t app_timeout_ms)
{
	struct lease_holder self = swarm_host("a", "now", run_id);
	struct record record = { .known = true };
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = swarm_options(swarm, &settings);

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

static void leave_lockfile(const char *app)
{
	struct record record = { .known = true, .phase = RUN_PHASE_RUNNING };
	struct app_hash hash = app_hash_of(app);
	struct app_lock lock = APP_LOCK_NONE;
	bool made;

	strcpy(record.app, app);
	CHECK_NUMBER(app_lock_try(&dir, &hash, LOCK_ROLE_JANITOR, &record, &lock, &made, NULL),
		     LOCK_FREE);
	app_lock_release(&lock);
}

/* What the lockfile has told needn't be told by the lease, as it was before, as well. */
static void test_lockfile_and_lease(void)
{
	struct swarm swarm = {
		.engine = { .objects = { { RESOURCE_VOLUME, "lessee_data", "lessee" } } }
	};
	struct app_hash hash = app_hash_of("lessee");
	struct app_lock lock = APP_LOCK_NONE;
	struct sweep_result result;

	leave_lockfile("lessee");
	leave_lease(&swarm);
	result = sweep(&swarm, "first", 60000);
	CHECK_NUMBER(result.reaped, 1);
	CHECK_NUMBER(result.locks, 1);
	CU_ASSERT_PTR_NULL(swarm.lease.id);
	CHECK_NUMBER(app_lock_probe(&dir, &hash, &lock, NULL), LOCK_GONE);
	/* Before it is taken over, and after. */
	CHECK_NUMBER(swarm.lease_listings, 2);
}

static int64_t watched_since;

/* When they are first listed: an earlier sweep of this host has seen it, nearly a term ago. */
static void watch(const struct swarm *swarm)
{
	struct sightings sightings = { 0 };
	struct lease lease;

	if (watched_since)
		return;
	watched_since = clock_boot_ms() - SWARM_TERM_MS + 50;
	CU_ASSERT_TRUE(lease_read(&swarm->lease, &lease));
	(void)sightings_note(&sightings, &lease, watched_since);
	CHECK_NUMBER(sightings_write(&dir, &sightings, NULL), 0);
	sightings_release(&sightings);
}

static void outlast_term(int nth)
{
	(void)nth;
	while (clock_boot_ms() < watched_since + SWARM_TERM_MS)
		clock_sleep_ms(5);
}

/* While this host's own dead app was being reaped, another's lease would have got old if it had not
 * been renewed; it was, for all that the list of before can say. */
static void test_slow_reap(void)
{
	struct swarm swarm = {
		.engine = { .objects = { { RESOURCE_VOLUME, "slowlessee_data", "slowlessee" } },
			    .before_volumes = outlast_term },
		.before_leases = watch,
	};
	struct sweep_result result;

	leave_lockfile("slowlessee");
	swarm_put_lease(&swarm, "lessee", swarm_host("b", "now", "alive"));
	result = sweep(&swarm, "first", 60000);
	CHECK_NUMBER(result.reaped, 1);
	CHECK_NUMBER(result.leased, 0);
	CHECK_NUMBER(swarm.writes, 0);
	/* The lockfile's app's, before and after. */
	CHECK_NUMBER(swarm.lease_listings, 2);
	/* By the next sweep's list it is an old one. */
	result = sweep(&swarm, "second", 60000);
	CHECK_NUMBER(result.reaped, 1);
	CU_ASSERT_PTR_NULL(swarm.lease.id);
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
	struct sweep_options options = swarm_options(swarm, &settings);

	said[0] = '\0';
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
	struct lease_holder self = swarm_host("a", "now", "fresh");
	struct reap_target target = { .app = "lessee", .for_run = true };
	struct app_hash hash = app_hash_of("lessee");
	struct record record = { .known = true };
	struct settings settings;
	struct sweep_options options = swarm_options(swarm, &settings);

	CU_ASSERT_EQUAL_FATAL(pipe(told), 0);
	swarm->engine.before_volumes = tell;
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
	{ "a reap that outlasts another's term", test_slow_reap },
	{ "an orphan has a lease", test_leased_orphan },
	{ "told to stop", test_told_to_stop },
	{ "told to stop, after another's death", test_told_after_takeover },
	{ NULL, NULL },
};
TEST_SUITE_WITH(lease_reap, tests, set_up, tear_down)
