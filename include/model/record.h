/*
 * The holder record: what a lockfile tells about its run. It informs people and helps fencing;
 * it never decides life (lock-protocol.md, "The record"). Texts come from files and are hostile.
 */
#ifndef MODEL_RECORD_H
#define MODEL_RECORD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "model/app.h"

#define RECORD_TEXT_MAX 160 /* longest holder, URL or cgroup that is kept */
#define RUN_ID_LENGTH 32    /* hex digits, random */

enum run_phase {
	RUN_PHASE_UNKNOWN,
	RUN_PHASE_WAITING,
	RUN_PHASE_FRESH_START,
	RUN_PHASE_RUNNING,
	RUN_PHASE_STOPPING,
	RUN_PHASE_TEARDOWN,
	RUN_PHASE_RELEASED,
	RUN_PHASE_ORPHAN, /* no run: a janitor has found the app without one, and removed nothing
			     yet */
};
#define RUN_PHASE_COUNT 8

/* Empty texts and zero numbers mean: not stated. */
struct record {
	bool known; /* false: the file was empty, torn or foreign, and nothing below is set */
	char app[APP_NAME_MAX + 1];
	char stack[APP_NAME_MAX + 1];
	char run_id[RUN_ID_LENGTH + 1];
	char holder[RECORD_TEXT_MAX + 1];
	char job_url[RECORD_TEXT_MAX + 1];
	char host[65];
	char boot_id[37];
	char cgroup[RECORD_TEXT_MAX + 1]; /* the run's own, below the cgroup v2 mount */
	char engine[RECORD_TEXT_MAX + 1]; /* where its objects are: engine/engine.h's identity */
	char engine_socket[64];
	pid_t pid;	     /* of the supervisor, in its own PID namespace */
	uint64_t pid_namespace; /* that one: inode number of /proc/self/ns/pid */
	uint64_t start_time; /* of that pid: /proc/PID/stat field 22, clock ticks since boot */
	enum run_phase phase;
	int64_t since;	  /* wall-clock second at which the lock was taken */
	int64_t deadline; /* wall-clock second, 0: none */
	/* `--keep-on-failure`: what the run made stays until then; 0: not kept. */
	int64_t keep_until; /* wall-clock second */
	int64_t keep_boot;  /* the same on CLOCK_BOOTTIME, which the boot of boot_id counts */
};

/* Where and when a record is read. */
struct record_clocks {
	int64_t wall;
	int64_t boot;
	bool same_boot;
	int64_t written; /* when the file was last written, by its time stamp */
};

/* For how many seconds yet its app is to be kept: at most max. Within the same boot jumps of the
 * wall clock don't count. A promise beyond max, hostile or of another configuration, is held no
 * longer than max from the writing. */
int64_t record_kept_for(const struct record *record, const struct record_clocks *now, int64_t max);

/* "fresh-start", "running", ... */
const char *run_phase_name(enum run_phase phase);
/* RUN_PHASE_UNKNOWN for any other word. */
enum run_phase run_phase_from_name(const char *name);

#endif
