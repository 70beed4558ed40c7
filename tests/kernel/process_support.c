#include "process_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "harness/command.h"

#define TIME_LIMIT_SECONDS 180
#define SOON_MS 60000

void fail_child(const char *condition, const char *file, unsigned line)
{
	fprintf(stderr, "\n    %s:%u: in the child: %s\n", file, line, condition);
	_exit(1);
}

bool holds_in_child(void (*function)(void *data), void *data)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		alarm(TIME_LIMIT_SECONDS);
		function(data);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		fprintf(stderr, "\n    the child ended with status 0x%x\n", status);
	return pid > 0 && status == 0;
}

char *read_text_fd(int fd)
{
	size_t length = 0, size = 1 << 16;
	char *text = malloc(size);
	ssize_t count;

	while (text && (count = read(fd, text + length, size - length - 1)) > 0) {
		length += (size_t)count;
		if (length == size - 1)
			text = xgrow(text, &size, size + 1, 1);
	}
	if (text)
		text[length] = '\0';
	return text;
}

char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = fd < 0 ? NULL : read_text_fd(fd);

	if (fd >= 0)
		close(fd);
	return text;
}

uint64_t status_bits(const char *status, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = status; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ':')
			return strtoull(line + length + 1, NULL, 16);
	}
	fprintf(stderr, "\n    no %s in: %s\n", name, status);
	abort();
}

uint64_t own_status_bits(const char *name)
{
	char *status = read_text("/proc/self/status");
	uint64_t bits = status_bits(status ? status : "", name);

	free(status);
	return bits;
}

size_t count_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

static bool has_ended(pid_t pid)
{
	char path[64], *stat, *state;
	bool ended;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	stat = read_text(path);
	state = stat ? strrchr(stat, ')') : NULL;
	ended = !state || state[2] == 'Z' || state[2] == 'X';
	free(stat);
	return ended;
}

bool ends_soon(pid_t pid)
{
	int64_t end = now_ms() + SOON_MS;

	while (!has_ended(pid) && now_ms() < end)
		usleep(5000);
	return has_ended(pid);
}

void become_nobody(void)
{
	EXPECT(!setgroups(0, NULL));
	EXPECT(!setresgid(NOBODY, NOBODY, NOBODY));
	EXPECT(!setresuid(NOBODY, NOBODY, NOBODY));
}

static _Noreturn void become_daemon(const char *script, char *const *envp, int report_fd)
{
	char *argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, strdup(script), NULL };
	int null_fd = open("/dev/null", O_RDWR);
	pid_t pid;

	setsid();
	pid = fork();
	if (pid)
		_exit(pid < 0);
	pid = getpid();
	for (int fd = 0; fd < 3; fd++)
		dup2(null_fd, fd);
	/* The report is made by the close at exec: from then on the environment is the new one. */
	if (fcntl(report_fd, F_SETFD, FD_CLOEXEC) ||
	    write(report_fd, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	for (int fd = 3; fd < 256; fd++)
		if (fd != report_fd)
			close(fd);
	execve("/bin/sh", argv, envp ? envp : environ);
	_exit(127);
}

pid_t start_daemon(const char *script, char *const *envp)
{
	int pipe_fds[2], status;
	char byte;
	pid_t pid, daemon_pid = -1;

	if (pipe2(pipe_fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid == 0)
		become_daemon(script, envp, pipe_fds[1]);
	close(pipe_fds[1]);
	if (read(pipe_fds[0], &daemon_pid, sizeof(daemon_pid)) != sizeof(daemon_pid))
		daemon_pid = -1;
	while (read(pipe_fds[0], &byte, 1) > 0)
		;
	close(pipe_fds[0]);
	waitpid(pid, &status, 0);
	return daemon_pid;
}
