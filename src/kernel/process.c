#include "kernel/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"

/* By syscall(2): glibc has the wrappers since 2.36 only, musl has none. */
int process_open(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int process_signal(int pidfd, int signal_number)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0);
}

bool process_has_ended(int pidfd)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
	int ready;

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

bool process_sees_all(void)
{
	/* PROC_PID_INIT_INO of <linux/proc_ns.h>, part of the kernel's interface. */
	static const char first[] = "pid:[4026531836]";
	char link[64];
	ssize_t length = readlink("/proc/self/ns/pid", link, sizeof(link));

	return length == (ssize_t)strlen(first) && !memcmp(link, first, strlen(first));
}

void process_random_id(char ret[33])
{
	unsigned char bytes[16];
	ssize_t got;

	do
		got = getrandom(bytes, sizeof(bytes), 0);
	while (got < 0 && errno == EINTR);
	/* Up to 256 bytes come whole; a predictable id would let fencing hit a stranger. */
	if (got != (ssize_t)sizeof(bytes))
		abort();
	for (size_t i = 0; i < sizeof(bytes); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}
