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

/* The path that the run's group will have, to be written down before the group is made, and a
 * descriptor of the mount (the caller's) for cgroup_make. Returns 1, or 0 with the reason in *err
 * where no cgroup v2 hierarchy is writable here (or the path would not fit size): not an error, the
 * run goes without. */
int cgroup_plan(const char *run_id, char *ret_path, size_t size, int *ret_mount_fd,
		struct error *err);

/* Makes the run's group as planned. Returns 1 with an O_DIRECTORY descriptor (the caller's), or 0
 * with the reason in *err: the run goes without. */
int cgroup_make(int mount_fd, const char *path, int *ret_fd, struct error *err);

/* Both. */
int cgroup_create(const char *run_id, char *ret_path, size_t size, int *ret_fd, struct error *err);

/* Is this path one that cgroup_create could have made for run_id: .../ci-janitor/<run_id>, with no
 * empty, "." or ".." part? Everything below refuses other paths with ERROR_SYSTEM. */
bool cgroup_path_is_ours(const char *path, const char *run_id);

/* One killing pass. Returns the number of processes that were in the group before it (0:
 * cgroup.events says populated 0, or the group is gone: the proof that all are dead), or -1 with
 * *err (err->sys_errno 0: no cgroup v2 hierarchy is mounted here). Uses cgroup.kill; where the
 * kernel has none, signals each member through a pidfd. */
int cgroup_kill(const char *path, const char *run_id, struct error *err);

/* Removes the group that cgroup_make has opened, if nobody is in it and the run has made no groups
 * below. True: it is gone, which the kernel lets nothing be that a process is in, and which nothing
 * can enter any more: as good a proof as cgroup_kill's, at less cost. */
bool cgroup_remove_empty(int fd, const char *run_id);

/* Removes the empty group; ci-janitor/ above it stays, since the next run would have to make it
 * again. -1 with *err: the group is still there, and another try may help. An empty group costs
 * little: where no hierarchy is mounted, where it may not be removed, or where the path isn't
 * ours, it stays, and that is no error. */
int cgroup_remove(const char *path, const char *run_id, struct error *err);

#endif
