/*
 * The first process of a run's PID namespace. It has no other work than to wait: for CMD's end,
 * with which it ends, and the kernel kills whatever is left in the namespace; for orphans; and for
 * signals that the supervisor hands over with sigqueue(3): value 0 is for CMD, CHILD_SIGNAL_ALL for
 * every process. What a terminal or a process inside sends is CMD's own business.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "child_internal.h"
#include "kernel/capabilities.h"
#include "kernel/signals.h"

static int write_text(const char *path, const char *text, size_t length)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : file_write_all(fd, text, length);
}

static int write_map(const char *path, unsigned id)
{
	char map[32];
	int length = snprintf(map, sizeof(map), "%u %u 1\n", id, id);

	return write_text(path, map, (size_t)length);
}

/* CMD stays who it was. The kernel wants setgroups(2) off before an ordinary user maps a group. */
static int map_user(const struct parent *parent)
{
	if (write_text("/proc/self/setgroups", "deny", 4) && errno != ENOENT)
		return -1;
	if (write_map("/proc/self/uid_map", parent->uid))
		return -1;
	return write_map("/proc/self/gid_map", parent->gid);
}

/* Not CLOSE_RANGE by name: glibc 2.34. The lock must not live as long as this process. */
static void close_others(void)
{
	struct rlimit limit = { .rlim_cur = 1024 };
	int fd_limit;

	if (!syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0))
		return;
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	fd_limit = limit.rlim_cur < 65536 ? (int)limit.rlim_cur : 65536;
	for (int fd = STDERR_FILENO + 1; fd < fd_limit; fd++)
		(void)close(fd);
}

static void end_with(pid_t command)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == command)
			_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static void pass_on(const siginfo_t *info, pid_t command)
{
	/* The supervisor is outside: it has no pid in here. */
	if (info->si_pid || (info->si_code != SI_QUEUE && info->si_code != SI_USER))
		return;
	if (info->si_code != SI_QUEUE || info->si_value.sival_int != CHILD_SIGNAL_ALL) {
		(void)kill(command, info->si_signo);
		return;
	}
	(void)kill(-1, info->si_signo);
	(void)kill(-1, SIGCONT);
}

static _Noreturn void supervise(pid_t command, const sigset_t *all)
{
	siginfo_t info;

	close_others();
	for (;;) {
		end_with(command);
		if (sigwaitinfo(all, &info) > 0 && info.si_signo != SIGCHLD)
			pass_on(&info, command);
	}
}

static enum step enter(const struct child_setup *setup, const struct parent *parent,
		       const struct cloned *cloned)
{
	/* Outside of a namespace of its own, its kill(-1) would be for all of the machine. */
	if (getpid() != 1) {
		errno = EPROTO;
		return STEP_NAMESPACE;
	}
	if (setup->restore_capabilities && !cloned->in_user_namespace && capabilities_restore())
		return STEP_CAPABILITIES;
	if (setup->death_signal && child_die_with(parent, setup->death_signal))
		return STEP_DEATH_SIGNAL;
	if (cloned->in_user_namespace && map_user(parent))
		return STEP_USER;
	/* Mounts of the outside still come in, ours don't go out. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL))
		return STEP_MOUNTS;
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return STEP_PROC;
	return STEP_EXEC;
}

enum step namespace_init_run(const struct child_setup *setup, const struct parent *parent,
			     const struct cloned *cloned, int status_fd)
{
	enum step step = enter(setup, parent, cloned);
	sigset_t all, before;
	pid_t command;

	if (step != STEP_EXEC)
		return step;
	/* Blocked is also what makes signals reach the first process of a namespace at all. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	(void)signal(SIGCHLD, SIG_DFL);
	command = fork();
	if (command < 0)
		return STEP_FORK;
	if (command > 0)
		supervise(command, &all);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	child_report(status_fd, child_exec(setup));
}
