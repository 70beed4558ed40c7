/*
 * The sweep (reaping.md, "Order of one sweep"): probe, keep the locks of the dead, fence, list,
 * remove, verify, forget. The same code reaps one app for `reap` and for the start and end of a
 * run.
 */
#ifndef REAP_SWEEP_H
#define REAP_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "lock/app_lock.h"
#include "model/lease.h"
#include "model/result.h"
#include "model/settings.h"
#include "reap/engine_port.h"

struct reap_target;

struct sweep_options {
	const struct settings *settings;
	bool dry_run;
	bool orphans;			    /* reap_sweep: look for orphans, too (reap/orphans.h) */
	const struct record *orphan_record; /* what lockfiles that are made say of the janitor */
	int jobs;			    /* apps worked on at once */
	int64_t app_timeout_ms; /* each app's own deadline, from the moment its work begins */
	int64_t timeout_ms;	/* of everything; CLOCK_NEVER: none */
	bool name_live;		/* report live apps, too, which costs a second look at each */
	int wake_fd;		/* readable: end between requests; -1: none */

	/* Connects to the engine; called at most once, and only when there is something to reap.
	 * timeout_ms: all the time it may take. */
	int (*connect)(void *data, int64_t timeout_ms, struct engine_port *ret, struct error *err);
	void *connect_data;
	/* With connect_data: is it the engine where the run made its things? -1 with *err: no, and
	 * its emptiness proves nothing. NULL: it always is. */
	int (*check_engine)(void *data, const struct record *record, struct error *err);

	/* [lock] cluster: what our leases say, app and stack aside; NULL: apps have none. */
	const struct lease_holder *lease;
	/* A lease that another has is waited for until then (CLOCK_MONOTONIC, milliseconds); 0: it
	 * is not. Called with on_result_data at each look, and at each renewal of ours. */
	int64_t lease_wait_limit, lease_janitor_limit;
	enum lease_state lease_state; /* as what we hold it: a run or a janitor */
	void (*on_lease_busy)(void *data, const struct app_result *app, const char *holder);
	void (*on_lease_renewed)(void *data, int64_t sent_at_boot_ms);
	/* Called with on_result_data before a lease is taken over because its app's lock is ours:
	 * is there no other lock of that app? NULL: known already. */
	int (*check_lock)(void *data, const struct reap_target *target, struct error *err);
	const char *lease_from; /* a host whose leases are taken, alive or not; NULL: none's */

	/* Called when an app's first object is about to be removed; or NULL. */
	void (*on_begin)(void *data, const struct app_result *result);
	/* Called again and again while apps are worked on, in_hand being one of them; or NULL. */
	void (*on_progress)(void *data, size_t done, size_t total,
			    const struct app_result *in_hand);
	/* Called as each app is finished, after its lock was given up. Live apps are reported too.
	 */
	void (*on_result)(void *data, const struct app_result *result);
	void *on_result_data; /* for all of these */
	/* DOCKER_HOST=... or DOCKER_CONTEXT=..., by which a hook's docker finds the same engine;
	 * NULL: what the environment says. */
	const char *hook_engine;
	/* Called with on_result_data for each line that a hook writes, and for its failure when
	 * that is ignored. The text is hostile. */
	void (*on_hook_line)(void *data, const struct app_result *app, const char *hook,
			     const char *line);
};

/* What to do about the app's lease, with [lock] cluster. */
enum lease_use {
	LEASE_USE_REAP,	   /* take it, reap, release it when the app is gone */
	LEASE_USE_TAKE,	   /* take it, and no more */
	LEASE_USE_RELEASE, /* take it and release it */
};

/* An app whose lock the caller holds and hands over. */
struct reap_target {
	struct app_lock lock;
	char app[APP_NAME_MAX + 1]; /* empty: only the hash is known */
	struct record record;	    /* the dead holder's, for fencing and its stack name */
	char extra_stack[APP_NAME_MAX +
			 1]; /* one more stack name that is the app's; may be empty */
	char inherited_stack[APP_NAME_MAX + 1]; /* by the lease that was taken over; may be empty */
	bool created;  /* the lockfile was made by this very call: there was none */
	bool for_run;  /* a fresh start: the lock and the lockfile stay, for the run that holds them
			*/
	bool no_fence; /* the caller has fenced already, and is itself part of the run */
	bool was_killed; /* with no_fence: something of the run was, perhaps in mid-request */
	bool live;	 /* for reap_look: a run holds the app */
	bool orphan;	 /* found by its age and name: left alone when it turns out to be none */
	enum lease_use lease_use;
	bool lease_must_exist;	      /* it is for that lease that the app is looked at */
	struct orphan_search *search; /* no app: a look for orphans; inside only */
};

/* Probes every lockfile and reaps what is dead. Returns 0 with *ret filled: what could not be done
 * is in it, and in the results. -1 with *err only when the lock directory can't be walked. */
int reap_sweep(const struct lock_dir *dir, const struct sweep_options *options,
	       struct sweep_result *ret, struct error *err);

/* Reaps the targets, all at once; every lock is given up (or left to its run: see for_run). Adds to
 * *result. */
void reap_targets(const struct lock_dir *dir, struct reap_target *targets, size_t count,
		  const struct sweep_options *options, struct sweep_result *result);

/* What the engine has of the targets' apps: as a dry run, but without their locks (only lock.hash
 * is set), so that it is past when it is told. A live app's objects come out as planned, too. */
void reap_look(const struct lock_dir *dir, struct reap_target *targets, size_t count,
	       const struct sweep_options *options, struct sweep_result *result);

/* The names of apps that a sweep for orphans would take now, sorted; the caller releases *ret.
 * Takes no lock. */
int reap_find_orphans(const struct lock_dir *dir, const struct sweep_options *options,
		      struct word_list *ret, struct error *err);

/* The exit status of cli.md: 0, 1, or 69. */
int sweep_exit_status(const struct sweep_result *result);

#endif
