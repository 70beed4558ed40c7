/* Read-only looks at lockfiles: no flock is taken, nobody is disturbed. */
#ifndef LOCK_LOCK_LOOK_H
#define LOCK_LOCK_LOOK_H

#include "kernel/proc_locks.h"
#include "lock/app_lock.h"
#include "lock/lock_dir.h"
#include "model/lock_view.h"

/* Looks at one app's lockfile. locks: /proc/locks as read before (proc_locks_read_twice), for
 * holders that take no companion lock; NULL: what only such a one may hold stays UNKNOWN. */
void lock_look(const struct lock_dir *dir, const struct app_hash *hash,
	       const struct proc_lock_list *locks, struct lock_view *ret);

struct lock_view_list {
	struct lock_view *items; /* owned */
	size_t count;
	size_t capacity;
};
/* Adds a view of the app, to be looked at. */
void lock_view_list_add(struct lock_view_list *list, const struct app_hash *hash);
void lock_view_list_release(struct lock_view_list *list);

/*
 * Looks at all lockfiles of the list: /proc/locks and the processes' descriptors are read once for
 * all. Adds a view for each lock that is held on a deleted lockfile, listed or not.
 * *ret_problem says what could not be seen (ERROR_NONE: nothing); the views are as good as they can
 * be.
 */
void lock_look_all(const struct lock_dir *dir, struct lock_view_list *list,
		   struct error *ret_problem);

/* Opens the app's lockfile for app_lock_look and app_lock_read_record; takes no lock. LOCK_FREE: *ret
 * holds it and is given up by app_lock_release. LOCK_GONE: there is none. -1: it can't be used. */
int lock_look_open(const struct lock_dir *dir, const struct app_hash *hash, struct app_lock *ret,
		   struct error *err);
/* Has the open lockfile lost its name? */
bool lock_look_is_unlinked(const struct app_lock *file);

#endif
