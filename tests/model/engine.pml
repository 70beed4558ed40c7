/*
 * One app's objects on an engine that is a process of its own: a request that was sent is carried
 * out although its sender has died or has given up waiting, late. The lock is one step here; lock.pml
 * shows that it is one. README.md in this folder says what is what in src/.
 *
 * Broken variants:	NO_SETTLE, NO_PHASE (removing without saying so in the record), NO_SETTLE_AFTER_KILL,
 *			NO_SETTLE_AFTER_NO_ANSWER, REMOVE_BY_NAME, NO_LABEL_CHECK, FORGET_WHAT_WAS_BEGUN,
 *			LATE_BEYOND_SETTLING (the timing assumption does not hold)
 * Sizes:		KINDS (1: services, 2: volumes, 3: both)
 * Properties:		all, or with ONLY_... one of them
 */
#ifndef KINDS
#define KINDS 3
#endif
#ifndef DEATHS
#define DEATHS 2
#endif
#ifndef LOST_ANSWERS
#define LOST_ANSWERS 1
#endif
#define SERVICES (KINDS & 1)
#define VOLUMES (KINDS & 2)

#define NONE 0
#define RUN_1 1
#define RUN_2 2
#define JANITOR 3
#define ORPHAN 4   /* who made what is there after a reboot: nobody who lives */
#define STRANGER 5 /* another app, with a volume of the same name */

mtype = { NO_RECORD, FRESH_START, RUNNING, TEARDOWN };

byte lock;		  /* who holds the app */
bool lockfile;		  /* is there one? */
mtype phase = NO_RECORD;  /* what the record in it says */
byte running;		  /* the run whose command lives */
byte service, volume;	  /* who made it. A service has an id, so that is its id as well */
bool uses_service, uses_volume; /* made by the command that lives, for itself */
byte deaths = DEATHS, lost_answers = LOST_ANSWERS;

/* Requests under way. A sender that has died or given up is NONE. */
mtype = { FREE, ANSWERED, CREATE_SERVICE, CREATE_VOLUME, REMOVE_SERVICE, REMOVE_VOLUME };
#define REQUESTS 5
mtype request[REQUESTS] = FREE;
byte sender[REQUESTS];
byte argument[REQUESTS];

#define ANY_FREE \
	(request[0] == FREE || request[1] == FREE || request[2] == FREE || request[3] == FREE || \
	 request[4] == FREE)

/* The properties. A name is what pan prints when it is violated. */
bool no_removal_from_a_live_run = true;
bool no_removal_from_a_stranger = true;
bool no_object_without_lockfile = true;
bool nothing_of_the_dead_in_a_live_run = true;

#if defined(ONLY_LIVE_RUN) || defined(ONLY_STRANGER) || defined(ONLY_LEAK) || defined(ONLY_OF_THE_DEAD)
#define ONLY
#endif
#if !defined(ONLY) || defined(ONLY_LIVE_RUN)
#define CLAIM_LIVE_RUN(condition) \
	no_removal_from_a_live_run = (condition); assert(no_removal_from_a_live_run)
#else
#define CLAIM_LIVE_RUN(condition) skip
#endif
#if !defined(ONLY) || defined(ONLY_STRANGER)
#define CLAIM_STRANGER(condition) \
	no_removal_from_a_stranger = (condition); assert(no_removal_from_a_stranger)
#else
#define CLAIM_STRANGER(condition) skip
#endif
#if !defined(ONLY) || defined(ONLY_LEAK)
#define CLAIM_LEAK(condition) \
	no_object_without_lockfile = (condition); assert(no_object_without_lockfile)
#else
#define CLAIM_LEAK(condition) skip
#endif
#if !defined(ONLY) || defined(ONLY_OF_THE_DEAD)
#define CLAIM_OF_THE_DEAD(condition) \
	nothing_of_the_dead_in_a_live_run = (condition); assert(nothing_of_the_dead_in_a_live_run)
#else
#define CLAIM_OF_THE_DEAD(condition) skip
#endif

#ifdef REMOVE_BY_NAME
#define IS_MEANT(id) (service != NONE)
#else
#define IS_MEANT(id) (service == (id))
#endif
#ifdef NO_LABEL_CHECK
#define VOLUME_IS_OURS (volume != NONE)
#else
#define VOLUME_IS_OURS (volume != NONE && volume != STRANGER)
#endif

/* The timing assumption: what was sent before its sender died has been carried out when the engine has
 * answered a listing and SETTLE_MS have passed since. */
#define IS_STRAY(i) (request[i] != FREE && sender[i] == NONE)
#ifdef LATE_BEYOND_SETTLING
#define SETTLED true
#else
#define SETTLED (!IS_STRAY(0) && !IS_STRAY(1) && !IS_STRAY(2) && !IS_STRAY(3) && !IS_STRAY(4))
#endif

#define DIE deaths > 0 -> goto died

inline send(what, about)
{
	if
	:: d_step {
		ANY_FREE -> mine = 0;
		do
		:: request[mine] != FREE -> mine++
		:: else -> break
		od;
		request[mine] = what;
		sender[mine] = me;
		argument[mine] = about
	   }
	:: DIE
	fi
}

/* The answer, or none: the connection broke, or the time was up. */
inline await()
{
	if
	:: d_step {
		request[mine] == ANSWERED -> request[mine] = FREE;
		sender[mine] = NONE;
		argument[mine] = NONE
	   }
	:: d_step {
		lost_answers > 0 -> lost_answers--;
		no_answer = true;
		abandon(mine)
	   }
	:: DIE
	fi;
	mine = 0
}

inline abandon(i)
{
	sender[i] = NONE;
	if
	:: request[i] == ANSWERED -> request[i] = FREE; argument[i] = NONE
	:: else
	fi
}

inline die()
{
	deaths--;
	abandon_mine(0); abandon_mine(1); abandon_mine(2); abandon_mine(3); abandon_mine(4);
	give_lock_back()
}

inline abandon_mine(i)
{
	if
	:: sender[i] == me -> abandon(i)
	:: else
	fi
}

inline give_lock_back()
{
	if
	:: lock == me -> lock = NONE
	:: else
	fi;
	if
	:: running == me -> running = NONE; uses_service = false; uses_volume = false
	:: else
	fi;
	unsettled = false;
	begun = false;
	created = false;
	no_answer = false;
	mine = 0;
	seen_service = NONE;
	seen_volume = false
}

/* Does the dead record tell of requests that may still be under way? (may_have_late_requests) */
#ifdef NO_SETTLE_AFTER_KILL
#define MAY_HAVE_LATE_REQUESTS (phase != RUNNING)
#else
#define MAY_HAVE_LATE_REQUESTS true
#endif

/* List, remove, list again until nothing is there; under the lock. */
inline reap()
{
	do
	:: d_step {
		seen_service = service;
		seen_volume = VOLUME_IS_OURS
	   };
	   if
	   :: atomic { seen_service == NONE && !seen_volume && !unsettled -> break }
	   :: atomic { seen_service == NONE && !seen_volume && unsettled && SETTLED -> unsettled = false }
	   :: atomic { seen_service != NONE || seen_volume -> begun = true };
#ifndef NO_PHASE
	      if /* begin(), in remove.c */
	      :: atomic { phase == RUNNING || (phase == FRESH_START && !created) -> phase = TEARDOWN }
	      :: atomic { phase != RUNNING && (phase != FRESH_START || created) -> skip }
	      :: DIE
	      fi;
#endif
	      if
	      :: atomic { seen_service != NONE -> skip };
		 send(REMOVE_SERVICE, seen_service);
		 await();
		 no_answer = false
	      :: atomic { seen_service == NONE -> skip }
	      fi;
	      if
	      :: atomic { seen_volume -> skip };
		 send(REMOVE_VOLUME, NONE);
		 await();
#if !defined(NO_SETTLE_AFTER_NO_ANSWER) && !defined(NO_SETTLE)
		 unsettled = unsettled || no_answer;
#endif
		 no_answer = false
	      :: atomic { !seen_volume -> skip }
	      fi
	   :: DIE
	   fi
	:: goto give_up /* the engine fails, or the time is up */
	:: DIE
	od
}

#define VARIABLES \
	byte mine, seen_service; \
	bool seen_volume, unsettled, begun, created, no_answer

proctype run_of_app(byte me)
{
	VARIABLES;

	/* The lock, and reap-held --mode fresh. */
	if
	:: d_step {
		lock == NONE -> lock = me;
		created = !lockfile;
		lockfile = true;
		if
		:: created -> phase = FRESH_START
		:: else
		fi;
#ifndef NO_SETTLE
		unsettled = !created && MAY_HAVE_LATE_REQUESTS
#endif
	   }
	:: DIE
	fi;
	reap();
	if
	:: d_step {
		phase = RUNNING;
		running = me;
		begun = false;
		CLAIM_OF_THE_DEAD(service == NONE && (volume == NONE || volume == STRANGER))
	   }
	:: DIE
	fi;

	/* The command, with its own requests. It succeeds, fails, is killed, or dies with the run. */
#if VOLUMES
	send(CREATE_VOLUME, me);
	if
	:: await()
	:: atomic { request[mine] != ANSWERED -> goto killed }
	fi;
#endif
#if SERVICES
	send(CREATE_SERVICE, me);
	if
	:: await()
	:: atomic { request[mine] != ANSWERED -> goto killed }
	fi;
#endif
	if
	:: atomic { !no_answer -> goto teardown }
	:: atomic { no_answer -> skip } /* then it fails */
	fi;
killed:	if
	:: d_step {
		if
		:: sender[mine] == me -> abandon(mine)
		:: else
		fi;
		mine = 0;
		no_answer = false;
#if !defined(NO_SETTLE_AFTER_KILL) && !defined(NO_SETTLE)
		unsettled = true
#endif
	   }
	fi;

	/* reap-held --mode teardown */
teardown:
	if
	:: d_step {
		running = NONE;
		uses_service = false;
		uses_volume = false;
		created = false;
#ifndef NO_PHASE
		phase = TEARDOWN
#endif
	   }
	:: DIE
	fi;
	reap();
	goto forget;

give_up:
	if
#ifdef FORGET_WHAT_WAS_BEGUN
	:: atomic { created -> goto unlink }
	:: atomic { !created -> skip }
#else
	:: atomic { created && !begun -> goto unlink }
	:: atomic { !created || begun -> skip }
#endif
	fi;
	if
	:: d_step { give_lock_back() }
	fi;
	goto end;
forget:	if
	:: d_step { CLAIM_LEAK(service == NONE && (volume == NONE || volume == STRANGER)) }
	fi;
unlink:	if
	:: d_step { lockfile = false; phase = NO_RECORD; give_lock_back() }
	fi;
	goto end;
died:	if
	:: d_step { die() }
	fi;
end:	skip
}

/* Sweep after sweep; a killed janitor is followed by another. */
proctype janitor(byte me)
{
	VARIABLES;

end:	if
	:: d_step {
		lock == NONE && lockfile -> lock = me;
#ifndef NO_SETTLE
		unsettled = MAY_HAVE_LATE_REQUESTS
#endif
	   }
	fi;
	reap();
	if
	:: d_step {
		CLAIM_LEAK(service == NONE && (volume == NONE || volume == STRANGER));
		lockfile = false;
		phase = NO_RECORD;
		give_lock_back()
	   }
	:: DIE
	fi;
	goto end;
give_up:
	if
	:: d_step { give_lock_back() }
	fi;
	goto end;
died:	if
	:: d_step { die() }
	fi;
	goto end
}

inline answer(i)
{
	if
	:: sender[i] == NONE -> request[i] = FREE; argument[i] = NONE
	:: else -> request[i] = ANSWERED
	fi
}

#define CARRY_OUT(i) \
	:: d_step { \
		request[i] == CREATE_SERVICE -> \
		if \
		:: service == NONE -> \
			CLAIM_LEAK(lockfile); \
			CLAIM_OF_THE_DEAD(running == NONE || running == argument[i]); \
			service = argument[i]; \
			uses_service = (running == argument[i] && sender[i] != NONE) \
		:: else \
		fi; \
		answer(i) \
	   } \
	:: d_step { \
		request[i] == CREATE_VOLUME -> \
		if \
		:: volume == NONE -> \
			CLAIM_LEAK(lockfile); \
			CLAIM_OF_THE_DEAD(running == NONE || running == argument[i]); \
			volume = argument[i]; \
			uses_volume = (running == argument[i] && sender[i] != NONE) \
		:: else \
		fi; \
		answer(i) \
	   } \
	:: d_step { \
		request[i] == REMOVE_SERVICE -> \
		if \
		:: IS_MEANT(argument[i]) -> \
			CLAIM_LIVE_RUN(!uses_service); \
			service = NONE; \
			uses_service = false \
		:: else \
		fi; \
		answer(i) \
	   } \
	:: d_step { \
		request[i] == REMOVE_VOLUME -> \
		if \
		:: volume != NONE -> \
			CLAIM_LIVE_RUN(!uses_volume); \
			CLAIM_STRANGER(volume != STRANGER); \
			volume = NONE; \
			uses_volume = false \
		:: else \
		fi; \
		answer(i) \
	   }

/* In any order, at any time. */
proctype engine()
{
end:	do
	CARRY_OUT(0)
	CARRY_OUT(1)
	CARRY_OUT(2)
	CARRY_OUT(3)
	CARRY_OUT(4)
	od
}

/* Another app takes the volume's name, at a time when nobody is about to remove it. */
proctype stranger()
{
#if VOLUMES
	if
	:: d_step {
		volume == NONE && lock == NONE && request[0] == FREE && request[1] == FREE &&
		request[2] == FREE && request[3] == FREE && request[4] == FREE ->
		volume = STRANGER
	   }
	:: true
	fi
#else
	skip
#endif
}

init {
	atomic {
		if /* after a reboot there may be objects without a lockfile */
		:: true
		:: SERVICES -> service = ORPHAN
		:: VOLUMES -> volume = ORPHAN
		fi;
		run run_of_app(RUN_1);
		run run_of_app(RUN_2);
		run janitor(JANITOR);
		run engine();
		run stranger()
	}
}
