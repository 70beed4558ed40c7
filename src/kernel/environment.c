#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "marked_internal.h"

/* The kernel gives arguments and environment at most 3/4 of 8 MiB (fs/exec.c), so that nothing is
 * cut off unless the process moved its own borders (PR_SET_MM). */
#define MAX_ENVIRONMENT ((size_t)6 << 20)
#define FIRST_CAPACITY ((size_t)64 << 10)

/* An exec in progress has no environment for some microseconds; for as long as the program's file
 * system likes when that doesn't answer. */
#define EXEC_LOOKS 50
#define EXEC_PAUSE_MS 1

/* include/linux/sched.h; part of field 9 of /proc/PID/stat. */
#define FLAG_EXITING 0x00000004
#define FLAG_KERNEL_THREAD 0x00200000

/* Of /proc/PID/stat, counted from field 3. */
enum field {
	FIELD_FLAGS = 9 - 3,
	FIELD_THREADS = 20 - 3,
	FIELD_ENVIRONMENT_START = 50 - 3,
	FIELD_ENVIRONMENT_END = 51 - 3,
	FIELD_COUNT,
};

enum emptiness { EMPTY_FOR_GOOD, EMPTY_LEADER, EMPTY_IN_EXEC };

void environment_release(struct environment *environment)
{
	free(environment->data);
	*environment = (struct environment){ 0 };
}

/* -1 with errno. */
static int read_whole(struct environment *environment, int fd)
{
	size_t wanted = FIRST_CAPACITY;
	ssize_t count;

	while (environment->length < MAX_ENVIRONMENT) {
		environment->data = xgrow(environment->data, &environment->capacity, wanted + 1, 1);
		count = read(fd, environment->data + environment->length,
			     wanted - environment->length);
		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (!count)
			break;
		environment->length += (size_t)count;
		if (environment->length == wanted)
			wanted *= 2;
	}
	if (environment->data)
		environment->data[environment->length] = '\0';
	return 0;
}

/* The process has ended, or is none of ours. */
static bool is_no_matter(int errnum)
{
	return errnum == ENOENT || errnum == EACCES || errnum == EPERM;
}

/* directory is "PID" or "PID/task/TID". 1: it was read, and is perhaps empty: ESRCH is what newer
 * kernels say of a process without memory, older ones let it be opened. 0: nobody is there whom we
 * might look at. -1 with errno: not to be known. */
static int read_of(struct environment *environment, int proc_fd, const char *directory)
{
	char path[64];
	CLEANUP_CLOSE int fd = -1;

	environment->length = 0;
	(void)snprintf(path, sizeof(path), "%s/environ", directory);
	fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ESRCH)
		return 1;
	if (fd < 0)
		return is_no_matter(errno) ? 0 : -1;
	return read_whole(environment, fd) ? -1 : 1;
}

static bool read_stat(int proc_fd, const char *directory, char *ret_state,
		      uintmax_t ret_fields[FIELD_COUNT])
{
	char path[64], stat[2048];
	char *rest;

	(void)snprintf(path, sizeof(path), "%s/stat", directory);
	if (file_read_at(proc_fd, path, stat, sizeof(stat)) < 0)
		return false;
	rest = strrchr(stat, ')');
	if (!rest || rest[1] != ' ' || !rest[2])
		return false;
	*ret_state = rest[2];
	rest += 3;
	for (size_t i = 1; i < FIELD_COUNT; i++)
		ret_fields[i] = strtoumax(rest, &rest, 10);
	return true;
}

static enum emptiness why_empty(int proc_fd, const char *directory)
{
	uintmax_t fields[FIELD_COUNT] = { 0 };
	char state;

	if (!read_stat(proc_fd, directory, &state, fields))
		return errno == ENOENT || errno == ESRCH ? EMPTY_FOR_GOOD : EMPTY_IN_EXEC;
	if (fields[FIELD_FLAGS] & FLAG_KERNEL_THREAD)
		return EMPTY_FOR_GOOD;
	if (fields[FIELD_THREADS] > 1)
		return EMPTY_LEADER;
	if (state == 'Z' || state == 'X' || (fields[FIELD_FLAGS] & FLAG_EXITING))
		return EMPTY_FOR_GOOD;
	/* Both 0: in an exec. Different: the exec has ended since we looked for the environment. */
	if (fields[FIELD_ENVIRONMENT_END] == fields[FIELD_ENVIRONMENT_START] &&
	    fields[FIELD_ENVIRONMENT_END])
		return EMPTY_FOR_GOOD;
	return EMPTY_IN_EXEC;
}

/* A first thread that has ended takes its view of the memory along, while the others run on. */
static int read_of_other_threads(struct environment *environment, int proc_fd, pid_t pid)
{
	char path[64];
	struct dirent *entry;
	int fd, result = 0, errnum;
	DIR *tasks;

	(void)snprintf(path, sizeof(path), "%d/task", (int)pid);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tasks = fd < 0 ? NULL : fdopendir(fd);
	if (!tasks) {
		cleanup_close(&fd);
		return is_no_matter(errno) || errno == ESRCH ? 0 : -1;
	}
	while (result >= 0 && !environment->length && (entry = readdir(tasks))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		(void)snprintf(path, sizeof(path), "%d/task/%.20s", (int)pid, entry->d_name);
		result = read_of(environment, proc_fd, path);
	}
	errnum = errno;
	(void)closedir(tasks);
	errno = errnum;
	return result < 0 ? -1 : 0;
}

int environment_read(struct environment *environment, int proc_fd, pid_t pid)
{
	char directory[32];

	(void)snprintf(directory, sizeof(directory), "%d", (int)pid);
	for (int look = 0; look < EXEC_LOOKS; look++) {
		int result = read_of(environment, proc_fd, directory);

		if (result <= 0 || environment->length)
			return result < 0 ? -1 : 0;
		switch (why_empty(proc_fd, directory)) {
		case EMPTY_FOR_GOOD:
			return 0;
		case EMPTY_LEADER:
			return read_of_other_threads(environment, proc_fd, pid);
		case EMPTY_IN_EXEC:
			clock_sleep_ms(EXEC_PAUSE_MS);
			break;
		}
	}
	return 1;
}
