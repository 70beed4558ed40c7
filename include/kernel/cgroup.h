/*
 * A cgroup v2 group per run, so that everything a run started can be found and killed at once.
 *
 * The group is <our own group>/ci-janitor/<run id>: limits that bind us go on binding the run.
 * On hybrid machines the unified mount is used. Paths are relative to the cgroup2 mount, with a
 * leading '/'. Source: Linux Documentation/admin-guide/cgroup-v2.rst (cgroup.kill: 5.14).
 */
#ifndef KERNEL_CGROUP_H
#define KERNEL_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Makes the run's group. Returns 1 with the path and an O_DIRECTORY descriptor (the caller's), 0
 * with the reason in *err where no cgroup v2 hierarchy is writable here (or the path would not fit
 * size): not an error, the run goes without. */
int cgroup_create(const char *run_id, char *ret_path, size_t size, int *ret_fd, struct error *err);

/* Is this path one that cgroup_create could have made for run_id: .../ci-janitor/<run_id>, with no
 * empty, "." or ".." part? Everything below refuses other paths with ERROR_SYSTEM. */
bool cgroup_path_is_ours(const char *path, const char *run_id);

/* One killing pass. Returns the number of processes that were in the group before it (0:
 * cgroup.events says populated 0, or the group is gone: the proof that all are dead), or -1 with
 * *err. Uses cgroup.kill; where the kernel has none, signals each member through a pidfd. */
int cgroup_kill(const char *path, const char *run_id, struct error *err);

/* Is nobody in the group that cgroup_create has opened? Costs less than cgroup_kill; a doubt counts
 * as somebody. */
bool cgroup_is_empty(int fd);

/* cgroup_remove for the group that cgroup_create has opened; closes fd. */
void cgroup_remove_open(int fd, const char *path, const char *run_id);

/* Removes the empty group and those above it up to ci-janitor/ when empty. Errors are ignored:
 * an empty group costs nothing. */
void cgroup_remove(const char *path, const char *run_id);

#endif
