/* One lockfile as `list` and `status` show it: a look that takes no lock. */
#ifndef MODEL_LOCK_VIEW_H
#define MODEL_LOCK_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "model/lease.h"
#include "model/record.h"
#include "model/result.h"

enum lock_view_state {
	LOCK_VIEW_FREE,	   /* no lockfile */
	LOCK_VIEW_HELD,	   /* a live run, or another program, holds it */
	LOCK_VIEW_REAPING, /* a janitor holds it */
	LOCK_VIEW_DEAD,	   /* the lockfile is there and nobody holds it */
	LOCK_VIEW_KEPT,	   /* dead, and kept until kept_until (lock_view_judge_kept) */
	LOCK_VIEW_ORPHAN,  /* no lockfile, but the engine has an app that [orphans] applies to */
	LOCK_VIEW_UNKNOWN, /* it could not be examined: see error */
	LOCK_VIEW_LEASED,  /* by its lease another host's; the record is what the lease says */
};
#define LOCK_VIEW_STATE_COUNT 8

#define LOCK_VIEW_HOLDERS_MAX 8

struct lock_view {
	struct app_hash hash;
	enum lock_view_state state;
	pid_t pid; /* of the process that the kernel names as holder; 0: not visible from here */
	/* The processes that share the lock's open file description, as far as they can be seen
	 * from here. There may be more than fit. */
	pid_t holders[LOCK_VIEW_HOLDERS_MAX];
	size_t holder_count;
	bool elsewhere; /* the holder lives in another PID namespace */
	bool run_ended; /* the record's run is over: others hold the lock, what it left perhaps */
	bool deleted;	/* the lock is held on a lockfile that has no name any more */
	bool doubtful;	/* dead as seen from this PID namespace; a program outside may hold it */
	ino_t inode;	/* of the lockfile; 0: none was opened */
	struct record record;
	char stated_app[APP_NAME_MAX + 1]; /* by a record that is not of this lockfile; or empty */
	struct lease lease;		   /* id empty: none, or not asked for */
	struct error error;
	const struct app_result *resources; /* what the engine has of the app; NULL: not asked */
	struct record_clocks clocks; /* as they were at the look, when the record says keep_until */
	int64_t kept_until;	     /* wall-clock second, with LOCK_VIEW_KEPT */
};

/* "free", "held", "reaping", "dead", "kept", "orphan", "unknown", "leased" */
const char *lock_view_state_name(enum lock_view_state state);

/* A dead one that its record keeps, for at most max seconds, becomes LOCK_VIEW_KEPT. */
void lock_view_judge_kept(struct lock_view *view, int64_t max);

#endif
