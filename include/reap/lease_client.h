/*
 * One app's lease, from taking to releasing it, over the engine port: a state machine that never
 * blocks. Whoever works on an app under its lock has one, and renews it himself.
 *
 *	lease_client_init -> { lease_client_step, wait for answers, lease_client_answer } ...
 *
 * Only a write of ours that was acknowledged makes the lease held, from the moment at which it was
 * sent. After any other answer, or none, it is read again: a write may have been carried out.
 * Writes come one after the other for the whole swarm; what is read may be older than the last of
 * them by any number, and is no reason to give up what was held: another's lease must be newer than
 * our last write, and that there is none is proved by a write.
 */
#ifndef REAP_LEASE_CLIENT_H
#define REAP_LEASE_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "model/engine_answer.h"
#include "model/lease.h"
#include "reap/engine_port.h"
#include "reap/lease_judge.h"

enum lease_status {
	LEASE_STATUS_PENDING, /* not known yet */
	LEASE_STATUS_HELD,
	LEASE_STATUS_BUSY,   /* another's, who may be alive; it is looked at again and again */
	LEASE_STATUS_LOST,   /* it was held, and is another's or gone */
	LEASE_STATUS_NONE,   /* must_exist: it doesn't, or not any more */
	LEASE_STATUS_FAILED, /* the engine refuses: see error */
	LEASE_STATUS_GONE,   /* released, and removed */
	LEASE_STATUS_CLEAR,  /* look_only: nobody's, or it might be taken */
};

enum lease_step {
	LEASE_STEP_CREATE,
	LEASE_STEP_LOOK,
	LEASE_STEP_WRITE,  /* renew, take over, or release */
	LEASE_STEP_REST,   /* nothing to do until not_before */
	LEASE_STEP_PROVE,  /* ours isn't seen: a released one can only be made if it is gone */
	LEASE_STEP_REMOVE, /* a released one */
	LEASE_STEP_NODE,   /* which one is this host? */
	LEASE_STEP_END,
};

struct lease_client {
	struct lease wanted; /* what is written */
	struct lease found;  /* as last read */
	struct lease_sighting seen;
	enum lease_status status;
	enum lease_step step;
	bool asked;	 /* a request is under way */
	bool asked_node; /* ... or was, for this */
	bool look_only;	 /* nothing is written */
	bool must_exist; /* it is taken over, or nothing is done */
	bool renew_only; /* none is taken over, not even a dead one's */
	bool releasing;
	bool release_sent; /* the write under way says so */
	bool taken_over;   /* from a dead holder, whose requests may still be carried out */
	bool inherited;	   /* ... whose app it says is to be reaped: it must go on saying so */
	uint64_t replaced; /* with HELD: the version that the last acknowledged write was made of */
	const char *from;  /* a lease of this host may be taken even from a live one; NULL: none */
	int64_t not_before; /* CLOCK_BOOTTIME, milliseconds, as all times here */
	int64_t backoff_ms;
	int64_t sent_at;    /* the request under way */
	int64_t renewed_at; /* with HELD: when the last acknowledged write was sent */
	char reason[128];   /* with BUSY: why; with taken_over: how it is known */
	struct error error; /* the last failure; ERROR_NONE after a success */
};

/* self: all that the lease is to say. create: it is expected not to be there. */
void lease_client_init(struct lease_client *client, const struct app_hash *hash,
		       const struct lease_holder *self, enum lease_state state, bool create);

/* Sends what is due, at most one request. Its answer has to come to lease_client_answer. -1 with
 * *err: ERROR_BUG. */
int lease_client_step(struct lease_client *client, const struct engine_port *port, uint64_t cookie,
		      struct error *err);
void lease_client_answer(struct lease_client *client, const struct engine_answer *answer);

/* Milliseconds until a step has something to do; 0: now; -1: only after an answer. */
int64_t lease_client_due(const struct lease_client *client);

/* May what is done under the lease go on? */
bool lease_client_is_valid(const struct lease_client *client);

/* From now on it is being released; LEASE_STATUS_GONE when that is done. */
void lease_client_release(struct lease_client *client);

/* Adds which node of the swarm this host is, as far as the engine has told. */
void lease_holder_take_node(struct lease_holder *holder, const struct engine_port *port);

#endif
