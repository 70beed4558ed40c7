#include "kernel/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "child_internal.h"
#include "kernel/capabilities.h"
#include "kernel/process.h"

static const char *const step_names[] = {
	[STEP_SESSION] = "start a session for",
	[STEP_CGROUP] = "enter the cgroup of",
	[STEP_STDOUT] = "redirect the output of",
	[STEP_INHERIT] = "hand a descriptor to",
	[STEP_CAPABILITIES] = "set the capabilities of",
	[STEP_DEATH_SIGNAL] = "set the death signal of",
	[STEP_NAMESPACE] = "make a PID namespace for",
	[STEP_USER] = "map the user of",
	[STEP_MOUNTS] = "separate the mounts of",
	[STEP_PROC] = "mount /proc for",
	[STEP_FORK] = "fork for",
	[STEP_EXEC] = "execute",
};

struct failure {
	enum step step;
	int errnum;
};

/* A child in our PID namespace knows us by our number: its reaper, an ancestor, has another. */
static void open_parent(struct parent *parent, bool in_namespace)
{
	parent->pid = getpid();
	parent->pidfd = in_namespace ? process_open(parent->pid) : -1;
	parent->uid = geteuid();
	parent->gid = getegid();
}

static void close_parent(struct parent *parent)
{
	cleanup_close(&parent->pidfd);
}

/* The old /proc, where there is one, knows the parent of a new namespace's first process, too. */
static pid_t parent_by_proc(void)
{
	char stat[512];
	const char *rest;
	int pid = 0;

	if (file_read_at(AT_FDCWD, "/proc/self/stat", stat, sizeof(stat)) < 0)
		return 0;
	rest = strrchr(stat, ')');
	return rest && sscanf(rest, ") %*c %d", &pid) == 1 ? pid : 0;
}

static bool has_lost(const struct parent *parent)
{
	pid_t now;

	if (parent->pidfd >= 0)
		return process_has_ended(parent->pidfd);
	now = getppid();
	return (now ? now : parent_by_proc()) != parent->pid;
}

/* PDEATHSIG misses a parent that died before prctl(2). */
int child_die_with(const struct parent *parent, int death_signal)
{
	if (prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0))
		return -1;
	if (has_lost(parent))
		_exit(128 + death_signal);
	return 0;
}

/* "0" is the writer itself: right in every pid namespace. */
static int enter_cgroup(int cgroup_fd)
{
	CLEANUP_CLOSE int fd = openat(cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -1 : file_write_all(fd, "0", 1);
}

static int clear_close_on_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags < 0 ? -1 : fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
}

/* dup2(2) onto itself would leave the flag. */
static int become(int fd, int number)
{
	return fd == number ? clear_close_on_exec(fd) : dup2(fd, number);
}

/* The descriptors that are given are not among the standard ones, but for their own place. */
static int redirect(const struct child_setup *setup)
{
	if (setup->stdin_fd >= 0 && become(setup->stdin_fd, STDIN_FILENO) < 0)
		return -1;
	if (setup->stdout_fd >= 0 && become(setup->stdout_fd, STDOUT_FILENO) < 0)
		return -1;
	return setup->stderr_too ? dup2(STDOUT_FILENO, STDERR_FILENO) : 0;
}

enum step child_exec(const struct child_setup *setup)
{
	char *const *envp = setup->envp ? setup->envp : environ;

	if (redirect(setup) < 0)
		return STEP_STDOUT;
	/* Libraries don't all open theirs close-on-exec. The status pipe lives until exec. */
	if (setup->standard_only)
		(void)syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
	if (setup->inherit_fd >= 0 && clear_close_on_exec(setup->inherit_fd) < 0)
		return STEP_INHERIT;
	/* Last, so that no signal is delivered half-way. */
	if (setup->signals)
		signals_give_back(setup->signals);
	if (setup->exec_path)
		(void)execve(setup->exec_path, setup->argv, envp);
	else
		(void)execvpe(setup->argv[0], setup->argv, envp);
	return STEP_EXEC;
}

/* Returns only when something failed; the step that did. The capabilities come before the death
 * signal because gaining some clears it. */
static enum step set_up_and_exec(const struct child_setup *setup, const struct parent *parent,
				 const struct cloned *cloned, int status_fd)
{
	if (setup->new_session && setsid() < 0)
		return STEP_SESSION;
	if (setup->cgroup_fd >= 0 && !cloned->in_cgroup && enter_cgroup(setup->cgroup_fd))
		return STEP_CGROUP;
	if (setup->pid_namespace)
		return namespace_init_run(setup, parent, cloned, status_fd);
	if (setup->restore_capabilities && capabilities_restore())
		return STEP_CAPABILITIES;
	if (setup->no_capabilities && capabilities_give_up())
		return STEP_CAPABILITIES;
	if (setup->death_signal && child_die_with(parent, setup->death_signal))
		return STEP_DEATH_SIGNAL;
	return child_exec(setup);
}

void child_report(int status_fd, enum step step)
{
	struct failure failure = { .errnum = errno };

	failure.step = step;
	(void)file_write_all(status_fd, &failure, sizeof(failure));
	_exit(127);
}

/* Waits until exec has closed the pipe or a failure has come over it. */
static bool read_failure(int fd, struct failure *ret)
{
	ssize_t count;

	do
		count = read(fd, ret, sizeof(*ret));
	while (count < 0 && errno == EINTR);
	return count == (ssize_t)sizeof(*ret);
}

struct start {
	const struct child_setup *setup;
	struct parent parent;
	struct cloned cloned;
	int status_fd;
};

static void start_child(void *data)
{
	const struct start *start = data;

	child_report(start->status_fd, set_up_and_exec(start->setup, &start->parent, &start->cloned,
						       start->status_fd));
}

int child_spawn(const struct child_setup *setup, struct child *ret, bool *ret_step_was_exec,
		struct error *err)
{
	struct start start = { .setup = setup, .parent.pidfd = -1 };
	CLEANUP_CLOSE int read_end = -1;
	struct child child = CHILD_NONE;
	struct failure failure;
	int pipe_fds[2], status, errnum;

	*ret_step_was_exec = false;
	if (pipe2(pipe_fds, O_CLOEXEC))
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to make a pipe");
	read_end = pipe_fds[0];
	start.status_fd = pipe_fds[1];
	open_parent(&start.parent, setup->pid_namespace);
	child.pid = clone_child(setup, &start.cloned, start_child, &start);
	errnum = errno;
	(void)close(pipe_fds[1]);
	close_parent(&start.parent);
	if (child.pid < 0)
		return error_set_errno(err, ERROR_SYSTEM, errnum,
				       setup->pid_namespace ? "unable to make a PID namespace"
							    : "unable to fork");
	/* Nobody has waited for it yet, so the pid is still its own. */
	child.pidfd = process_open(child.pid);
	if (!read_failure(read_end, &failure)) {
		*ret = child;
		return 0;
	}
	(void)child_wait(&child, true, &status);
	*ret_step_was_exec = failure.step == STEP_EXEC;
	return error_set_errno(err, ERROR_SYSTEM, failure.errnum, "unable to %s %s",
			       step_names[failure.step],
			       setup->exec_path ? setup->exec_path : setup->argv[0]);
}

int child_wait(struct child *child, bool block, int *ret_status)
{
	pid_t pid;
	int status;

	/* waitpid(0) would be any child of our process group. */
	if (child->pid <= 0) {
		errno = ECHILD;
		return -1;
	}
	do
		pid = waitpid(child->pid, &status, block ? 0 : WNOHANG);
	while (pid < 0 && errno == EINTR);
	if (pid <= 0)
		return (int)pid;
	cleanup_close(&child->pidfd);
	*child = CHILD_NONE;
	*ret_status = status;
	return 1;
}

int child_fork(int (*function)(void *data), void *data, struct child *ret, struct error *err)
{
	CLEANUP(close_parent) struct parent parent = { .pidfd = -1 };
	struct child child = CHILD_NONE;
	sigset_t none;

	open_parent(&parent, false);
	child.pid = fork();
	if (child.pid < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to fork");
	if (child.pid == 0) {
		if (child_die_with(&parent, SIGKILL))
			_exit(127);
		close_parent(&parent);
		(void)sigemptyset(&none);
		(void)sigprocmask(SIG_SETMASK, &none, NULL);
		_exit(function(data));
	}
	child.pidfd = process_open(child.pid);
	*ret = child;
	return 0;
}

int child_signal(const struct child *child, int signal_number)
{
	if (child->pid > 0)
		return kill(child->pid, signal_number);
	errno = ESRCH;
	return -1;
}

void child_kill(struct child *child)
{
	int status;

	/* A child that we may not signal (set-user-id) would be waited for without end. */
	if (child_signal(child, SIGKILL) && errno != ESRCH)
		return;
	(void)child_wait(child, true, &status);
}

int child_queue(const struct child *child, int signal_number, int whom)
{
	return sigqueue(child->pid, signal_number, (union sigval){ .sival_int = whom });
}
