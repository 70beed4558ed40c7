/* Acquiring: the birth of a lockfile, already locked and described, or the taking of an old one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock_internal.h"

/* Each further round means that somebody else got or gave up the lock in between. */
#define ROUNDS_MAX 1000

/* Mode and group are set on the descriptor: the umask has no say. */
static int describe(const struct lock_dir *dir, const struct app_lock *lock,
		    const struct record *record, struct error *err)
{
	gid_t group = dir->trust->group;

	if (group != (gid_t)-1 && fchown(lock->fd, (uid_t)-1, group) < 0)
		return lockfile_error(dir, &lock->hash, errno, "give its group to", err);
	if (fchmod(lock->fd, group != (gid_t)-1 ? 0660 : 0600) < 0)
		return lockfile_error(dir, &lock->hash, errno, "set the mode of", err);
	return app_lock_write_record(lock, record, err);
}

/* LOCK_FREE: it has its name. LOCK_REPLACED: somebody else has it. LOCK_GONE: without /proc it
 * takes AT_EMPTY_PATH, which before Linux 6.10 asks for CAP_DAC_READ_SEARCH. */
static int link_to_name(const struct lock_dir *dir, const struct app_lock *lock, struct error *err)
{
	char name[APP_LOCKFILE_NAME_SIZE], link[64];
	int result;

	(void)app_lockfile_name(&lock->hash, name);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", lock->fd);
	result = linkat(AT_FDCWD, link, dir->fd, name, AT_SYMLINK_FOLLOW);
	if (result < 0 && errno == ENOENT)
		result = linkat(lock->fd, "", dir->fd, name, AT_EMPTY_PATH);
	if (result == 0)
		return LOCK_FREE;
	switch (errno) {
	case EEXIST:
		return LOCK_REPLACED;
	case ENOENT:
		return LOCK_GONE;
	default:
		return lockfile_error(dir, &lock->hash, errno, "create", err);
	}
}

static int fill(const struct lock_dir *dir, const struct app_hash *hash, int fd,
		struct app_lock *ret, struct error *err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return lockfile_error(dir, hash, errno, "examine", err);
	*ret = (struct app_lock){
		.fd = fd,
		.hash = *hash,
		.device = status.st_dev,
		.inode = status.st_ino,
	};
	return 0;
}

/* Whoever had the lock before us, and wrote its record, is a predecessor; runs do before they start
 * anything. */
static int describe_unless_used(const struct lock_dir *dir, const struct app_lock *lock,
				const struct record *record, bool *ret_created, struct error *err)
{
	struct stat status;

	if (fstat(lock->fd, &status) < 0)
		return lockfile_error(dir, &lock->hash, errno, "examine", err);
	if (status.st_size > 0)
		return 0;
	*ret_created = true;
	return describe(dir, lock, record, err);
}

/* Where O_TMPFILE or the way to name its file is missing: born empty and unlocked, so that a
 * janitor or another run may get it first, and die. */
static int create_by_name(const struct lock_dir *dir, const struct app_hash *hash,
			  const struct record *record, struct app_lock *ret, bool *ret_created,
			  struct error *err)
{
	char name[APP_LOCKFILE_NAME_SIZE];
	struct app_lock lock = { .fd = -1 };
	int result, fd = openat(dir->fd, app_lockfile_name(hash, name),
				O_CREAT | O_EXCL | O_RDWR | LOCKFILE_OPEN_FLAGS, 0600);

	if (fd < 0)
		return errno == EEXIST ? LOCK_REPLACED
				       : lockfile_error(dir, hash, errno, "create", err);
	if (fill(dir, hash, fd, &lock, err) < 0) {
		(void)close(fd);
		return -1;
	}
	result = lockfile_take(dir, &lock, err);
	if (result == LOCK_FREE && describe_unless_used(dir, &lock, record, ret_created, err) < 0) {
		if (*ret_created)
			(void)app_lock_forget(dir, &lock, NULL);
		else
			app_lock_release(&lock);
		return -1;
	}
	if (result == LOCK_FREE || result == LOCK_HELD) {
		*ret = lock;
		return result;
	}
	(void)close(fd);
	return result;
}

/* Lock, describe, and only then give it the name. LOCK_GONE: it can't be given one here. */
static int publish(const struct lock_dir *dir, const struct app_lock *lock,
		   const struct record *record, struct error *err)
{
	int result;

	if (flock(lock->fd, LOCK_EX | LOCK_NB) < 0)
		return lockfile_error(dir, &lock->hash, errno, "lock", err);
	if (describe(dir, lock, record, err) < 0)
		return -1;
	result = link_to_name(dir, lock, err);
	if (result != LOCK_FREE)
		return result;
	/* A name that is gone again is not one that could not be given. */
	result = lockfile_identity(dir, lock, err);
	return result == LOCK_GONE ? LOCK_REPLACED : result;
}

static int create(const struct lock_dir *dir, const struct app_hash *hash,
		  const struct record *record, struct app_lock *ret, bool *ret_created,
		  struct error *err)
{
	struct app_lock lock = { .fd = -1 };
	int result, fd = openat(dir->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR
			       ? create_by_name(dir, hash, record, ret, ret_created, err)
			       : lockfile_error(dir, hash, errno, "create", err);
	result = fill(dir, hash, fd, &lock, err);
	if (result == 0)
		result = publish(dir, &lock, record, err);
	if (result != LOCK_FREE) {
		(void)close(fd);
		return result == LOCK_GONE
			       ? create_by_name(dir, hash, record, ret, ret_created, err)
			       : result;
	}
	*ret_created = true;
	*ret = lock;
	return LOCK_FREE;
}

static int take_existing(const struct lock_dir *dir, const struct app_hash *hash,
			 struct app_lock *ret, struct error *err)
{
	struct app_lock lock = { .fd = -1 };
	int result = lockfile_open(dir, hash, O_RDWR, &lock, err);

	if (result != LOCK_FREE)
		return result;
	result = lockfile_take(dir, &lock, err);
	if (result == LOCK_FREE || result == LOCK_HELD) {
		*ret = lock;
		return result;
	}
	(void)close(lock.fd);
	return result == LOCK_GONE ? LOCK_REPLACED : result;
}

int app_lock_try(const struct lock_dir *dir, const struct app_hash *hash, enum lock_role role,
		 const struct record *record, struct app_lock *ret, bool *ret_created,
		 struct error *err)
{
	char name[APP_LOCKFILE_NAME_SIZE];

	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct app_lock lock = { .fd = -1 };
		bool created = false;
		int result = take_existing(dir, hash, &lock, err);

		if (result == LOCK_GONE)
			result = create(dir, hash, record, &lock, &created, err);
		if (result < 0)
			return -1;
		if (result != LOCK_FREE && result != LOCK_HELD)
			continue;
		if (result == LOCK_FREE) {
			lockfile_take_companion(&lock, role);
			(void)futimens(lock.fd, NULL);
		}
		*ret = lock;
		*ret_created = created;
		return result;
	}
	return error_set(err, ERROR_LOCK,
			 "unable to acquire lockfile %s/%s: it was replaced again and again",
			 dir->path, app_lockfile_name(hash, name));
}
