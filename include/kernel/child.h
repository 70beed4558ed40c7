/*
 * Child processes. Set-up failures travel back over a close-on-exec pipe, so that the parent
 * words the message; between fork and exec nothing is allocated.
 */
#ifndef KERNEL_CHILD_H
#define KERNEL_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "kernel/signals.h"

struct child {
	pid_t pid;
	int pidfd; /* owned; -1: none */
};

#define CHILD_NONE ((struct child){ .pid = 0, .pidfd = -1 })

struct child_setup {
	char *const *argv;     /* argv[0] is looked up in PATH unless exec_path is set */
	const char *exec_path; /* NULL, or what to execute instead, e.g. /proc/self/exe */
	char *const *envp;     /* NULL: ours */
	const struct signal_state *signals; /* NULL, or the signal state to give back */
	bool restore_capabilities;
	bool no_capabilities;
	bool new_session;   /* setsid(2) */
	int death_signal;   /* PR_SET_PDEATHSIG, 0: none */
	int cgroup_fd;	    /* O_DIRECTORY descriptor of a cgroup to enter, or -1 */
	int inherit_fd;	    /* close-on-exec is cleared on it in the child, or -1 */
	int stdin_fd;	    /* becomes the child's descriptor 0, or -1 */
	int stdout_fd;	    /* becomes the child's descriptor 1, or -1 */
	bool stderr_too;    /* and descriptor 2 */
	bool standard_only; /* no descriptor above 2 is handed on, whoever opened it (Linux 5.11) */
	/* Under an init of its own in new PID and mount namespaces with their own /proc; without
	 * the privilege for that, in a new user namespace as well. The child is that init: its end
	 * is the end of every process in there. Signals reach CMD by child_queue. */
	bool pid_namespace;
};

/* The defaults: no special wishes. */
#define CHILD_SETUP_INIT                                                                           \
	{                                                                                          \
		.cgroup_fd = -1, .inherit_fd = -1, .stdin_fd = -1, .stdout_fd = -1                 \
	}

/* Starts the child and returns once its exec has succeeded. On failure *err names the step,
 * sys_errno is its errno, the child is already waited for, and *ret_step_was_exec says whether it
 * was exec itself that failed (for statuses 126 and 127). */
int child_spawn(const struct child_setup *setup, struct child *ret, bool *ret_step_was_exec,
		struct error *err);

/* Tries clone3(2) into a cgroup with a child that ends at once. 0, or -1 with errno. */
int child_can_be_born_in(int cgroup_fd);

/* waitpid(2), blocking or not: 1 ended with *ret_status (as waitpid gives it), 0 still runs,
 * -1 with errno. Closes the pidfd and clears *child once it has ended. */
int child_wait(struct child *child, bool block, int *ret_status);

/* A forked helper without exec: runs function(data) with PDEATHSIG=SIGKILL, default signal mask
 * and _exit()s with what it returns. */
int child_fork(int (*function)(void *data), void *data, struct child *ret, struct error *err);

/* Hands a signal to the command of a child with a PID namespace, or to all processes in there,
 * which are also continued. 0, or -1 with errno. */
#define CHILD_SIGNAL_ALL 1
int child_queue(const struct child *child, int signal_number, int whom);

/* kill(2). -1 with ESRCH for CHILD_NONE, whose number would be our whole process group's. */
int child_signal(const struct child *child, int signal_number);

/* Kills (SIGKILL) and waits. Nothing to do for CHILD_NONE. */
void child_kill(struct child *child);

#endif
