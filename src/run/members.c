/*
 * The processes of a run: CMD's process group and session, the run's cgroup, what carries the run's
 * marker, and, because we are a subreaper, in the end every descendant as our own child.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "kernel/cgroup.h"
#include "kernel/marked.h"
#include "kernel/process.h"
#include "run_internal.h"

struct member {
	pid_t pid;
	pid_t parent;
	pid_t group;
	pid_t session;
};

typedef bool (*member_filter)(const struct run *run, const struct member *member);

/* /proc/PID/stat: the name, in parentheses, may hold anything, so count from the last one. */
static bool member_read(pid_t pid, struct member *ret)
{
	char path[32], text[512], state, *rest;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read_at(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return false;
	rest = strrchr(text, ')');
	ret->pid = pid;
	return rest &&
	       sscanf(rest, ") %c %d %d %d", &state, &ret->parent, &ret->group, &ret->session) ==
		       4 &&
	       state != 'Z' && state != 'X';
}

static bool is_wanted(const struct run *run, pid_t pid, member_filter filter)
{
	struct member member;

	return member_read(pid, &member) && filter(run, &member);
}

/* Examined again once it is open: the signal can't hit a later process with the same pid. */
static size_t signal_if(const struct run *run, pid_t pid, int signal_number, member_filter filter)
{
	CLEANUP_CLOSE int pidfd = -1;

	if (!is_wanted(run, pid, filter))
		return 0;
	pidfd = process_open_handle(pid);
	if (pidfd < 0 || !is_wanted(run, pid, filter))
		return 0;
	if (process_signal(pidfd, signal_number) < 0)
		return errno != ESRCH;
	/* A stopped process gets no other signal until it is continued. */
	if (signal_number != SIGKILL)
		(void)process_signal(pidfd, SIGCONT);
	return 1;
}

/* In a PID namespace without its own /proc, that one's numbers are not ours. */
static bool proc_is_ours(void)
{
	char target[16];
	ssize_t length = readlink("/proc/self", target, sizeof(target) - 1);

	if (length <= 0)
		return false;
	target[length] = '\0';
	return strtol(target, NULL, 10) == getpid();
}

static size_t signal_all(const struct run *run, int signal_number, member_filter filter)
{
	DIR *proc = proc_is_ours() ? opendir("/proc") : NULL;
	struct dirent *entry;
	size_t count = 0;

	while (proc && (entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (pid > 0 && !*end)
			count += signal_if(run, (pid_t)pid, signal_number, filter);
	}
	if (proc)
		(void)closedir(proc);
	return count;
}

static void signal_cgroup(const struct run *run, int signal_number, member_filter filter)
{
	int fd = openat(run->cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *procs = fd < 0 ? NULL : fdopen(fd, "r");
	int pid;

	if (!procs && fd >= 0)
		(void)close(fd);
	while (procs && fscanf(procs, "%d", &pid) == 1)
		if (pid > 0)
			(void)signal_if(run, pid, signal_number, filter);
	if (procs)
		(void)fclose(procs);
}

/* CMD and its process group have had the signal already. */
static bool is_outside_group(const struct run *run, const struct member *member)
{
	return member->pid != run->child.pid && member->group != run->child.pid;
}

static bool is_elsewhere(const struct run *run, const struct member *member)
{
	return is_outside_group(run, member) && member->pid != run->lease.keeper.pid &&
	       (member->session == run->child.pid ||
		(run->only_our_children && member->parent == getpid()));
}

static void signal_command(const struct run *run, int signal_number)
{
	/* Until CMD is waited for, its pid, and so its group, can't be anybody else's. */
	pid_t target = run->has_terminal ? run->child.pid : -run->child.pid;

	if (target == 0)
		return;
	(void)kill(target, signal_number);
	if (signal_number != SIGKILL)
		(void)kill(target, SIGCONT);
}

void members_signal(const struct run *run, int signal_number)
{
	if (run->options->pid_namespace && run->child.pid > 0) {
		(void)child_queue(&run->child, signal_number, CHILD_SIGNAL_ALL);
		return;
	}
	signal_command(run, signal_number);
	if (run->cgroup_fd >= 0)
		signal_cgroup(run, signal_number, is_outside_group);
	else
		(void)signal_all(run, signal_number, is_elsewhere);
}

static bool is_beyond_terminal(const struct run *run, const struct member *member)
{
	(void)run;
	return member->group != getpgrp();
}

void members_signal_beyond_terminal(const struct run *run, int signal_number)
{
	/* Only this leads to them: the session is that of whoever started us. */
	if (run->cgroup_fd >= 0)
		signal_cgroup(run, signal_number, is_beyond_terminal);
}

/* A subreaper without children has no descendants either. */
static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

static bool is_unwaited_child(const struct run *run, const struct member *member)
{
	(void)run;
	return member->parent == getpid();
}

/* A child that nobody has waited for keeps its pid. The list needs CONFIG_PROC_CHILDREN. */
static void kill_children(const struct run *run)
{
	char path[64];
	FILE *children;
	int pid;

	(void)snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	children = fopen(path, "re");
	if (!children) {
		(void)signal_all(run, SIGKILL, is_unwaited_child);
		return;
	}
	while (fscanf(children, "%d", &pid) == 1)
		if (pid > 0)
			(void)kill(pid, SIGKILL);
	(void)fclose(children);
}

static bool is_in_session(const struct run *run, const struct member *member)
{
	return !run->has_terminal && run->child.pid > 0 && member->session == run->child.pid;
}

/* With others' children among ours, the marker tells whose they are. Returns how many were there.
 */
static size_t kill_marked(const struct run *run, struct error *err)
{
	const char *run_id = run->record.run_id;
	size_t session = signal_all(run, SIGKILL, is_in_session), marked = 0;
	uint64_t unread = 0;

	if (marked_kill(&run_id, 1, &marked, &unread, err) < 0)
		return session + 1;
	if (run->cgroup_fd < 0)
		marked += marked_leaves_doubt(unread, run->record.start_time);
	return session + marked;
}

size_t members_kill(struct run *run, struct error *err)
{
	int in_cgroup = 0;
	size_t left;

	if (run->options->hold)
		return hold_kill_members(run, err);
	events_drain_children(run);
	if (run->cgroup_fd >= 0 && !run->cgroup_gone)
		run->cgroup_gone = cgroup_remove_empty(run->cgroup_fd, run->record.run_id);
	if (run->cgroup_fd >= 0 && !run->cgroup_gone)
		in_cgroup = cgroup_kill(run->record.cgroup, run->record.run_id, err);
	signal_command(run, SIGKILL);
	if (!run->only_our_children) {
		left = kill_marked(run, err);
	} else {
		left = has_children();
		if (left)
			kill_children(run);
	}
	return left + (size_t)(in_cgroup < 0 ? 1 : in_cgroup);
}
