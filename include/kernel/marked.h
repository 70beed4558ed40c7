/* Finding a run's processes by their marker: CI_JANITOR_RUN_ID=<id> in /proc/PID/environ. */
#ifndef KERNEL_MARKED_H
#define KERNEL_MARKED_H

#include <stdbool.h>
#include <stddef.h>
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
 * (the return value stays 0). Returns 0, or -1 with *err when /proc can't be read.
 */
int marked_kill(const char *const *run_ids, size_t count, size_t *ret_counts, struct error *err);

/* The same, but processes of which spare(pid, data) says so are neither killed nor counted. It is
 * asked while a pidfd keeps the number from changing hands. */
int marked_kill_others(const char *const *run_ids, size_t count,
		       bool (*spare)(pid_t pid, const void *data), const void *data,
		       size_t *ret_counts, struct error *err);

/* Does the process carry the run's marker? */
bool marked_carries(pid_t pid, const char *run_id);

#endif
