#include "group_support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/command.h"
#include "kernel/cgroup.h"
#include "kernel/process.h"

void make_group(struct group *group)
{
	struct error err = { 0 };

	process_random_id(group->id);
	EXPECT(cgroup_create(group->id, group->path, sizeof(group->path), &group->fd, &err) == 1);
	EXPECT(fcntl(group->fd, F_GETFD) & FD_CLOEXEC);
}

/* The name of the group a process is in, as /proc names it; the caller frees it. */
static char *group_of(pid_t pid)
{
	char path[64], *text, *line;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	text = read_text(path);
	EXPECT(text != NULL);
	line = strstr(text, "0::/");
	EXPECT(line != NULL);
	line += 3;
	line[strcspn(line, "\n")] = '\0';
	memmove(text, line, strlen(line) + 1);
	return text;
}

bool is_in(pid_t pid, const char *path)
{
	char *name = group_of(pid);
	size_t length = strlen(name), wanted = strlen(path);
	bool is = length >= wanted && !strcmp(name + length - wanted, path);

	free(name);
	return is;
}

void enter(int group_fd)
{
	int fd = openat(group_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

	EXPECT(fd >= 0 && write(fd, "0", 1) == 1);
	close(fd);
}

void leave(const struct group *group)
{
	int fd = openat(group->fd, "../../cgroup.procs", O_WRONLY | O_CLOEXEC);

	EXPECT(fd >= 0 && write(fd, "0", 1) == 1);
	close(fd);
}

struct daemon_order {
	int group_fd;
	const char *script;
	int report_fd;
};

static void enter_and_start_daemon(void *data)
{
	const struct daemon_order *order = data;
	pid_t pid;

	enter(order->group_fd);
	pid = start_daemon(order->script, NULL);
	EXPECT(pid > 0 && write(order->report_fd, &pid, sizeof(pid)) == sizeof(pid));
}

pid_t start_daemon_in(int group_fd, const char *script)
{
	struct daemon_order order = { .group_fd = group_fd, .script = script };
	int pipe_fds[2];
	pid_t pid = -1;

	EXPECT(!pipe2(pipe_fds, O_CLOEXEC));
	order.report_fd = pipe_fds[1];
	EXPECT(holds_in_child(enter_and_start_daemon, &order));
	EXPECT(read(pipe_fds[0], &pid, sizeof(pid)) == sizeof(pid));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return pid;
}

void kill_to_the_end(const struct group *group)
{
	struct error err = { 0 };
	int64_t end = now_ms() + 60000;
	int found;

	while ((found = cgroup_kill(group->path, group->id, &err)) > 0 && now_ms() < end)
		usleep(2000);
	EXPECT(found == 0);
}

static void expect_gone(const struct group *group)
{
	struct stat info;
	char path[64];

	/* The descriptor outlives the group; nothing can be looked up in it any more. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", group->fd);
	EXPECT(fstatat(group->fd, "cgroup.procs", &info, 0) == -1 && errno == ENOENT);
}

void finish(const struct group *group)
{
	kill_to_the_end(group);
	EXPECT(cgroup_remove(group->path, group->id, NULL) == 0);
	expect_gone(group);
	close(group->fd);
}
