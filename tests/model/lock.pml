/*
 * The lock protocol of one app, as src/ implements it. README.md in this folder says which line of
 * code each step is, what is left out, and what each switch breaks. Every syscall is one step, and
 * before each of them the process may be killed (DIE).
 *
 * Sizes:		ACQUIRERS, JANITORS (together at most 5), ROUNDS runs per acquirer
 * Environment:		EXTERNAL_UNLINK (rm, a tmp cleaner: so often), REPEATING_NUMBERS (a tmpfs
 *			with 32-bit inode numbers, at its worst: all are alike), LIVENESS
 * Broken variants:	NO_IDENTITY_ACQUIRER, NO_IDENTITY_JANITOR, CHECK_BEFORE_FLOCK, UNLINK_AFTER_CLOSE,
 *			UNLINK_AFTER_STAT, RECORD_BY_RENAME, SHARED_PROBE, NO_CLEANUP, NO_FENCE, RECORD_FIRST,
 *			NO_LINK_COUNT, CREATOR_IS_FIRST, NO_DELETED_CHECK,
 *			DELETED_CHECK_OF_CREATOR
 * Properties:		all, or with ONLY_... one of them
 */
#ifndef ACQUIRERS
#define ACQUIRERS 2
#endif
#ifndef JANITORS
#define JANITORS 2
#endif
#ifndef ROUNDS
#define ROUNDS 1
#endif
#ifndef EXTERNAL_UNLINK
#define EXTERNAL_UNLINK 0
#endif

#define MAX 5 /* processes; and one inode more, which only the path names */
#define NONE 255
#define BIT(number) (1 << (number))

/* One name, and the inodes. An inode is linked exactly while the path names it, and its slot is free
 * for another one, with the same number, as soon as neither the path nor a descriptor has it. */
byte path = NONE;
byte fd[MAX] = NONE;	 /* by process */
byte lk[MAX];		 /* flock on the descriptor */
byte record[MAX + 1] = NONE; /* by inode: the run that it names */
#define SH 1
#define EX 2

byte holders; /* processes that hold the app, by what they have proven; bits */
byte alive;   /* runs whose command, or what it left, still runs and deploys; bits */
bool objects; /* does the engine have any of the app? */
#if EXTERNAL_UNLINK
byte unlinks = EXTERNAL_UNLINK;
#endif

/* The properties. A name is what pan prints when it is violated. */
bool never_two_holders = true;
bool no_removal_under_a_holder = true;
bool only_the_own_file_unlinked = true;
bool no_object_without_lockfile = true;
bool clean_start = true;

#if defined(ONLY_TWO_HOLDERS) || defined(ONLY_REMOVAL) || defined(ONLY_UNLINK) || \
	defined(ONLY_LEAK) || defined(ONLY_CLEAN_START)
#define ONLY
#endif
#if !defined(ONLY) || defined(ONLY_TWO_HOLDERS)
#define CLAIM_TWO_HOLDERS(condition) never_two_holders = (condition); assert(never_two_holders)
#else
#define CLAIM_TWO_HOLDERS(condition) skip
#endif
#if !defined(ONLY) || defined(ONLY_REMOVAL)
#define CLAIM_REMOVAL(condition) \
	no_removal_under_a_holder = (condition); assert(no_removal_under_a_holder)
#else
#define CLAIM_REMOVAL(condition) skip
#endif
/* Not claimed where somebody else unlinks: between the last check and unlinkat he may always do so, and
 * a dead lockfile that he takes away leaves objects without one. */
#if (!defined(ONLY) && !EXTERNAL_UNLINK) || defined(ONLY_UNLINK)
#define CLAIM_UNLINK(condition) \
	only_the_own_file_unlinked = (condition); assert(only_the_own_file_unlinked)
#else
#define CLAIM_UNLINK(condition) skip
#endif
#if (!defined(ONLY) && !EXTERNAL_UNLINK) || defined(ONLY_LEAK)
#define CLAIM_LEAK(condition) \
	no_object_without_lockfile = (condition); assert(no_object_without_lockfile)
#else
#define CLAIM_LEAK(condition) skip
#endif
#if (!defined(ONLY) && !EXTERNAL_UNLINK) || defined(ONLY_CLEAN_START)
#define CLAIM_CLEAN_START(condition) clean_start = (condition); assert(clean_start)
#else
#define CLAIM_CLEAN_START(condition) skip
#endif

#ifdef REPEATING_NUMBERS
#define SAME_NUMBER(a, b) true
#else
#define SAME_NUMBER(a, b) ((a) == (b))
#endif

#ifdef LIVENESS
/* Acquirer 0 is patient, janitor 0 is not killed, and the engine works. */
#define DIE me != 0 && me < ACQUIRERS -> goto died
#define GIVE_UP_WAITING me != 0
#define ENGINE_FAILS false
#else
#define DIE true -> goto died
#define GIVE_UP_WAITING true
#define ENGINE_FAILS true
#endif

#define NOT_LOCKED_BY(other) (other == me || fd[other] != fd[me] || lk[other] == 0)
#define NOT_LOCKED_EX_BY(other) (other == me || fd[other] != fd[me] || lk[other] != EX)
#define LOCK_IS_FREE \
	(NOT_LOCKED_BY(0) && NOT_LOCKED_BY(1) && NOT_LOCKED_BY(2) && NOT_LOCKED_BY(3) && \
	 NOT_LOCKED_BY(4))
#define LOCK_IS_FREE_FOR_SH \
	(NOT_LOCKED_EX_BY(0) && NOT_LOCKED_EX_BY(1) && NOT_LOCKED_EX_BY(2) && \
	 NOT_LOCKED_EX_BY(3) && NOT_LOCKED_EX_BY(4))
#define IN_USE(slot) \
	(path == (slot) || fd[0] == (slot) || fd[1] == (slot) || fd[2] == (slot) || \
	 fd[3] == (slot) || fd[4] == (slot))

/* The lowest free slot, as ext4 does it: a number comes again at once. */
inline new_inode(slot)
{
	slot = 0;
	do
	:: IN_USE(slot) -> slot++
	:: else -> break
	od;
	assert(slot <= MAX);
	record[slot] = NONE
}

/* A descriptor goes, and with it its lock: by close, or by the death of the process. */
inline close_fd()
{
	closing = fd[me];
	fd[me] = NONE;
	lk[me] = 0;
	holders = holders & ~BIT(me);
	if
	:: closing != NONE && !IN_USE(closing) -> record[closing] = NONE
	:: else
	fi;
	closing = NONE;
	linked = false
}

/* lockfile_identity: fstat tells the link count, then fstatat what the path names. */
#ifdef NO_LINK_COUNT
#define IS_LINKED true
#else
#define IS_LINKED linked
#endif
#define IS_OURS (IS_LINKED && path != NONE && SAME_NUMBER(path, fd[me]))
inline fstat_links()
{
	if
	:: linked = (path == fd[me])
	:: DIE
	fi
}

#define ENTER \
	linked = false; \
	CLAIM_TWO_HOLDERS(holders == 0); \
	holders = holders | BIT(me)

/* lock_find_deleted_holder: a look at /proc/locks, then at the directory, then again at /proc/locks. */
#if EXTERNAL_UNLINK && !defined(NO_DELETED_CHECK)
#define DELETED_CHECK
#endif
#define IS_OTHERS_LOCK(other) (other != me && lk[other] != 0 && fd[other] != fd[me])
#define NOTE_LOCK(other) \
	if \
	:: IS_OTHERS_LOCK(other) -> locked = locked | BIT(fd[other]) \
	:: else \
	fi
#define STILL_LOCKED(other) (IS_OTHERS_LOCK(other) && (locked & BIT(fd[other])))

inline look_for_deleted_holder()
{
	if
	:: d_step {
		NOTE_LOCK(0); NOTE_LOCK(1); NOTE_LOCK(2); NOTE_LOCK(3); NOTE_LOCK(4)
	   }
	:: DIE
	fi;
	if
	:: d_step {
		if
		:: path != NONE -> locked = locked & ~BIT(path)
		:: else
		fi
	   }
	:: DIE
	fi;
	if
	:: d_step {
		deleted_holder = STILL_LOCKED(0) || STILL_LOCKED(1) || STILL_LOCKED(2) ||
				 STILL_LOCKED(3) || STILL_LOCKED(4);
		locked = 0
	   }
	:: DIE
	fi
}

/* Fence, list, remove, verify: all that happens to the app under the lock. */
#ifdef NO_FENCE
#define FENCE(bits) skip
#else
#define FENCE(bits) alive = alive & ~(bits)
#endif
inline reap_objects()
{
	do
	:: atomic { !objects -> break }
	:: atomic { objects -> skip };
	   if
	   :: d_step {
		CLAIM_REMOVAL((holders & ~BIT(me)) == 0);
		objects = false
	      }
	   :: DIE
	   fi
	:: atomic { ENGINE_FAILS -> goto give_up }
	:: DIE
	od
}

#define HAS(other, slot) (fd[other] == (slot) && lk[other] != 0)
#define NOBODY_HAS(slot) \
	(!HAS(0, slot) && !HAS(1, slot) && !HAS(2, slot) && !HAS(3, slot) && !HAS(4, slot))

/* app_lock_forget. What is unlinked is nobody's any more, whoever still has it open. */
inline unlink_and_close()
{
	if
	:: d_step {
		CLAIM_UNLINK(path == fd[me] && lk[me] == EX);
		CLAIM_LEAK(!objects);
		path = NONE;
		holders = holders & ~BIT(me)
	   }
	:: DIE
	fi;
	if
	:: d_step { close_fd() }
	:: DIE
	fi
}

inline check_and_unlink()
{
	fstat_links();
	if
	:: IS_OURS
	:: atomic { !IS_OURS -> d_step { close_fd() }; goto left }
	:: DIE
	fi;
	unlink_and_close()
}

inline close_and_unlink()
{
	if
	:: d_step { was = fd[me]; close_fd() }
	:: DIE
	fi;
#ifdef UNLINK_AFTER_STAT
	if
	:: atomic { path == was -> skip }
	:: atomic { path != was -> was = NONE; goto left }
	:: DIE
	fi;
#endif
	if
	:: d_step {
		CLAIM_UNLINK(path == was && NOBODY_HAS(was));
		CLAIM_LEAK(!objects);
		path = NONE;
		was = NONE
	   }
	:: DIE
	fi
}

#if defined(UNLINK_AFTER_CLOSE) || defined(UNLINK_AFTER_STAT)
#define ACQUIRER_FORGETS close_and_unlink()
#define JANITOR_FORGETS close_and_unlink()
#else
#ifdef NO_IDENTITY_ACQUIRER
#define ACQUIRER_FORGETS unlink_and_close()
#else
#define ACQUIRER_FORGETS check_and_unlink()
#endif
#ifdef NO_IDENTITY_JANITOR
#define JANITOR_FORGETS unlink_and_close()
#else
#define JANITOR_FORGETS check_and_unlink()
#endif
#endif

bool served; /* acquirer 0 has got to its command */

/* `run`, or `reap APP`, which is the same without a command. */
proctype acquirer(byte me)
{
	byte round, number, locked, slot, closing = NONE, was = NONE;
	bool created, linked, deleted_holder;

next:	if
	:: atomic { round == ROUNDS -> goto end }
	:: atomic { round < ROUNDS -> number = me * ROUNDS + round; round++ }
	fi;

	/* app_lock_try */
try:	if
	:: atomic { path == NONE -> goto create }
	:: atomic { path != NONE -> fd[me] = path; created = false }
	:: DIE
	fi;
	if /* lockfile_open: unlinked meanwhile? */
	:: atomic { path != fd[me] -> d_step { close_fd() }; goto try }
	:: path == fd[me]
	:: DIE
	fi;
#ifdef CHECK_BEFORE_FLOCK
	fstat_links();
	if
	:: IS_OURS -> linked = false
	:: atomic { !IS_OURS -> d_step { close_fd() }; goto try }
	:: DIE
	fi;
#endif
flock:	if
	:: atomic {
		LOCK_IS_FREE -> lk[me] = EX;
#ifndef CREATOR_IS_FIRST
		created = created && record[fd[me]] == NONE /* describe_unless_used */
#endif
	   }
	:: atomic { !LOCK_IS_FREE -> goto wait }
	:: DIE
	fi;
check:	skip;
#if !defined(CHECK_BEFORE_FLOCK) && !defined(NO_IDENTITY_ACQUIRER)
	fstat_links();
	if
	:: IS_OURS
	:: atomic { !IS_OURS -> d_step { close_fd() }; goto try }
	:: DIE
	fi;
#endif
	goto got;

	/* create: O_TMPFILE, lock and describe it while nobody sees it, link it. Where that is missing,
	 * create_by_name: others may lock it first, and die. */
create:	if
	:: d_step {
		created = true;
		new_inode(slot);
		fd[me] = slot;
		lk[me] = EX;
		record[slot] = number;
		slot = 0
	   };
	   if
	   :: atomic { path == NONE -> path = fd[me] }
	   :: atomic { path != NONE -> d_step { close_fd() }; created = false; goto try }
	   :: DIE
	   fi;
	   goto check
#ifndef LIVENESS /* each time a janitor may be the first to lock the file that has just been born */
	:: atomic {
		path == NONE -> d_step {
			new_inode(slot);
			fd[me] = slot;
			path = slot;
			slot = 0;
			created = true
		}
	   };
	   goto flock
	:: atomic { path != NONE -> goto try }
#endif
	:: DIE
	fi;

	/* The helper of wait_look blocks in flock; wait_confirm checks. */
wait:	created = false;
	if
	:: atomic { LOCK_IS_FREE -> lk[me] = EX; goto check }
	:: atomic { GIVE_UP_WAITING -> d_step { close_fd() }; goto left }
	:: DIE
	fi;

	/* reap-held --mode fresh */
got:
#ifdef DELETED_CHECK
#ifdef DELETED_CHECK_OF_CREATOR
	if
	:: created -> look_for_deleted_holder()
	:: else
	fi;
#else
	look_for_deleted_holder();
#endif
	if
	:: atomic { deleted_holder && created -> deleted_holder = false; linked = false; goto leave }
	:: atomic { deleted_holder && !created ->
		deleted_holder = false; d_step { close_fd() }; goto left }
	:: atomic { !deleted_holder -> d_step { ENTER } }
	fi;
#else
	if
	:: d_step { ENTER }
	fi;
#endif
#ifdef RECORD_FIRST
	if
	:: atomic { record[fd[me]] = number; FENCE(BIT(number)) }
	:: DIE
	fi;
#endif
	if
	:: atomic {
		if
		:: !created && record[fd[me]] != NONE -> FENCE(BIT(record[fd[me]]))
		:: else
		fi;
		created = false
	   }
	:: DIE
	fi;
#ifndef NO_CLEANUP
	reap_objects();
#endif

	/* command_enter writes the record, then starts the command. */
	if
	:: d_step {
#ifdef RECORD_BY_RENAME
		new_inode(slot);
		path = slot;
		record[slot] = number;
		slot = 0
#else
		record[fd[me]] = number
#endif
	   }
	:: atomic { me != 0 -> goto done } /* `reap APP` starts none */
	:: DIE
	fi;
	if
	:: d_step {
		CLAIM_CLEAN_START(!objects && alive == 0);
		alive = alive | BIT(number);
		served = served || me == 0
	   }
	:: DIE
	fi;

	/* It ends by itself; a kill of the run alone leaves it running. kill_rest, then reap-held --mode
	 * teardown. */
	if
	:: alive = alive & ~BIT(number)
	:: DIE
	fi;
	reap_objects();
done:	skip;
	/* run_leave does the same, for what this very call has created. */
leave:	ACQUIRER_FORGETS;
	goto left;
give_up:
	if
	:: d_step { close_fd() }
	:: DIE
	fi;
	goto left;

died:	if
	:: d_step { close_fd(); locked = 0; was = NONE; deleted_holder = false }
	fi;
left:	created = false;
	goto next;
end:	skip
}

/* One lockfile in sweep after sweep; a killed janitor is followed by another. */
proctype janitor(byte me)
{
	byte locked, closing = NONE, was = NONE;
	bool linked, deleted_holder;

end:
left:	if
	:: atomic { path != NONE -> fd[me] = path }
	fi;
	if
	:: atomic { path != fd[me] -> d_step { close_fd() }; goto left }
	:: path == fd[me]
	:: DIE
	fi;
#ifdef CHECK_BEFORE_FLOCK
	fstat_links();
	if
	:: IS_OURS -> linked = false
	:: atomic { !IS_OURS -> d_step { close_fd() }; goto left }
	:: DIE
	fi;
#endif
	if
#ifdef SHARED_PROBE
	:: atomic { LOCK_IS_FREE_FOR_SH -> lk[me] = SH }
	:: atomic { !LOCK_IS_FREE_FOR_SH -> d_step { close_fd() }; goto left }
#else
	:: atomic { LOCK_IS_FREE -> lk[me] = EX }
	:: atomic { !LOCK_IS_FREE -> d_step { close_fd() }; goto left }
#endif
	:: DIE
	fi;
#if !defined(CHECK_BEFORE_FLOCK) && !defined(NO_IDENTITY_JANITOR)
	fstat_links();
	if
	:: IS_OURS
	:: atomic { !IS_OURS -> d_step { close_fd() }; goto left }
	:: DIE
	fi;
#endif
#ifdef SHARED_PROBE
	/* The kernel drops the shared lock before it waits for the exclusive one. */
	lk[me] = 0;
	if
	:: atomic { LOCK_IS_FREE -> lk[me] = EX }
	:: DIE
	fi;
#endif
#ifdef DELETED_CHECK
#ifndef DELETED_CHECK_OF_CREATOR
	look_for_deleted_holder();
	if
	:: atomic { deleted_holder -> deleted_holder = false; d_step { close_fd() }; goto left }
	:: atomic { !deleted_holder -> skip }
	fi;
#endif
#endif
	d_step { ENTER };
	if
	:: atomic {
		if
		:: record[fd[me]] != NONE -> FENCE(BIT(record[fd[me]]))
		:: else
		fi
	   }
	:: DIE
	fi;
	reap_objects();
	JANITOR_FORGETS;
	goto left;

	/* Not all could be removed: the lockfile stays. */
give_up:
died:	if
	:: d_step { close_fd(); locked = 0; was = NONE; deleted_holder = false }
	fi;
	goto left
}

/* What the commands of all runs do to the engine, as long as anything of them lives. */
proctype commands()
{
end:	do
	:: d_step {
		alive != 0 && !objects ->
		CLAIM_LEAK(path != NONE);
		objects = true
	   }
	od
}

#if EXTERNAL_UNLINK
proctype unlinker()
{
end:	do
	:: d_step { unlinks > 0 && path != NONE -> unlinks--; path = NONE }
	od
}
#endif

init {
	atomic {
		byte i;

		for (i : 0 .. ACQUIRERS - 1) {
			run acquirer(i)
		}
		for (i : ACQUIRERS .. ACQUIRERS + JANITORS - 1) {
			run janitor(i)
		}
		run commands();
#if EXTERNAL_UNLINK
		run unlinker()
#endif
	}
}

#ifdef LIVENESS
ltl waiting_run_is_served { <> served }
ltl all_is_clean_in_the_end { <> [] (path == NONE && !objects && alive == 0) }
#endif
