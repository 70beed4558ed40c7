#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cgroup_internal.h"
#include "kernel/process.h"

/* Each level holds a descriptor; a run that nests deeper is killed all the same (cgroup.kill), only
 * its empty groups stay. */
#define MAX_DEPTH 64

static void close_stream(FILE **stream)
{
	if (*stream)
		(void)fclose(*stream);
}

static void walk(int parent_fd, const char *name, unsigned depth, cgroup_visitor visit, void *data)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		cleanup_close(&fd);
		return;
	}
	while (depth < MAX_DEPTH && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") &&
		    strcmp(entry->d_name, ".."))
			walk(fd, entry->d_name, depth + 1, visit, data);
	visit(parent_fd, name, fd, data);
	(void)closedir(dir);
}

void cgroup_walk(int parent_fd, const char *name, cgroup_visitor visit, void *data)
{
	walk(parent_fd, name, 0, visit, data);
}

static FILE *open_members(int group_fd)
{
	int fd = openat(group_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *stream = fd < 0 ? NULL : fdopen(fd, "r");

	if (!stream)
		cleanup_close(&fd);
	return stream;
}

/* A process of another pid namespace is listed as 0, and counts. A threaded group can't be read
 * (EOPNOTSUPP): its processes are listed above it. */
static void count_members(int parent_fd, const char *name, int fd, void *data)
{
	CLEANUP(close_stream) FILE *stream = open_members(fd);
	size_t *count = data;
	int byte;

	(void)parent_fd;
	(void)name;
	while (stream && (byte = getc_unlocked(stream)) != EOF)
		*count += byte == '\n';
}

size_t cgroup_count(int parent_fd, const char *name)
{
	size_t count = 0;

	cgroup_walk(parent_fd, name, count_members, &count);
	return count;
}

struct signalling {
	const struct cgroup_hierarchy *hierarchy;
	const char *path;
	int last_errno;
};

static bool is_member(const struct signalling *signalling, pid_t pid)
{
	CLEANUP_FREE char *group = NULL;
	size_t length = strlen(signalling->path);

	if (cgroup_of_process(signalling->hierarchy, pid, &group, NULL))
		return false;
	return !strncmp(group, signalling->path, length) &&
	       (group[length] == '\0' || group[length] == '/');
}

static void signal_member(struct signalling *signalling, pid_t pid)
{
	CLEANUP_CLOSE int pidfd = process_open_handle(pid);

	if (pidfd < 0) {
		if (errno != ESRCH)
			signalling->last_errno = errno;
		return;
	}
	/* Looked at after the pidfd was opened: a recycled pid is in another group, or our pidfd is
	 * that of a process already gone. */
	if (is_member(signalling, pid) && process_signal(pidfd, SIGKILL) && errno != ESRCH)
		signalling->last_errno = errno;
}

static void signal_members(int parent_fd, const char *name, int fd, void *data)
{
	CLEANUP(close_stream) FILE *stream = open_members(fd);
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;

	(void)parent_fd;
	(void)name;
	while (stream && getline(&line, &size, stream) >= 0) {
		long pid = strtol(line, NULL, 10);

		if (pid > 0)
			signal_member(data, (pid_t)pid);
	}
}

int cgroup_signal_members(const struct cgroup_hierarchy *hierarchy, const char *path)
{
	struct signalling signalling = { .hierarchy = hierarchy, .path = path };

	cgroup_walk(hierarchy->fd, path + 1, signal_members, &signalling);
	return signalling.last_errno;
}
