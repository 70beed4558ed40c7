/* What the parts of the cgroup code share: where the hierarchy is, and walking a group. */
#ifndef KERNEL_CGROUP_INTERNAL_H
#define KERNEL_CGROUP_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* A cgroup2 mount that we can see. */
struct cgroup_hierarchy {
	int fd;	    /* owned: the mount point */
	char *root; /* owned: which group the mount shows at its top, as /proc/PID/cgroup names it
		     */
};

#define CGROUP_HIERARCHY_NONE ((struct cgroup_hierarchy){ .fd = -1 })

/* Prefers a mount of the whole hierarchy to one of a part. -1 with *err when there is none
 * (err->sys_errno 0), or when that can't be known. */
int cgroup_hierarchy_open(struct cgroup_hierarchy *ret, struct error *err);
void cgroup_hierarchy_release(struct cgroup_hierarchy *hierarchy);

/* The group of a process (pid 0: ours), relative to the mount, with a leading '/'. The caller frees
 * *ret. -1 with *err, also when the mount doesn't show that group. */
int cgroup_of_process(const struct cgroup_hierarchy *hierarchy, pid_t pid, char **ret,
		      struct error *err);

/* Calls visit for the group `name` in parent_fd and all below it, the innermost first. What can't
 * be opened (gone meanwhile) is left out. */
typedef void (*cgroup_visitor)(int parent_fd, const char *name, int fd, void *data);
void cgroup_walk(int parent_fd, const char *name, cgroup_visitor visit, void *data);

/* How many processes are in the group and those below it. */
size_t cgroup_count(int parent_fd, const char *name);

/* Without cgroup.kill: SIGKILL through a pidfd to each process that is still in the group `path`
 * after its pidfd was opened. Returns 0, or the errno of the last one that could not be hit. */
int cgroup_signal_members(const struct cgroup_hierarchy *hierarchy, const char *path);

#endif
