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

/* Opened first, examined then: the signal can't hit a later process with the same pid. */
static size_t signal_if(const struct run *run, pid_t pid, int signal_number, member_filter filter)
{
	struct member member;
	CLEANUP_CLOSE int pidfd = process_open(pid);

	if (pidfd < 0 || !member_read(pid, &member) || !filter(run, &member))
		return 0;
	return process_signal(pidfd, signal_number) == 0 || errno != ESRCH;
}

static size_t signal_all(const struct run *run, int signal_number, member_filter filter)
{
	DIR *proc = opendir("/proc");
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

static bool is_our_child(const struct run *run, const struct member *member)
{
	return run->only_our_children && member->parent == getpid();
}

/* CMD and its process group have had the signal already. */
static bool is_outside_group(const struct run *run, const struct member *member)
{
	return member->pid != run->child.pid && member->group != run->child.pid;
}

static bool is_elsewhere(const struct run *run, const struct member *member)
{
	return is_outside_group(run, member) &&
	       (member->session == run->child.pid || is_our_child(run, member));
}

static void signal_command(const struct run *run, int signal_number)
{
	if (run->child.pid <= 0)
		return;
	/* Until CMD is waited for, its pid, and so its group, can't be anybody else's. */
	(void)kill(run->has_terminal ? run->child.pid : -run->child.pid, signal_number);
}

void members_signal(const struct run *run, int signal_number)
{
	signal_command(run, signal_number);
	if (run->cgroup_fd >= 0)
		signal_cgroup(run, signal_number, is_outside_group);
	else
		(void)signal_all(run, signal_number, is_elsewhere);
}

/* A subreaper without children has no descendants either. */
static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static bool is_command_or_child(const struct run *run, const struct member *member)
{
	return is_our_child(run, member) ||
	       (!run->has_terminal && run->child.pid > 0 && member->session == run->child.pid);
}

size_t members_kill(struct run *run, struct error *err)
{
	const char *run_id = run->record.run_id;
	size_t left, marked = 0;
	int in_cgroup = 0;

	events_drain_children(run);
	if (run->cgroup_fd >= 0)
		in_cgroup = cgroup_kill(run->record.cgroup, run_id, err);
	if (in_cgroup == 0 && run->only_our_children && !has_children())
		return 0;
	signal_command(run, SIGKILL);
	left = signal_all(run, SIGKILL, is_command_or_child);
	if (marked_kill(&run_id, 1, &marked, err) < 0 || in_cgroup < 0)
		left++;
	else
		left += marked + (size_t)in_cgroup;
	return left == 0 && run->only_our_children && has_children() ? 1 : left;
}
