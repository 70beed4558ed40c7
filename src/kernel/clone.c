#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_internal.h"
#include "kernel/capabilities.h"

#define NAMESPACES (CLONE_NEWPID | CLONE_NEWNS)

/* Linux 5.7. The child is born in the group; moving it there afterwards takes a lock that stops
 * every fork and exit of the machine for some milliseconds. */
static pid_t clone_into(uint64_t flags, int cgroup_fd)
{
	struct clone_args args = {
		.flags = flags | CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)cgroup_fd,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static pid_t clone_plain(uint64_t flags)
{
	if (!flags)
		return fork();
#if defined(__s390__) || defined(__s390x__)
	return (pid_t)syscall(SYS_clone, NULL, (unsigned long)flags | SIGCHLD, NULL, NULL, 0);
#else
	return (pid_t)syscall(SYS_clone, (unsigned long)flags | SIGCHLD, NULL, NULL, NULL, 0);
#endif
}

static pid_t clone_with(uint64_t flags, int cgroup_fd, struct cloned *ret)
{
	pid_t pid;

	if (cgroup_fd >= 0) {
		pid = clone_into(flags, cgroup_fd);
		ret->in_cgroup = pid >= 0;
		/* Whatever it objects to, the long way finds out and reports. */
		if (pid >= 0)
			return pid;
	}
	return clone_plain(flags);
}

/* As the caller of the program may, or else what every user may in a user namespace of his own. */
static pid_t clone_namespaces(int cgroup_fd, struct cloned *ret)
{
	pid_t pid;

	if (capabilities_restore())
		return -1;
	pid = clone_with(NAMESPACES, cgroup_fd, ret);
	if (pid >= 0 || errno != EPERM)
		return pid;
	ret->in_user_namespace = true;
	return clone_with(NAMESPACES | CLONE_NEWUSER, cgroup_fd, ret);
}

pid_t clone_child(const struct child_setup *setup, struct cloned *ret)
{
	int errnum;
	pid_t pid;

	*ret = (struct cloned){ .in_cgroup = false };
	if (!setup->pid_namespace)
		return clone_with(0, setup->cgroup_fd, ret);
	pid = clone_namespaces(setup->cgroup_fd, ret);
	if (pid == 0)
		return 0;
	errnum = errno;
	capabilities_drop_again();
	errno = errnum;
	return pid;
}

int child_can_be_born_in(int cgroup_fd)
{
	pid_t pid = clone_into(0, cgroup_fd);

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -1;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}
