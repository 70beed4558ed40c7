/*
 * /proc/locks: who holds flock(2) locks, without taking any. Source: proc(5).
 *
 * Caveats: major:minor is the superblock's (differs from st_dev on btrfs subvolumes); the pid was
 * noted when the lock was taken and may have been reused; a lock from another PID namespace may be
 * missing, and so may one that was taken by a process which has ended since, except in the first
 * PID namespace. The kernel hands the file out page by page and by position: when other locks go
 * away during the reading, one that stays held may be skipped. So absence from more than one page
 * proves nothing; proc_locks_read_twice.
 *
 * The cost is quadratic, and each page's reading stops all locking on the machine: 1,000 lines take
 * half a millisecond, 100,000 many seconds. Anyone can make the file that long by locking single
 * bytes. So no more than PROC_LOCKS_SIZE_MAX is read; where there is more, kernel/descriptors.h
 * finds holders at a linear cost.
 */
#ifndef KERNEL_PROC_LOCKS_H
#define KERNEL_PROC_LOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

#define PROC_LOCKS_SIZE_MAX (1 << 20)

struct proc_lock {
	dev_t device;
	ino_t inode;
	pid_t pid;
};

struct proc_lock_list {
	struct proc_lock *items; /* flock locks that are held (not waited for), sorted by inode */
	size_t count;
	size_t capacity;
	bool truncated;	   /* there was more than is read */
	bool in_one_piece; /* the newest reading was: nothing was skipped */
};

/* Adds what a reading shows to the list, which is empty ({ 0 }) or holds an earlier one's; each
 * inode of a device stands in it once. On failure the list is as it was. */
int proc_locks_read(struct proc_lock_list *list, struct error *err);
/* The same, a second time where the first reading may have skipped something. */
int proc_locks_read_twice(struct proc_lock_list *list, struct error *err);
void proc_locks_release(struct proc_lock_list *list);
/* The index of the first one with the inode or, when there is none, of where it would be. */
size_t proc_locks_first(const struct proc_lock_list *list, ino_t inode);
/* The held flock on the inode, or NULL. Compares the inode and the device. */
const struct proc_lock *proc_locks_find(const struct proc_lock_list *list, dev_t device,
					ino_t inode);

#endif
