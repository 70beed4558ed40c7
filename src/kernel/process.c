#include "kernel/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

/* By syscall(2): glibc has the wrappers since 2.36 only, musl has none. */
int process_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int process_open_handle(pid_t pid)
{
	int fd = process_open(pid);
	char path[32];

	/* Old container runtimes answer EPERM to calls that they don't know. */
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		errno = ESRCH;
	return fd;
}

static bool is_directory(int handle)
{
	struct stat status;

	return fstat(handle, &status) == 0 && S_ISDIR(status.st_mode);
}

/* By /proc/PID: its pid while it lives, else 0. Reading through it fails once the process is gone,
 * whoever has the number then. */
static pid_t living_pid(int handle)
{
	char stat[512], state;
	const char *rest;
	int pid;

	if (file_read_at(handle, "stat", stat, sizeof(stat)) <= 0)
		return 0;
	rest = strrchr(stat, ')');
	if (!rest || sscanf(rest, ") %c", &state) != 1 || sscanf(stat, "%d", &pid) != 1)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : pid;
}

int process_signal(int handle, int signal_number)
{
	pid_t pid;

	if (!is_directory(handle))
		return (int)syscall(SYS_pidfd_send_signal, handle, signal_number, NULL, 0);
	pid = living_pid(handle);
	if (pid > 0)
		return kill(pid, signal_number);
	errno = ESRCH;
	return -1;
}

bool process_has_ended(int handle)
{
	struct pollfd poll_fd = { .fd = handle, .events = POLLIN };
	int ready;

	if (is_directory(handle))
		return living_pid(handle) == 0;
	do
		ready = poll(&poll_fd, 1, 0);
	while (ready < 0 && errno == EINTR);
	/* POLLHUP comes as well once it has been waited for (Linux 6.9). */
	return ready > 0 && (poll_fd.revents & (POLLIN | POLLHUP));
}

/* A number among the fields of /proc/PID/stat, counted from 1 as proc(5) does. */
static int read_stat_field(pid_t pid, int wanted, uint64_t *ret)
{
	char path[64], stat[1024];
	const char *field;
	char *end;
	uint64_t value;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (file_read_at(AT_FDCWD, path, stat, sizeof(stat)) < 0)
		return -1;
	/* Field 2, the program's name, may contain anything, ") R 1" included. */
	field = strrchr(stat, ')');
	for (int number = 2; field && number < wanted; number++)
		field = strchr(field + 1, ' ');
	if (!field || !isdigit((unsigned char)field[1])) {
		errno = EPROTO;
		return -1;
	}
	errno = 0;
	value = strtoumax(field + 1, &end, 10);
	if (errno)
		return -1;
	*ret = value;
	return 0;
}

int process_start_time(pid_t pid, uint64_t *ret)
{
	return read_stat_field(pid, 22, ret);
}

int process_parent(pid_t pid, pid_t *ret)
{
	uint64_t value;

	if (read_stat_field(pid, 4, &value) < 0)
		return -1;
	*ret = (pid_t)value;
	return 0;
}

int process_inner_pid(pid_t pid, pid_t *ret)
{
	char path[64], status[16384];
	const char *line, *last;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read_at(AT_FDCWD, path, status, sizeof(status)) < 0)
		return -1;
	line = strstr(status, "\nNSpid:");
	if (!line) {
		errno = EPROTO;
		return -1;
	}
	line++;
	last = memrchr(line, '\t', strcspn(line, "\n"));
	*ret = last ? (pid_t)strtol(last + 1, NULL, 10) : 0;
	return 0;
}

int process_boot_id(char ret[BOOT_ID_SIZE])
{
	char text[BOOT_ID_SIZE + 2];
	ssize_t length =
		file_read_at(AT_FDCWD, "/proc/sys/kernel/random/boot_id", text, sizeof(text));

	if (length < 0)
		return -1;
	if (length != BOOT_ID_SIZE || strspn(text, "0123456789abcdef-") != BOOT_ID_SIZE - 1) {
		errno = EPROTO;
		return -1;
	}
	memcpy(ret, text, BOOT_ID_SIZE - 1);
	ret[BOOT_ID_SIZE - 1] = '\0';
	return 0;
}

uint64_t process_pid_namespace(void)
{
	static const char start[] = "pid:[";
	char link[64];
	ssize_t length = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	if (length < 0)
		return 0;
	link[length] = '\0';
	return strncmp(link, start, strlen(start)) ? 0 : strtoull(link + strlen(start), NULL, 10);
}

bool process_sees_all(void)
{
	return process_pid_namespace() == PROCESS_FIRST_PID_NAMESPACE;
}

/* Where a filter hides getrandom(2). */
static ssize_t read_urandom(unsigned char *bytes, size_t size)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t got = fd < 0 ? -1 : read(fd, bytes, size);

	if (fd >= 0)
		(void)close(fd);
	return got;
}

void process_random_id(char ret[33])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[16];
	ssize_t got;

	do
		got = getrandom(bytes, sizeof(bytes), 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		got = read_urandom(bytes, sizeof(bytes));
	/* Up to 256 bytes come whole; a predictable id would let fencing hit a stranger. */
	if (got != (ssize_t)sizeof(bytes))
		abort();
	for (size_t i = 0; i < 32; i++)
		ret[i] = digits[i % 2 ? bytes[i / 2] & 15 : bytes[i / 2] >> 4];
	ret[32] = '\0';
}
