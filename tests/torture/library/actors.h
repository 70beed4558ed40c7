/* What the processes of the torture do, turn after turn, until they are killed. Each uses the lock
 * library the way src/run or src/reap does. */
#ifndef TORTURE_ACTORS_H
#define TORTURE_ACTORS_H

#include "oracle.h"
#include "random.h"

enum actor_kind {
	ACTOR_RUN,     /* acquires, creates, works, tears down or leaves it to others */
	ACTOR_JANITOR, /* probes, reaps what is dead, forgets */
	ACTOR_LOOKER,  /* list, status: takes no lock */
};

struct actor {
	struct oracle *oracle;
	enum actor_kind kind;
	const char *dir;
	uint64_t random; /* the generator's state */
	unsigned token;
	bool leaks; /* a mistake for the oracle to find: forgets before everything is removed */
	struct handover *handover;
};

void __attribute__((noreturn)) actor_live(struct actor *actor);

/* The sweep at the end, when no actor is left: nothing may be held, and nothing stays. */
void actor_sweep_clean(struct actor *actor);

#endif
