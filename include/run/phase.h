/*
 * The life of a run as a table: phase x event -> action. Pure data, no I/O.
 *
 *	waiting ---------> fresh-start ---------> running ---------> teardown ---> released
 *	   |                    |                    |                  ^             ^  ^
 *	   |                    |                    +---> stopping ----+             |  |
 *	   |                    +-- stop, or it failed -------------------------------+  |
 *	   +-- stop, or busy ------------------------------------------------------------+
 */
#ifndef RUN_PHASE_H
#define RUN_PHASE_H

#include "model/record.h"

enum run_event {
	RUN_EVENT_STOP,	      /* SIGTERM, SIGINT, SIGHUP, or our parent died */
	RUN_EVENT_HURRY,      /* the third SIGTERM or SIGINT within a second */
	RUN_EVENT_QUIT,	      /* SIGQUIT */
	RUN_EVENT_SIGNAL,     /* any other signal */
	RUN_EVENT_CHILD,      /* the phase's child has ended: wait helper, engine child or CMD */
	RUN_EVENT_DEADLINE,   /* CMD's time is up */
	RUN_EVENT_LIMIT,      /* the phase's own time limit has come */
	RUN_EVENT_TICK,	      /* time to look again */
	RUN_EVENT_LOCKFILE,   /* something has happened to our lockfile's name */
	RUN_EVENT_LEASE_LATE, /* the lease could not be renewed, and may be another's soon */
	RUN_EVENT_LEASE_OVER, /* ... very soon, or it is */
};
#define RUN_EVENT_COUNT 11

enum run_action {
	RUN_ACTION_NONE,
	RUN_ACTION_LOOK,	 /* try the lock, or look who holds it */
	RUN_ACTION_CONFIRM,	 /* the wait helper ended: is the lock ours? */
	RUN_ACTION_LEAVE,	 /* end here, as told: nothing of the run exists */
	RUN_ACTION_SUSPEND,	 /* stop with the terminal's job, if that is what the signal says */
	RUN_ACTION_END_FRESH,	 /* ask the fresh start's child to end */
	RUN_ACTION_KILL_FRESH,	 /* it did not */
	RUN_ACTION_JUDGE_FRESH,	 /* it ended: start CMD, or leave with its status */
	RUN_ACTION_WATCH,	 /* begin to watch the lockfile */
	RUN_ACTION_CHECK,	 /* does the path still name it? */
	RUN_ACTION_PASS_ON,	 /* hand the signal to CMD */
	RUN_ACTION_STOP,	 /* ask the run's processes to end */
	RUN_ACTION_KILL,	 /* they did not */
	RUN_ACTION_TEARDOWN,	 /* CMD ended: kill what is left, reap */
	RUN_ACTION_END_TEARDOWN, /* it took too long */
	RUN_ACTION_RELEASE,	 /* the teardown's child ended: give the lock up */
};

/* What to do about the event in this phase. */
enum run_action run_phase_action(enum run_phase phase, enum run_event event);

#endif
