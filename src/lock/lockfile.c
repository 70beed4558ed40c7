/* One lockfile: opening, vetting and proving its identity (lock-protocol.md, invariant 4). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lock/record_file.h"
#include "lock_internal.h"

#define OVERFLOW_UID 65534

int lockfile_error(const struct lock_dir *dir, const struct app_hash *hash, int errnum,
		   const char *verb, struct error *err)
{
	char name[APP_LOCKFILE_NAME_SIZE];

	return error_set_errno(err, ERROR_LOCK, errnum, "unable to %s lockfile %s/%s", verb,
			       dir->path, app_lockfile_name(hash, name));
}

static int refuse(const struct lock_dir *dir, const struct app_hash *hash, const char *reason,
		  struct error *err)
{
	char name[APP_LOCKFILE_NAME_SIZE];

	return error_set(err, ERROR_LOCK, "unable to use lockfile %s/%s: %s", dir->path,
			 app_lockfile_name(hash, name), reason);
}

static int refuse_owner(const struct lock_dir *dir, const struct app_hash *hash, uid_t uid,
			struct error *err)
{
	char reason[128];

	(void)snprintf(reason, sizeof(reason), "its owner, uid %u, is not trusted%s", uid,
		       uid == OVERFLOW_UID ? " (in a user namespace: a user that is not mapped)"
					   : "");
	return refuse(dir, hash, reason, err);
}

bool lockfile_mode_is_usable(const struct lock_trust *trust, mode_t mode, gid_t group)
{
	mode_t beyond_owner = mode & 07777 & ~(mode_t)(S_IRUSR | S_IWUSR);

	if (!beyond_owner)
		return true;
	return !(beyond_owner & ~(mode_t)(S_IRGRP | S_IWGRP)) && trust->group != (gid_t)-1 &&
	       group == trust->group;
}

static int vet(const struct lock_dir *dir, const struct app_hash *hash, const struct stat *status,
	       struct error *err)
{
	if (!S_ISREG(status->st_mode))
		return refuse(dir, hash, "it is not a regular file", err);
	if (!lock_trust_uid(dir->trust, status->st_uid))
		return refuse_owner(dir, hash, status->st_uid, err);
	if (!lockfile_mode_is_usable(dir->trust, status->st_mode, status->st_gid))
		return refuse(dir, hash, "its mode lets others use it", err);
	if (status->st_nlink > 1)
		return refuse(dir, hash, "it has more than one hard link", err);
	if (status->st_size > RECORD_FILE_SIZE)
		return refuse(dir, hash, "it is too large for a lockfile", err);
	return 0;
}

static int refuse_open(const struct lock_dir *dir, const struct app_hash *hash, int errnum,
		       struct error *err)
{
	switch (errnum) {
	case ENOENT:
		return LOCK_GONE;
	case ELOOP:
		return refuse(dir, hash, "it is a symbolic link", err);
	case EISDIR:
	case ENXIO:
	case ENODEV:
		return refuse(dir, hash, "it is not a regular file", err);
	default:
		return lockfile_error(dir, hash, errnum, "open", err);
	}
}

int lockfile_open(const struct lock_dir *dir, const struct app_hash *hash, int access,
		  struct app_lock *ret, struct error *err)
{
	char name[APP_LOCKFILE_NAME_SIZE];
	struct stat status;
	int result, fd;

	fd = openat(dir->fd, app_lockfile_name(hash, name), access | LOCKFILE_OPEN_FLAGS);
	if (fd < 0)
		return refuse_open(dir, hash, errno, err);
	if (fstat(fd, &status) < 0)
		result = lockfile_error(dir, hash, errno, "examine", err);
	else if (status.st_nlink == 0)
		result = LOCK_REPLACED;
	else
		result = vet(dir, hash, &status, err) < 0 ? -1 : LOCK_FREE;
	if (result != LOCK_FREE) {
		(void)close(fd);
		return result;
	}
	*ret = (struct app_lock){
		.fd = fd,
		.hash = *hash,
		.device = status.st_dev,
		.inode = status.st_ino,
	};
	return LOCK_FREE;
}

int lockfile_identity(const struct lock_dir *dir, const struct app_lock *lock, struct error *err)
{
	char name[APP_LOCKFILE_NAME_SIZE];
	struct stat open_file, path;

	if (fstat(lock->fd, &open_file) < 0)
		return lockfile_error(dir, &lock->hash, errno, "examine", err);
	if (fstatat(dir->fd, app_lockfile_name(&lock->hash, name), &path, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? LOCK_GONE
				       : lockfile_error(dir, &lock->hash, errno, "examine", err);
	/* The link count as well: the number of an unlinked inode can come again. */
	if (open_file.st_nlink == 0 || open_file.st_dev != path.st_dev ||
	    open_file.st_ino != path.st_ino)
		return LOCK_REPLACED;
	return LOCK_FREE;
}

int lockfile_take(const struct lock_dir *dir, const struct app_lock *lock, struct error *err)
{
	if (flock(lock->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? LOCK_HELD
					    : lockfile_error(dir, &lock->hash, errno, "lock", err);
	return lockfile_identity(dir, lock, err);
}

void lockfile_take_companion(const struct app_lock *lock, enum lock_role role)
{
	struct flock range = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = role == LOCK_ROLE_RUN ? 0 : 1,
		.l_len = 1,
	};

	(void)fcntl(lock->fd, F_SETLK, &range);
}
