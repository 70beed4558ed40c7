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

#endif
