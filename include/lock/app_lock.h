/*
 * The app lock: exclusive flock(2) on one app's lockfile, and the rules that make it safe to
 * remove the file (lock-protocol.md, whose invariants the comments below refer to).
 *
 *	               acquire / probe
 *	(no lock) ---------------------------> held --- forget ---> (no lock, file unlinked)
 *	    ^                                   |
 *	    +------------- release -------------+        (file stays: the to-do entry for a sweep)
 *
 * A struct app_lock that was filled by one of the functions below is given up by exactly one of
 * app_lock_forget and app_lock_release.
 */
#ifndef LOCK_APP_LOCK_H
#define LOCK_APP_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "lock/lock_dir.h"
#include "model/app.h"
#include "model/record.h"

enum lock_state {
	LOCK_FREE,     /* nobody held it: it is ours now */
	LOCK_HELD,     /* somebody else holds it */
	LOCK_GONE,     /* there is no lockfile */
	LOCK_REPLACED, /* what we locked is no longer what the path names: look again */
};

struct app_lock {
	int fd; /* close-on-exec; -1: no lockfile open */
	struct app_hash hash;
	dev_t device;
	ino_t inode;
};

#define APP_LOCK_NONE ((struct app_lock){ .fd = -1 })

/* Who takes the lock; shown to others by a POSIX write lock on one byte of the file: 0 for a run, 1
 * for a janitor. The companion lock is a hint, never the evidence. */
enum lock_role { LOCK_ROLE_RUN, LOCK_ROLE_JANITOR };

/*
 * Acquire, once, without waiting.
 *
 * LOCK_FREE: ours, in *ret. *ret_created says that the lockfile was born with this call, already
 * locked and holding `record`; otherwise it is a dead predecessor's, still with its record, which
 * is the caller's to fence and reap before app_lock_write_record.
 * LOCK_HELD: somebody has it; *ret is open but not locked, for app_lock_look,
 * app_lock_wait_blocking and app_lock_release. Never LOCK_GONE or LOCK_REPLACED: those are tried
 * again inside. -1 with *err: the file is not one that may be used (ERROR_LOCK, ERROR_PERMISSION),
 * or the system failed (ENOSPC included): nothing is held.
 */
int app_lock_try(const struct lock_dir *dir, const struct app_hash *hash, enum lock_role role,
		 const struct record *record, struct app_lock *ret, bool *ret_created,
		 struct error *err);

/* Blocks in flock(2) on the descriptor that app_lock_try left with LOCK_HELD. Meant for a forked
 * helper: the lock belongs to the shared open file description, so it is the parent's as well.
 * Returns 0 or an errno. */
int app_lock_wait_blocking(int fd);

/* After the helper has returned 0: proves that the path still names the inode (invariant 4) and
 * takes the companion lock. LOCK_FREE: ours. LOCK_REPLACED: *lock was released; try again. */
int app_lock_confirm(const struct lock_dir *dir, struct app_lock *lock, enum lock_role role,
		     struct error *err);

/* The janitor's probe: never waits, never creates. LOCK_FREE fills *ret; LOCK_HELD, LOCK_GONE and
 * LOCK_REPLACED leave it empty. -1: unknown, keep (invariant 7). */
int app_lock_probe(const struct lock_dir *dir, const struct app_hash *hash, struct app_lock *ret,
		   struct error *err);

/* Takes over a lock whose descriptor this process inherited (`reap-held`): verifies that it is
 * locked by this open file description and that the path names it. LOCK_FREE or LOCK_REPLACED, or
 * -1. */
int app_lock_adopt(const struct lock_dir *dir, const struct app_hash *hash, int fd,
		   struct app_lock *ret, struct error *err);

/* Does the path still name the inode that we hold (invariant 4)? LOCK_FREE: yes; LOCK_GONE and
 * LOCK_REPLACED: no; -1 with *err: unknown. */
int app_lock_check(const struct lock_dir *dir, const struct app_lock *lock, struct error *err);

/* Forget: identity check, unlink, close, in this order (invariant 3). LOCK_FREE: unlinked.
 * LOCK_REPLACED or LOCK_GONE: the path was not ours any more, and nothing was unlinked. In
 * every case, -1 included, the lock is given up. */
int app_lock_forget(const struct lock_dir *dir, struct app_lock *lock, struct error *err);

/* Gives the lock up; the lockfile stays. Nothing to do for APP_LOCK_NONE. */
void app_lock_release(struct app_lock *lock);

/* Writes the record in place with one pwrite. Only by the holder. */
int app_lock_write_record(const struct app_lock *lock, const struct record *record,
			  struct error *err);

/* Reads the record. Torn or hostile text is !known, and so is a record that names an app which
 * doesn't hash to the lockfile's name. For those who show it only: a file that can't be read is
 * !known too. */
void app_lock_read_record(int fd, const struct app_hash *hash, struct record *ret);

/* The same for those who reap by it: without the record they would take a run for one that left no
 * processes and asked for nothing to be kept. -1 with *err: the file can't be read. */
int app_lock_need_record(const struct app_lock *lock, struct record *ret, struct error *err);

/* What record_kept_for asks for: this machine's clocks and the file's time stamp. */
void app_lock_read_clocks(int fd, const struct record *record, struct record_clocks *ret);

/* Who holds the companion lock (F_GETLK, disturbs nobody). */
enum lock_companion {
	LOCK_COMPANION_NONE, /* nobody: not held, or held by a momentary probe or another program */
	LOCK_COMPANION_RUN,  /* a run; *ret_pid, 0 when it lives in another PID namespace */
	LOCK_COMPANION_JANITOR, /* likewise a janitor */
};
enum lock_companion app_lock_look(int fd, pid_t *ret_pid);

#endif
