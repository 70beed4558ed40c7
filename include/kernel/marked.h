/* Finding a run's processes by their marker: CI_JANITOR_RUN_ID=<id> in /proc/PID/environ. */
#ifndef KERNEL_MARKED_H
#define KERNEL_MARKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

#define MARKER_VARIABLE "CI_JANITOR_RUN_ID"

/*
 * One pass over /proc: SIGKILL to every process but our own whose environment carries one of the
 * run ids. Each is opened as a pidfd first and the marker is read again afterwards, so that a
 * recycled pid is never hit. A process already dead but not yet waited for doesn't count.
 *
 * ret_counts[i] becomes the number of processes found with run_ids[i]; a pass in which it is 0 is
 * the proof for that run. Processes of other users that may not be looked into are no error; a
 * process that was found and may not be signalled is: it stays counted, and *err says so at the end
 * (the return value stays 0).
 *
 * A process in an exec shows no environment, and whether it carries a mark is unknown while its
 * program's file system doesn't answer. *ret_unread becomes 0, or the start time (as
 * process_start_time) of the youngest of those: for a run that began later, 0 found is a proof all
 * the same.
 *
 * Returns 0, or -1 with *err when /proc can't be read.
 */
int marked_kill(const char *const *run_ids, size_t count, size_t *ret_counts, uint64_t *ret_unread,
		struct error *err);

/* The same, but processes of which spare(pid, data) says so are neither killed nor counted. It is
 * asked while a pidfd keeps the number from changing hands. */
int marked_kill_others(const char *const *run_ids, size_t count,
		       bool (*spare)(pid_t pid, const void *data), const void *data,
		       size_t *ret_counts, uint64_t *ret_unread, struct error *err);

/* May an unread process be one of the run whose supervisor started then (0: not known)? */
bool marked_leaves_doubt(uint64_t unread, uint64_t began);

/* Does the process carry the run's marker? */
bool marked_carries(pid_t pid, const char *run_id);

#endif
