/*
 * What processes have open, by /proc/PID/fd: for finding out who shares a lock's open file
 * description. Nothing is opened on the way, since closing one descriptor of a file drops this
 * process's POSIX locks on it. Processes that are gone, or not ours to look into (ptrace(2),
 * "access mode checking"), are passed over without a word.
 */
#ifndef KERNEL_DESCRIPTORS_H
#define KERNEL_DESCRIPTORS_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"

struct descriptor {
	pid_t pid;
	int directory;	    /* /proc/PID/fd */
	const char *number; /* its name in there */
	/* Of what is open, never fetched from a server: a dead network file system would hang us.
	 */
	const struct statx *status;
};

/* Both call the function for each descriptor; a non-zero answer ends the walk and is returned.
 * Else 0, or -1 with *err when /proc can't be read. */
int descriptors_of(pid_t pid, int (*function)(const struct descriptor *descriptor, void *data),
		   void *data);
int descriptors_of_all(int (*function)(const struct descriptor *descriptor, void *data), void *data,
		       struct error *err);

/* Is it a descriptor of the very description that has a flock(2) lock (/proc/PID/fdinfo)? A second
 * open of the same file isn't, nor is one that waits. *ret_mount: the mount by which it was opened,
 * as statx(2) numbers them (STATX_MNT_ID), -1 when the kernel doesn't say. */
bool descriptor_has_flock(const struct descriptor *descriptor, int *ret_mount);

/* Of the file system that the open file is on, as stat(2) gives it. */
dev_t descriptor_device(const struct descriptor *descriptor);

#endif
