/*
 * `ci-janitor run`: the process that holds an app's lock for as long as the job lives (run.md).
 *
 *	waiting -> fresh-start -> running -> stopping -> teardown -> released
 *
 * It carries no HTTP: engine work is done by a short-lived child of the same executable, whose
 * command line the caller supplies, with the lock's descriptor handed over.
 */
#ifndef RUN_SUPERVISOR_H
#define RUN_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "lock/lock_dir.h"
#include "model/app.h"
#include "model/record.h"
#include "model/settings.h"

/*
 * What `hold` has in place of a command, in a process that `hold` has started for it: a session of
 * its own, nobody's descriptors but these.
 *
 * Once the lock is held and the start is clean, the run's variables are written to handover_fd,
 * each "NAME=value" with its NUL, and one more NUL. From a byte that comes back on the run is on
 * its own; until then the other end's closing stops it, so that no lock is held of which nobody
 * knows.
 *
 * To the held run belongs whoever carries its run id in the environment, as programs do that later
 * steps start after exporting it: they are killed in its teardown, and by the janitor when
 * the holder was killed. The process that it is tied to, its ancestors and the CI agent began
 * before the run id was drawn, so they can't carry it (save by executing themselves anew with it).
 * A step that asks for the release carries it, too: the tree of marked processes that the asking
 * one is in is spared by that teardown.
 */
struct run_hold {
	int tied_fd;		/* pidfd: the run ends with this process */
	int handover_fd;	/* stream socket */
	int log_fd;		/* becomes standard error when the run is on its own */
	const char *log_stream; /* when that is the journal's: $JOURNAL_STREAM for it; else NULL */
};

/* Who started this process. To be asked before anything that takes its time: when that one dies,
 * whoever adopts us looks like a parent, too. */
struct run_parent {
	pid_t pid; /* 0: it is outside of our PID namespace */
	int fd;	   /* pidfd, -1: none; supervisor_run closes it */
};

struct run_parent run_parent_remember(void);

enum if_held { IF_HELD_WAIT, IF_HELD_FAIL, IF_HELD_SKIP };

/* What a child of the same executable does about the engine. */
struct run_engine_work {
	/* fresh, teardown, after-kill; with a lease also claim (take it, and no more), keep (renew
	 * it until killed) and release. It writes to its standard output when each acknowledged
	 * renewal had been sent: milliseconds of CLOCK_BOOTTIME, a line each. It ends with 75
	 * when the lease is another's. */
	const char *mode;
	int lock_fd;  /* where it finds the lock; -1: it has no need of it */
	bool created; /* the lockfile was made by this run */
	const struct record *record;
	/* CLOCK_MONOTONIC: how long another's lease is waited for, a run's or a janitor's. */
	int64_t wait_limit, janitor_limit;
};

struct run_options {
	const char *app;
	char *const *command;	     /* CMD and its arguments, NULL-terminated */
	const struct run_hold *hold; /* in place of a command; else NULL */
	struct run_parent parent;    /* without hold: its death stops the run */
	const char *stack;
	const char *holder;
	const char *job_url;		    /* NULL: none */
	const char *engine, *engine_socket; /* for the record */
	enum if_held if_held;
	int conflict_status;	 /* with IF_HELD_FAIL or a wait that ran out; default 75 */
	int64_t wait_ms;	 /* bound on waiting for another run; CLOCK_NEVER: none */
	int64_t janitor_wait_ms; /* bound on waiting for a janitor: the app's reap deadline */
	int64_t deadline_ms;	 /* from CMD's start; CLOCK_NEVER: none */
	int64_t kill_grace_ms;
	int64_t teardown_timeout_ms;
	bool fresh;
	bool teardown;
	bool pid_namespace;	 /* CMD lives in a PID namespace of its own */
	bool hold_lock;		 /* CMD and all that it starts inherit the lock */
	int64_t keep_ms;	 /* after a failed CMD its objects stay that long; 0: they don't */
	const char *scratch_dir; /* where CMD gets a directory of its own; NULL: it gets none */
	const struct word_list *scratch_links; /* NAME=TARGET: links in it */
	const struct word_list *scratch_env;   /* NAME=VALUE, {scratch} in it being its path */

	const char *lock_dir; /* path */
	const struct lock_trust *trust;

	int64_t lease_term_ms; /* [lock] cluster: it has a lease as well; 0: none */

	/* Builds the engine child's argv; NULL-terminated, good until the next call. */
	char **(*engine_argv)(void *data, const struct run_engine_work *work);
	void *engine_argv_data;
};

/* Runs it all. Returns the exit status of cli.md; what went wrong on the way has been logged. */
int supervisor_run(const struct run_options *options);

#endif
