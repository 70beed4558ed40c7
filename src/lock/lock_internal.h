/* What the files of the lock room share: vetting a lockfile, and proving that the path names it. */
#ifndef LOCK_LOCK_INTERNAL_H
#define LOCK_LOCK_INTERNAL_H

#include <dirent.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/error.h"
#include "kernel/descriptors.h"
#include "kernel/proc_locks.h"
#include "lock/deleted_lock.h"
#include "lock/lock_look.h"
#include "lock/app_lock.h"
#include "lock/lock_dir.h"

/* Never creates (fs.protected_regular), never follows, never blocks on a FIFO. */
#define LOCKFILE_OPEN_FLAGS (O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* Opens the lockfile with access O_RDWR or O_RDONLY and vets it. LOCK_FREE: it may be used, and
 * *ret holds it, not locked. LOCK_GONE; LOCK_REPLACED: unlinked between open and fstat; -1:
 * refused. */
int lockfile_open(const struct lock_dir *dir, const struct app_hash *hash, int access,
		  struct app_lock *ret, struct error *err);

/* Can only those open it whom the settings trust? */
bool lockfile_mode_is_usable(const struct lock_trust *trust, mode_t mode, gid_t group);

/* Invariant 4: LOCK_FREE when the path names the open inode, else LOCK_GONE, LOCK_REPLACED, or -1.
 */
int lockfile_identity(const struct lock_dir *dir, const struct app_lock *lock, struct error *err);

/* flock(LOCK_EX|LOCK_NB), then the identity check. LOCK_HELD, or as lockfile_identity. */
int lockfile_take(const struct lock_dir *dir, const struct app_lock *lock, struct error *err);

/* Only a hint, so that its failure is none. */
void lockfile_take_companion(const struct app_lock *lock, enum lock_role role);

/* "unable to VERB lockfile DIR/NAME: reason of errnum" (ERROR_LOCK or ERROR_PERMISSION). */
int lockfile_error(const struct lock_dir *dir, const struct app_hash *hash, int errnum,
		   const char *verb, struct error *err);

/* lock_dir_each_counted with the directory entry, and with all others, whose hash is NULL;
 * ret_ignored may be NULL. */
int lock_dir_walk(const struct lock_dir *dir,
		  int (*function)(const struct dirent *entry, const struct app_hash *hash,
				  void *data),
		  void *data, size_t *ret_ignored, struct error *err);

/* deleted_locks_find among locks that the caller has read after it looked at the lockfiles. They
 * are taken away from it. */
int deleted_locks_among(const struct lock_dir *dir, struct proc_lock_list *locks,
			const struct app_lock *own, struct deleted_lock_list *ret,
			struct error *err);

/* The app of a held file that no lockfile accounts for: fills in hash and record. UNKNOWN: it can't
 * be told; OTHER: no lockfile of this directory. listed: the directory has it, by another name. */
enum deleted_owner { OWNER_UNKNOWN, OWNER_OTHER, OWNER_APP };
enum deleted_owner deleted_owner_of(const struct lock_dir *dir, const struct descriptor *descriptor,
				    int mount, bool listed, struct deleted_lock *lock);

/* Adds to each view with an inode which processes share its lock's description, and says HELD of
 * what was thought dead when one does. One look through all processes; none where nothing is held,
 * unless the dead are in doubt. */
int lock_holders_find(const struct lock_dir *dir, struct lock_view *views, size_t count,
		      bool dead_too, struct error *err);

/* May a line of /proc/locks with this device mean a file in the directory? */
bool lock_dir_may_have(const struct lock_dir *dir, dev_t device);
/* The first of the locks that may be held on a file in the directory with this inode, or NULL. */
const struct proc_lock *lock_dir_find_lock(const struct lock_dir *dir,
					   const struct proc_lock_list *locks, ino_t inode);

/* The record in an open lockfile, whatever app it names. -1 with errno: not read; what can't be
 * parsed is !known. */
int lockfile_read_record(int fd, struct record *ret);
/* Is it one that names the app by that hash, or no app at all? */
bool lockfile_record_is_of(const struct record *record, const struct app_hash *hash);

#endif
