/* What the files behind child.h share: between fork and exec. */
#ifndef KERNEL_CHILD_INTERNAL_H
#define KERNEL_CHILD_INTERNAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "kernel/child.h"

enum step {
	STEP_SESSION,
	STEP_CGROUP,
	STEP_STDOUT,
	STEP_INHERIT,
	STEP_CAPABILITIES,
	STEP_DEATH_SIGNAL,
	STEP_NAMESPACE,
	STEP_USER,
	STEP_MOUNTS,
	STEP_PROC,
	STEP_FORK,
	STEP_EXEC,
};

/* Who must be alive for the child to go on, as it was before the fork. */
struct parent {
	pid_t pid;
	int pidfd; /* -1 where the kernel has none */
	uid_t uid;
	gid_t gid;
};

/* What clone(2) has done for the child already. */
struct cloned {
	bool in_cgroup;
	bool in_user_namespace;
};

/*
 * fork(2) that may put the child into a cgroup and into new namespaces at once; *cloned is set
 * before the child runs start(data), which doesn't return. Where it can, the child borrows our
 * memory until its exec, as vfork(2)'s does: it must change nothing there that we still use.
 * Returns the child's pid, or -1 with errno.
 */
pid_t clone_child(const struct child_setup *setup, struct cloned *cloned, void (*start)(void *data),
		  void *data);

/* The rest is for the child, async-signal-safe, and returns -1 with errno. */

/* PR_SET_PDEATHSIG; exits when the parent was quicker. */
int child_die_with(const struct parent *parent, int death_signal);
/* Redirection, signal state and exec. Returns only when something failed; the step that did. */
enum step child_exec(const struct child_setup *setup);
_Noreturn void child_report(int status_fd, enum step step);

/* Life as the first process of a new PID namespace: own /proc, CMD as its child. Returns only when
 * something failed. */
enum step namespace_init_run(const struct child_setup *setup, const struct parent *parent,
			     const struct cloned *cloned, int status_fd);

#endif
