/* Read-only looks at lockfiles, for list and status: no flock is taken, nobody is disturbed. */
#ifndef LOCK_LOCK_LOOK_H
#define LOCK_LOCK_LOOK_H

#include "kernel/proc_locks.h"
#include "lock/lock_dir.h"
#include "model/lock_view.h"

/* Looks at one app's lockfile. locks: /proc/locks as read once for the whole pass, for holders that
 * take no companion lock; NULL when it could not be read. */
void lock_look(const struct lock_dir *dir, const struct app_hash *hash,
	       const struct proc_lock_list *locks, struct lock_view *ret);

/*
 * Does a process hold the app's lock on a lockfile that somebody has unlinked? Looks up the held
 * locks on the directory's device in /proc/PID/fd. 1 with the pid, 0 no, -1 with *err
 * when it can't be known (then: keep). A caller that holds the app's lock itself passes it, so
 * that its own inode doesn't count.
 */
struct app_lock;
int lock_find_deleted_holder(const struct lock_dir *dir, const struct app_hash *hash,
			     const struct app_lock *own, pid_t *ret_pid, struct error *err);

#endif
