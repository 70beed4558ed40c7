/*
 * Locks that are held on lockfiles without a name: rm or a tmp cleaner has taken the lockfile of a
 * live run away. The app is alive all the same (lock-protocol.md, threat table), but only
 * /proc/locks and /proc/PID/fd still tell so.
 *
 * The cost where nothing is deleted: at most two readings of 1 MiB of /proc/locks and, when a lock
 * on the directory's device is held, a walk of the directory. Only a lock that no lockfile accounts
 * for makes it look into processes: 30 ms for 1,000 such locks of another directory on the same
 * file system, half a second for 10,000 (two busy cores). All processes are looked into where
 * /proc/locks is longer, or hides too much: in another PID namespace than the first, whose outside
 * is not seen at all.
 */
#ifndef LOCK_DELETED_LOCK_H
#define LOCK_DELETED_LOCK_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "base/error.h"
#include "lock/app_lock.h"
#include "lock/lock_dir.h"
#include "model/record.h"

struct deleted_lock {
	struct app_hash hash;
	pid_t pid; /* of a process that has the lock: who took it, or else any that shares it */
	int descriptor; /* its number in that process */
	ino_t inode;
	struct statx_timestamp
		born;	      /* tells the file from a later one with the same inode number */
	struct record record; /* !known when it can't be read */
};

struct deleted_lock_list {
	struct deleted_lock *items;
	size_t count;
	size_t capacity;
	/* Held locks on the directory's device of which it can't be known: processes that can't be
	 * seen or looked into from here. */
	size_t unknown;
	struct error unknown_error; /* names the last of them */
};

/*
 * Fills *ret with all held locks on lockfiles of this directory that have no name any more. A lock
 * that the caller holds itself never counts; one whose description it shares with another
 * process is passed as own (else NULL). Returns 0, or -1 with *err when /proc or the directory
 * can't be read.
 */
int deleted_locks_find(const struct lock_dir *dir, const struct app_lock *own,
		       struct deleted_lock_list *ret, struct error *err);
void deleted_locks_release(struct deleted_lock_list *list);

/* The app's, or NULL. */
const struct deleted_lock *deleted_locks_of(const struct deleted_lock_list *list,
					    const struct app_hash *hash);

/* Does a process hold the app's lock on a lockfile that somebody has unlinked? 1 with the pid, 0
 * no, -1 with *err when it can't be known (then: keep). */
int lock_find_deleted_holder(const struct lock_dir *dir, const struct app_hash *hash,
			     const struct app_lock *own, pid_t *ret_pid, struct error *err);

/* The same for those who turn somebody away for it: one who has just forgotten his lockfile, and
 * isn't done with closing it, is given some seconds. wake_fd, when readable, ends the wait; -1:
 * none.
 */
int lock_find_lasting_deleted_holder(const struct lock_dir *dir, const struct app_hash *hash,
				     const struct app_lock *own, int wake_fd, pid_t *ret_pid,
				     struct error *err);

#endif
