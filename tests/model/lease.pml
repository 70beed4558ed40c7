/*
 * One app's lease, two hosts that want it, and a store whose requests are carried out late, or get no
 * answer, for any length of time: that is a partition as well. Time goes in ticks; a host's clock may
 * miss one. README.md in this folder says what is what in src/.
 *
 * Broken variants:	NO_MARGIN, WALL_CLOCKS, WORK_BEFORE_TAKEOVER, BLIND_UPDATE, REMOVE_WITHOUT_RELEASE,
 *			AGE_FROM_ANSWER, TAKE_AT_ONCE, PAUSED (a host stops, command and all, and goes on)
 * Sizes:		TICKS, LOST (answers), OLD (answers), DEATHS
 * Properties:		both, or with ONLY_... one of them
 */
#ifndef TICKS
#define TICKS 6
#endif

#ifndef LOST
#define LOST 1 /* answers at most */
#endif

#ifndef DEATHS
#define DEATHS 1
#endif

#ifndef OLD
#define OLD 0 /* answers, at most, that show none though one is held */
#endif

#define TERM 5
#define RENEW 1
#ifdef NO_MARGIN
#define KILL TERM
#else
#define KILL 3
#endif
#define SLOW 1 /* ticks that a clock may miss: less than TERM - KILL */
#define OFFSET 2 /* between wall clocks */

/* The store: one name. What a request or a sighting has read of it, version and id, is told by whether
 * it is still so: numbers would make states that differ in nothing else. */
bool there;
bit owner;
bool released;
byte unchanged; /* ticks since the last write */

/* One request of each host waits for its answer; one more may still be carried out. */
mtype = { NONE, CREATE, TAKE, RELEASE, REMOVE, PROVE, DONE, REFUSED };
typedef Request {
	mtype what;
	bool version, id /* ... is still the one that was read */
};
Request asked[2], late[2];
mtype question[2]; /* what the request that waits for its answer was */

bool works[2];	      /* its command lives, or it removes: what must be one at a time */
bool holds[2];	      /* by a write that was acknowledged */
byte age[2];	      /* of that write, since it was sent, on its own clock */
byte sent[2];	      /* of the request */
byte slow[2] = SLOW;
bool seen[2];	      /* the version that is there was seen */
byte watched[2];      /* for how many ticks */
bool stopped[2];
byte ticks;
byte lost = LOST, deaths = DEATHS;
#if OLD
byte old = OLD;
#endif

/* The properties. A name is what pan prints when it is violated. */
bool one_at_a_time = true;
bool only_released_removed = true;

#if defined(ONLY_ONE) || defined(ONLY_REMOVED)
#define ONLY
#endif
#if defined(ONLY_ONE) || !defined(ONLY)
#define CHECK_ONE(condition) one_at_a_time = (condition); assert(one_at_a_time)
#else
#define CHECK_ONE(condition) skip
#endif
#if defined(ONLY_REMOVED) || !defined(ONLY)
#define CHECK_REMOVED(condition) only_released_removed = (condition); assert(only_released_removed)
#else
#define CHECK_REMOVED(condition) skip
#endif

inline written()
{
	asked[0].version = false; asked[1].version = false;
	late[0].version = false; late[1].version = false;
	seen[0] = false; seen[1] = false; watched[0] = 0; watched[1] = 0;
	unchanged = 0
}

#define forget(request) request.what = NONE; request.version = false; request.id = false

inline carry_out(request, who, answer)
{
	answer = REFUSED;
	if
	:: request.what == CREATE && !there ->
		there = true; owner = who; released = false; written(); answer = DONE
#ifdef BLIND_UPDATE
	:: request.what == TAKE && request.id && !released ->
#else
	:: request.what == TAKE && request.version ->
#endif
		owner = who; written(); answer = DONE
	:: request.what == RELEASE && request.version ->
		released = true; written(); answer = DONE
	:: request.what == PROVE && !there ->
		there = true; owner = who; released = true; written(); answer = DONE
	:: request.what == REMOVE && request.id ->
		CHECK_REMOVED(released);
		there = false; released = false; owner = 0; written();
		asked[0].id = false; asked[1].id = false; late[0].id = false; late[1].id = false;
		answer = DONE
	:: else -> skip
	fi
}

/* Any request at any time; its sender may be gone. */
active proctype store()
{
	mtype answer;
	byte h;

end:	do
	:: atomic { (asked[0].what == CREATE || asked[0].what == TAKE || asked[0].what == RELEASE ||
		     asked[0].what == REMOVE || asked[0].what == PROVE) ->
		carry_out(asked[0], 0, answer); asked[0].what = answer; answer = NONE }
	:: atomic { (asked[1].what == CREATE || asked[1].what == TAKE || asked[1].what == RELEASE ||
		     asked[1].what == REMOVE || asked[1].what == PROVE) ->
		carry_out(asked[1], 1, answer); asked[1].what = answer; answer = NONE }
	:: atomic { late[0].what != NONE ->
		carry_out(late[0], 0, answer); forget(late[0]); answer = NONE }
	:: atomic { late[1].what != NONE ->
		carry_out(late[1], 1, answer); forget(late[1]); answer = NONE }
	od
}

/* Whoever lives and has not stopped kills in time: a tick waits for that. */
#define IN_TIME(h) (!works[h] || stopped[h] || age[h] < KILL)

inline tick_of(h)
{
	if
	:: slow[h] > 0 -> slow[h]--
	:: age[h] = (holds[h] && age[h] < TERM -> age[h] + 1 : age[h]);
	   sent[h] = (question[h] != NONE && sent[h] < TERM -> sent[h] + 1 : sent[h])
	fi;
	watched[h] = (seen[h] && watched[h] < TERM -> watched[h] + 1 : watched[h])
}

active proctype clock()
{
end:	do
	:: atomic { ticks < TICKS && IN_TIME(0) && IN_TIME(1) ->
		ticks++;
		#ifdef WALL_CLOCKS
		unchanged = (unchanged < TERM -> unchanged + 1 : unchanged);
#endif
		tick_of(0); tick_of(1) }
	od
}

#define ask(h, w) asked[h].what = w; question[h] = w; sent[h] = 0; \
	asked[h].id = there; asked[h].version = there

#define idle(h) forget(asked[h]); question[h] = NONE; sent[h] = 0
#define abandon(h) late[h].what = asked[h].what; late[h].id = asked[h].id; \
	late[h].version = asked[h].version

#ifdef WALL_CLOCKS
#define MAY_TAKE(h) (unchanged + OFFSET >= TERM)
#else
#ifdef TAKE_AT_ONCE
#define MAY_TAKE(h) true
#else
#define MAY_TAKE(h) (seen[h] && watched[h] >= TERM)
#endif
#endif

#define begin_work(h) works[h] = true; CHECK_ONE(!works[1 - h])

/* One look at the store, and what follows: as `looked` in src/reap/lease_client.c. */
inline look(h, releasing)
{
	if
#if OLD
	:: there && holds[h] && !releasing && old -> old--; ask(h, PROVE)
#endif
	:: !there ->
		if
		:: releasing -> ended = true; holds[h] = false; works[h] = false
		:: holds[h] && !releasing -> ask(h, PROVE)
		:: else -> ask(h, CREATE)
		fi
	:: there && released ->
		if
		:: holds[h] && !releasing -> holds[h] = false; works[h] = false
		:: else -> ask(h, REMOVE)
		fi
	:: there && !released && owner == h ->
#ifdef REMOVE_WITHOUT_RELEASE
		if
		:: releasing -> ask(h, REMOVE)
		:: else -> ask(h, TAKE)
		fi
#else
		if
		:: releasing -> ask(h, RELEASE)
		:: else -> ask(h, TAKE)
		fi
#endif
	:: there && !released && owner != h ->
		if
		:: holds[h] || releasing -> ended = releasing; holds[h] = false; works[h] = false
		:: else ->
			if
			:: !seen[h] -> seen[h] = true; watched[h] = 0
			:: else -> skip
			fi;
			if
			:: MAY_TAKE(h) -> ask(h, TAKE);
#ifdef WORK_BEFORE_TAKEOVER
				begin_work(h); age[h] = 0
#endif
			:: else -> skip
			fi
		fi
	fi
}

proctype host(byte h)
{
	bool releasing, ended;

end:	do
	/* An answer. */
	:: atomic { !stopped[h] && asked[h].what == DONE ->
		if
		:: (question[h] == CREATE || question[h] == TAKE) && !releasing ->
			holds[h] = true;
#ifdef AGE_FROM_ANSWER
			age[h] = 0;
#else
			age[h] = sent[h];
#endif
			if
			:: age[h] < KILL -> begin_work(h)
			:: else -> skip
			fi
		:: question[h] == PROVE -> holds[h] = false; works[h] = false
		:: else -> skip
		fi;
		idle(h) }
	:: atomic { !stopped[h] && asked[h].what == REFUSED -> idle(h) }
	/* None: the request stays under way. */
	:: atomic { !stopped[h] && asked[h].what != NONE && asked[h].what != DONE &&
		    asked[h].what != REFUSED && late[h].what == NONE && lost ->
		lost--;
		abandon(h); idle(h) }
	/* Its time to look: it has none yet, to renew, or to release. */
	:: atomic { !stopped[h] && asked[h].what == NONE && !ended &&
		    (!holds[h] || age[h] >= RENEW || releasing) ->
		look(h, releasing) }
	/* It could not renew. */
	:: atomic { !stopped[h] && works[h] && age[h] >= KILL -> works[h] = false; holds[h] = false; age[h] = 0 }
	/* It is done. */
	:: atomic { !stopped[h] && works[h] && !releasing -> works[h] = false; releasing = true }
	/* It dies, and all with it. */
	:: atomic { !stopped[h] && !ended && late[h].what == NONE && deaths ->
		deaths--; works[h] = false; holds[h] = false; ended = true;
		if
		:: asked[h].what != NONE && asked[h].what != DONE && asked[h].what != REFUSED ->
			abandon(h)
		:: else -> skip
		fi;
		idle(h); age[h] = 0; watched[h] = 0; seen[h] = false }
#ifdef PAUSED
	:: atomic { works[h] && !stopped[h] -> stopped[h] = true }
	:: atomic { stopped[h] -> stopped[h] = false; CHECK_ONE(!works[1 - h] || !works[h]) }
#endif
	od
}

init
{
	atomic {
		late[0].what = NONE; late[1].what = NONE;
		asked[0].what = NONE; asked[1].what = NONE;
		run host(0); run host(1)
	}
}
