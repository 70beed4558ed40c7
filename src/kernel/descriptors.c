#include "kernel/descriptors.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"

static void close_directory(DIR **stream)
{
	if (*stream)
		(void)closedir(*stream);
}

static void close_stream(FILE **stream)
{
	if (*stream)
		(void)fclose(*stream);
}

int descriptors_of(pid_t pid, int (*function)(const struct descriptor *descriptor, void *data),
		   void *data)
{
	CLEANUP(close_directory) DIR *stream = NULL;
	const struct dirent *entry;
	struct statx status;
	char path[64];
	int result = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	stream = opendir(path);
	while (stream && !result && (entry = readdir(stream))) {
		const struct descriptor descriptor = {
			.pid = pid,
			.directory = dirfd(stream),
			.number = entry->d_name,
			.status = &status,
		};

		if (entry->d_name[0] != '.' &&
		    statx(descriptor.directory, entry->d_name, AT_STATX_DONT_SYNC,
			  STATX_BASIC_STATS | STATX_BTIME, &status) == 0)
			result = function(&descriptor, data);
	}
	return result;
}

int descriptors_of_all(int (*function)(const struct descriptor *descriptor, void *data), void *data,
		       struct error *err)
{
	CLEANUP(close_directory) DIR *stream = opendir("/proc");
	const struct dirent *entry;
	int result = 0;

	if (!stream)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open /proc");
	while (!result && (entry = readdir(stream)))
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name))
			result = descriptors_of((pid_t)strtol(entry->d_name, NULL, 10), function,
						data);
	return result;
}

bool descriptor_has_flock(const struct descriptor *descriptor, int *ret_mount)
{
	CLEANUP(close_stream) FILE *stream = NULL;
	char path[64], line[256];
	int mount = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.20s", (int)descriptor->pid,
		       descriptor->number);
	stream = fopen(path, "re");
	/* "lock:	1: FLOCK  ADVISORY  WRITE 1234 00:1b:5678 0 EOF" */
	while (stream && fgets(line, sizeof(line), stream)) {
		(void)sscanf(line, "mnt_id: %9d", &mount);
		if (!strncmp(line, "lock:", 5) && strstr(line, " FLOCK ")) {
			*ret_mount = mount;
			return true;
		}
	}
	return false;
}

dev_t descriptor_device(const struct descriptor *descriptor)
{
	return makedev(descriptor->status->stx_dev_major, descriptor->status->stx_dev_minor);
}
