/*
 * One app's volume on another node of the swarm, and the rounds of jobs that remove it (reap/nodes.c). A
 * node may be paused or cut off at any step and for any length of time: then it does, or says, nothing.
 * The lock is one step here, as in engine.pml. README.md in this folder says what is what in src/.
 *
 * Broken variants:	NO_WAIT (for tasks that are listed), ORDER_BY_NAME, OLD_REPORT (of whatever round),
 *			RELEASE_EARLY (the lock, before the order is sent), SILENT_IS_CLEAN, NO_SETTLE,
 *			NO_SETTLE_AFTER_NO_ANSWER
 * Other worlds:	BY_ID (a container: the removal itself compares), NO_REUSE (a run finds no old volume)
 * Sizes:		JOBS (known at a time), DEATHS, LOST (answers)
 * Properties:		both, or with ONLY_... one of them
 */
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef LOST
#define LOST 1
#endif

#ifndef FAILURES
#define FAILURES 1 /* of the node: its tasks end amidst */
#endif
#define TRIES 1
#define NOBODY 0
#define DEAD_RUN 1 /* who has made what is there at first */
#define RUN 2
#define JANITOR 3

byte lock;	       /* who holds the app */
bool lockfile = true;  /* is there one? */
bool begun;	       /* what its record says: removals may be under way */
byte volume = DEAD_RUN; /* who made it; that tells its identity as well */
bool used;	       /* by the command of a run that lives */
byte deaths = DEATHS, lost = LOST;

/* A job: its service, and the task of it that the node has. FREE again when neither is known. */
mtype = { FREE, SENT, THERE, REMOVED };
mtype = { NO_TASK, READY, COMPARED, CARRIED_OUT, REPORTED, OVER };
#ifndef JOBS
#define JOBS 2
#endif
#if JOBS == 2
#define ANY_JOB(what) what(0) what(1)
#define IS_ANY(what) (what(0) || what(1))
#else
#define ANY_JOB(what) what(0) what(1) what(2)
#define IS_ANY(what) (what(0) || what(1) || what(2))
#endif
typedef Job {
	mtype service = FREE;
	mtype task = NO_TASK;
	bool stray; /* SENT, and nobody waits for the answer */
	byte order; /* remove the volume that this one made */
	byte report
};
Job job[JOBS];

/* The properties. A name is what pan prints when it is violated. */
bool no_removal_from_a_live_run = true;
bool nothing_forgotten = true;

#if defined(ONLY_LIVE_RUN) || defined(ONLY_FORGOTTEN)
#define ONLY
#endif
#if !defined(ONLY) || defined(ONLY_LIVE_RUN)
#define CLAIM_LIVE_RUN(condition) \
	no_removal_from_a_live_run = (condition); assert(no_removal_from_a_live_run)
#else
#define CLAIM_LIVE_RUN(condition) skip
#endif
#if !defined(ONLY) || defined(ONLY_FORGOTTEN)
#define CLAIM_FORGOTTEN(condition) nothing_forgotten = (condition); assert(nothing_forgotten)
#else
#define CLAIM_FORGOTTEN(condition) skip
#endif

#ifdef ORDER_BY_NAME
#define IS_MEANT(i) (job[i].order != NOBODY && volume != NOBODY)
#else
#define IS_MEANT(i) (job[i].order != NOBODY && volume == job[i].order)
#endif

/* A task that may still remove something: the swarm lists it until its node has said that it ended. */
#define MAY_REMOVE(i) (job[i].task != NO_TASK && job[i].order != NOBODY)
#ifdef NO_WAIT
#define IS_COMING false
#else
#define IS_COMING_OF(i) (MAY_REMOVE(i) && !(heard & (1 << i)))
#define IS_COMING IS_ANY(IS_COMING_OF)
#endif

/* As in engine.pml: the one place where time comes in. */
#define IS_STRAY(i) job[i].stray
#define SETTLED !IS_ANY(IS_STRAY)

#define DIE deaths > 0 -> goto died

inline free(i)
{
	job[i].service = FREE; job[i].task = NO_TASK; job[i].order = NOBODY; job[i].report = NOBODY;
	job[i].stray = false
}

#define IS_FREE(i) (job[i].service == FREE)
#define IS_THERE(i) (job[i].service == THERE)

/* Its service goes, by its id. */
#define REMOVE_SERVICE(i) \
	:: d_step { \
		job[i].service == THERE -> \
		job[i].service = REMOVED; \
		if \
		:: job[i].task == NO_TASK -> free(i) \
		:: else \
		fi \
	   }

inline give_lock_back()
{
	if
	:: lock == me -> lock = NOBODY
	:: else
	fi;
	if
	:: me == RUN -> used = false
	:: else
	fi;
	if
	:: mine < JOBS && job[mine].service == SENT -> job[mine].stray = true
	:: else
	fi;
	mine = JOBS; known = NOBODY; looked = false; heard = 0; unsettled = false; created = false; tries = 0
}

/* Everything from the first listing to the end of the last round. Goes to `gone` when the node has
 * reported that there is nothing, to `silent` when it didn't report, to `died`. */
inline reap()
{
	/* The listing: what a dead janitor has begun is ended first, and waited for. */
	if
	ANY_JOB(REMOVE_SERVICE)
	:: atomic { !IS_ANY(IS_THERE) &&     !IS_COMING && (!unsettled || SETTLED) -> unsettled = false }
	:: goto give_up /* it takes too long */
	:: DIE
	fi;
	if
	:: atomic { IS_ANY(IS_THERE) ||     IS_COMING || unsettled -> goto list }
	:: atomic { !IS_ANY(IS_THERE) &&     !IS_COMING && !unsettled -> mine = JOBS }
	fi;
	if
	:: atomic { created || (looked && known == NOBODY) -> goto gone }
	:: atomic { !created && looked && known != NOBODY && tries == TRIES -> goto silent }
	:: atomic { !created && (!looked || (known != NOBODY && tries < TRIES)) -> tries = tries + (known != NOBODY) }
	fi;

	/* A round. Before the first order the record says that removals are under way. */
	if
	:: d_step { known != NOBODY -> begun = true }
	:: atomic { known == NOBODY -> skip }
	:: DIE
	fi;
#ifdef RELEASE_EARLY
	if
	:: atomic { known != NOBODY -> lock = NOBODY }
	:: atomic { known == NOBODY -> skip }
	fi;
#endif
	if
	:: d_step {
		IS_ANY(IS_FREE) ->
		mine = 0;
		do
		:: job[mine].service != FREE -> mine++
		:: else -> break
		od;
		job[mine].service = SENT;
		job[mine].order = known;
		heard = heard & ~(1 << mine)
	   }
	:: atomic { !IS_ANY(IS_FREE) -> goto give_up } /* the model's bound, no more */
	:: DIE
	fi;
	if
	:: atomic { job[mine].service != SENT -> skip }
	:: d_step { /* no answer: what it was ordered may be done late */
		job[mine].service == SENT && lost > 0 -> lost--;
		job[mine].stray = true;
#ifndef NO_SETTLE_AFTER_NO_ANSWER
		unsettled = true;
#endif
		mine = JOBS
	   }
	   goto silent
	:: DIE
	fi;
	if
	:: d_step {
		job[mine].task == REPORTED -> heard = heard | (1 << mine); looked = true;
		known = job[mine].report;
#ifndef OLD_REPORT
		job[mine].report = NOBODY
#endif
	   }
#ifdef OLD_REPORT
	:: d_step { job[0].task == REPORTED -> heard = heard | 1; looked = true; known = job[0].report }
	:: d_step { job[1].task == REPORTED -> heard = heard | 2; looked = true; known = job[1].report }
#endif
	:: atomic { true -> goto silent } /* in time */
	:: DIE
	fi;
	goto list /* which removes the service */
}

#define VARIABLES byte mine = JOBS, known, tries, heard; bool looked, unsettled, created

/* The successor: reap-held --mode fresh, then the command. */
proctype run_of_app(byte me)
{
	VARIABLES;

	if
	:: d_step {
		lock == NOBODY -> lock = me;
		created = !lockfile;
		unsettled = lockfile && begun;
		lockfile = true
#ifdef NO_SETTLE
		; unsettled = false
#endif
	   }
	:: DIE
	fi;
list:	reap();
gone:
	if
	:: goto command
	:: DIE
	fi;
	/* What isn't known to be gone stays, and a run doesn't mind: once nothing is on its way any more. */
silent:
	if
	ANY_JOB(REMOVE_SERVICE)
	:: atomic { !IS_ANY(IS_THERE) &&     !IS_COMING && (!unsettled || SETTLED) -> goto command }
	:: goto give_up
	:: DIE
	fi;
	goto silent;
command:
	if
	:: d_step {
		if
		:: volume == NOBODY -> volume = RUN; used = true
#ifdef NO_REUSE
		:: else
#else
		:: else -> used = true
#endif
		fi
	   }
	:: DIE
	fi;
	/* It ends or dies, and leaves all to the janitors. */
	goto give_up;
died:	if
	:: d_step { deaths--; give_lock_back() }
	fi;
	goto over;
give_up:
	if
	:: d_step { give_lock_back() }
	fi;
over:	skip
}

/* Sweep after sweep; a killed janitor is followed by another. */
proctype janitor(byte me)
{
	VARIABLES;

end:	if
	:: d_step {
		lock == NOBODY && lockfile -> lock = me;
		unsettled = begun
#ifdef NO_SETTLE
		; unsettled = false
#endif
	   }
	fi;
list:	reap();
gone:
	if
	:: d_step {
		CLAIM_FORGOTTEN(volume == NOBODY);
		lockfile = false;
		begun = false;
		give_lock_back()
	   }
	:: DIE
	fi;
	goto end;
silent:
#ifdef SILENT_IS_CLEAN
	goto gone;
#endif
give_up:
	if
	:: d_step { give_lock_back() }
	fi;
	goto end;
died:	if
	:: d_step { deaths--; give_lock_back() }
	fi;
	goto end
}

/* The managers carry out what was sent, and hear that a task has ended. */
#define MANAGE(i) \
	:: d_step { \
		job[i].service == SENT -> \
		job[i].service = THERE; \
		job[i].task = READY; \
		job[i].stray = false \
	   }

/* The node: what its tasks do, and what its engine says of them. It ends those of which the service is
 * gone, and those that ran when its power failed. */
#ifdef BY_ID
#define WORK(i) \
	:: d_step { \
		job[i].task == READY -> job[i].task = CARRIED_OUT; \
		if \
		:: IS_MEANT(i) -> CLAIM_LIVE_RUN(!used); volume = NOBODY \
		:: else \
		fi \
	   }
#else
#define WORK(i) \
	:: d_step { \
		job[i].task == READY -> \
		if \
		:: IS_MEANT(i) -> job[i].task = COMPARED \
		:: else -> job[i].task = CARRIED_OUT \
		fi \
	   } \
	:: d_step { \
		job[i].task == COMPARED -> job[i].task = CARRIED_OUT; \
		if \
		:: volume != NOBODY -> CLAIM_LIVE_RUN(!used); volume = NOBODY \
		:: else \
		fi \
	   }
#endif
#define REPORT(i) \
	:: d_step { job[i].task == CARRIED_OUT -> job[i].task = REPORTED; job[i].report = volume } \
	:: d_step { job[i].service == REMOVED && job[i].task != NO_TASK -> free(i) } \
	:: d_step { job[i].task != NO_TASK && job[i].task != OVER && failures > 0 -> \
		failures--; job[i].task = OVER; job[i].report = NOBODY }

proctype swarm()
{
	byte failures = FAILURES;

end:	do
	ANY_JOB(MANAGE)
	ANY_JOB(WORK)
	ANY_JOB(REPORT)
	od
}

init {
	atomic {
		run run_of_app(RUN);
		run janitor(JANITOR);
		run swarm()
	}
}
