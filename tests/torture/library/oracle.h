/*
 * The oracle: what every process of the torture says it does, in memory that they share, and the
 * judgement of each event against what the others have said.
 *
 * A process puts its mark on an app after the library has told it that the lock is its own, and
 * takes it off before it gives the lock up: while a mark stands, its lock is held, unless the
 * process was killed. Only the driver kills, and it dooms the process first. So a newcomer who
 * finds the mark of one who is not doomed has caught two holders, and one who finds a doomed one's
 * has not: the kernel has freed that lock. One who is doomed and not dead yet can't be told from a
 * dead one; that takes microseconds, and if he lives on he finds his mark gone when he leaves.
 *
 * Nothing of src/ is asked, so that a mistake there can't hide itself.
 */
#ifndef TORTURE_ORACLE_H
#define TORTURE_ORACLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define APPS 3
#define OBJECTS 4 /* stand-ins for what a run creates on the engine, per app */
#define ACTORS 12 /* processes that the driver starts */
#define SLOTS 44  /* and those that they start in their turn */
#define TOKENS_MAX (1U << 24)
#define JOINING UINT32_MAX /* a slot that is being filled */

enum violation {
	VIOLATION_TWO_HOLDERS,
	VIOLATION_REMOVED,  /* an object went while its live holder held */
	VIOLATION_UNLINKED, /* the lockfile of a live holder was unlinked */
	VIOLATION_LEAK,	    /* objects without a lockfile */
	VIOLATION_LOOK,	    /* a look that took no lock saw what wasn't so */
	VIOLATION_FAILED,   /* the library refused what had to succeed */
	VIOLATION_KINDS,
};

/* One process. The driver clears the token before it starts another in the same slot. */
struct slot {
	_Atomic pid_t pid;
	atomic_uint token; /* unique; 0: none */
};

struct app {
	_Atomic uint64_t mark;	      /* serial << 32 | token of the holder; 0: nobody */
	atomic_uint objects[OBJECTS]; /* the token of the run that made it; 0: none */
};

struct oracle {
	struct app apps[APPS];
	struct slot slots[SLOTS];
	atomic_uint last_token, last_serial;
	atomic_int violations[VIOLATION_KINDS];
	_Atomic int64_t first_violation_ms;
	atomic_long runs, janitors, waits, reaps, looks, forgets;
	_Atomic pid_t pids[TOKENS_MAX];
	atomic_bool doomed[TOKENS_MAX];
};

/* In memory that forked processes share. */
struct oracle *oracle_new(void);

/* A number for this process in a slot of its own (of the driver's, or -1: any that is left). */
unsigned oracle_join(struct oracle *oracle, int slot);
void oracle_part(struct oracle *oracle, unsigned token);

void oracle_blame(struct oracle *oracle, enum violation kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int oracle_violations(const struct oracle *oracle);
const char *violation_name(enum violation kind);
/* The rest of a line: when the first violation was, and of each kind how many. */
void oracle_print_violations(const struct oracle *oracle, int64_t began_ms);

/* The lock is ours. Returns the mark. */
uint64_t oracle_enter(struct oracle *oracle, unsigned token, int app);
/* The lock passes from a process to one that shares its description. */
uint64_t oracle_hand_over(struct oracle *oracle, uint64_t from, unsigned token, int app);
/* Before the lock is given up. fd: the lockfile's, which must still be linked. */
void oracle_leave(struct oracle *oracle, uint64_t mark, int app, int fd);

void oracle_create_object(struct oracle *oracle, unsigned token, int app, int object);
/* As the holder with the mark. True: there was one. own: it must be there, and of that token. */
bool oracle_remove_object(struct oracle *oracle, uint64_t mark, int app, int object, unsigned own);
bool oracle_has_objects(const struct oracle *oracle, int app);

unsigned mark_token(uint64_t mark);
bool oracle_is_doomed(const struct oracle *oracle, uint64_t mark);

#endif
