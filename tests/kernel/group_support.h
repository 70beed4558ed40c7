/* Real cgroups for the kernel tests. All of it for children: what goes wrong ends them. */
#ifndef TESTS_GROUP_SUPPORT_H
#define TESTS_GROUP_SUPPORT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "process_support.h"

/* A run's group with its id. */
struct group {
	char id[33];
	char path[PATH_MAX];
	int fd;
};

void make_group(struct group *group);

/* Is the process in the group with this path (relative to its mount)? */
bool is_in(pid_t pid, const char *path);

/* We go into the group, and back to where we were when it was made. */
void enter(int group_fd);
void leave(const struct group *group);

/* start_daemon within the group. */
pid_t start_daemon_in(int group_fd, const char *script);

/* Kills pass by pass until one finds nothing, as the janitor does. */
void kill_to_the_end(const struct group *group);

/* The same, then removes the group and sees that it is gone. */
void finish(const struct group *group);

#endif
