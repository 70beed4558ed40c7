/*
 * An app's lease: its record of ownership in the swarm, for hosts that share one ([lock] cluster).
 * flock speaks for one kernel; the lease speaks for all of them. It is a config object named after
 * the app's hash, and what it says stands in its labels. One object's life:
 *
 *	create (atomic by name) --> held -- CAS --> held ... -- CAS --> released -- by id --> gone
 *	                             (renewed, or taken over)
 *
 * CAS: an update that names the version which was read. "released" is final for an object: nobody
 * takes it over, all may remove it. So a removal by id, however late it is carried out, never hits
 * a lease that somebody holds.
 *
 * Time, for a term T, from the moment at which the holder SENT the last write that was
 * acknowledged, on its own CLOCK_BOOTTIME:
 *
 *	T/3   it renews, and tries again until it has
 *	2T/3  it stops what it does
 *	5T/6  it kills it
 *	T     and no sooner, whoever has seen the same version for T on his own clock takes it over
 *
 * He saw the version after it was made, so his T ends after the holder's. The last sixth is for
 * clocks that don't run alike, and for requests that are carried out late.
 */
#ifndef MODEL_LEASE_H
#define MODEL_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/app.h"
#include "model/record.h"
#include "model/resource.h"

#define LEASE_NAME_PREFIX "ci-janitor-lease-"
#define LEASE_NAME_SIZE (sizeof(LEASE_NAME_PREFIX) + APP_HASH_LENGTH)
/* Its label: every lease has it. */
#define LEASE_LABEL "ci-janitor.lease"

#define LEASE_TERM_MIN_MS INT64_C(5000)
#define LEASE_TERM_MAX_MS INT64_C(3600000)

enum lease_state {
	LEASE_UNREADABLE, /* somebody's, but not as we write it: kept */
	LEASE_HELD,	  /* by a run */
	LEASE_REAPING,	  /* by a janitor */
	LEASE_ORPHAN, /* held by a janitor that looks whether the app is an orphan: when it dies,
			 that makes nobody's app a dead one */
	LEASE_RELEASED,
};

/* Who holds it. Texts come from the engine and are hostile; empty: not stated. */
struct lease_holder {
	char app[APP_NAME_MAX + 1];   /* may be unknown */
	char stack[APP_NAME_MAX + 1]; /* where it is not the app */
	char host[65];
	char machine[APP_HASH_LENGTH + 1]; /* a hash of the machine id */
	char node[32]; /* of the swarm; machine ids and names get cloned with the machines */
	char boot[37];
	char directory[48]; /* the lock directory's device and inode */
	char run_id[RUN_ID_LENGTH + 1];
	char holder[RECORD_TEXT_MAX + 1];
	int64_t term_ms;
};

#define LEASE_ID_SIZE 65

struct lease {
	struct app_hash hash;
	char id[LEASE_ID_SIZE];
	uint64_t version;
	enum lease_state state;
	struct lease_holder by;
};

/* "unreadable", "held", "reaping", "orphan", "released" */
const char *lease_state_name(enum lease_state state);

const char *lease_name(const struct app_hash *hash, char buffer[LEASE_NAME_SIZE]);

/* Reads what the engine has listed; false: it is no lease. */
bool lease_read(const struct resource *config, struct lease *ret);

/* The config as it is to be written; id and version are the lease's. The caller releases it. */
void lease_write(const struct lease *lease, struct resource *ret);

/* "github:1 on host b": whose it is. Hostile text, as from the engine. */
void lease_describe(const struct lease *lease, char *ret, size_t size);

int64_t lease_renew_after(int64_t term_ms);
int64_t lease_stop_after(int64_t term_ms);
int64_t lease_kill_after(int64_t term_ms);

#endif
