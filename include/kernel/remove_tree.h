/*
 * Removing a file, or a directory with all that is in it, of which nothing is trusted: names,
 * depth, permissions, links and mounts may be hostile, and change meanwhile.
 *
 * No symbolic link is followed and no mount is crossed, ever (openat2(2) with RESOLVE_BENEATH,
 * RESOLVE_NO_SYMLINKS and RESOLVE_NO_XDEV; before Linux 5.6 a name at a time with O_NOFOLLOW, and
 * the mounts compared). Depth costs no more than a fixed number of descriptors. Directories that
 * deny their owner are made to let him in.
 */
#ifndef KERNEL_REMOVE_TREE_H
#define KERNEL_REMOVE_TREE_H

#include <stdint.h>

#include "base/error.h"

/* Removes the entry `name` (one component) of the directory parent_fd. Nothing there: done. Fails
 * with what could not be removed, everything else being gone, or when the deadline (CLOCK_NEVER:
 * none) has passed: ERROR_TIMEOUT, and a later call goes on. */
int remove_tree(int parent_fd, const char *name, int64_t deadline, struct error *err);

#endif
