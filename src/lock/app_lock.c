#include "lock/app_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "lock/record_file.h"
#include "lock_internal.h"

int app_lock_wait_blocking(int fd)
{
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return errno;
	return 0;
}

int app_lock_confirm(const struct lock_dir *dir, struct app_lock *lock, enum lock_role role,
		     struct error *err)
{
	int result = lockfile_identity(dir, lock, err);

	if (result != LOCK_FREE) {
		app_lock_release(lock);
		return result < 0 ? -1 : LOCK_REPLACED;
	}
	lockfile_take_companion(lock, role);
	(void)futimens(lock->fd, NULL);
	return LOCK_FREE;
}

int app_lock_probe(const struct lock_dir *dir, const struct app_hash *hash, struct app_lock *ret,
		   struct error *err)
{
	struct app_lock lock;
	int result = lockfile_open(dir, hash, O_RDWR, &lock, err);

	if (result != LOCK_FREE)
		return result;
	result = lockfile_take(dir, &lock, err);
	if (result != LOCK_FREE) {
		(void)close(lock.fd);
		return result;
	}
	lockfile_take_companion(&lock, LOCK_ROLE_JANITOR);
	*ret = lock;
	return LOCK_FREE;
}

int app_lock_adopt(const struct lock_dir *dir, const struct app_hash *hash, int fd,
		   struct app_lock *ret, struct error *err)
{
	struct app_lock lock = { .fd = fd, .hash = *hash };
	struct stat status;
	int result;

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fstat(fd, &status) < 0)
		return error_set_errno(err, ERROR_LOCK, errno, "unable to adopt descriptor %d", fd);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_LOCK,
				 "unable to adopt descriptor %d: it is not a regular file", fd);
	lock.device = status.st_dev;
	lock.inode = status.st_ino;
	/* flock(2) changes nothing for the description that has the lock, and fails for any other.
	 */
	result = lockfile_take(dir, &lock, err);
	if (result == LOCK_HELD)
		return error_set(err, ERROR_LOCK,
				 "unable to adopt descriptor %d: it is not what holds the lock",
				 fd);
	if (result < 0)
		return -1;
	if (result != LOCK_FREE)
		return LOCK_REPLACED;
	lockfile_take_companion(&lock, LOCK_ROLE_JANITOR);
	*ret = lock;
	return LOCK_FREE;
}

int app_lock_check(const struct lock_dir *dir, const struct app_lock *lock, struct error *err)
{
	return lockfile_identity(dir, lock, err);
}

int app_lock_forget(const struct lock_dir *dir, struct app_lock *lock, struct error *err)
{
	char name[APP_LOCKFILE_NAME_SIZE];
	int result = lockfile_identity(dir, lock, err);

	if (result == LOCK_FREE && unlinkat(dir->fd, app_lockfile_name(&lock->hash, name), 0) < 0)
		result = errno == ENOENT ? LOCK_GONE
					 : lockfile_error(dir, &lock->hash, errno, "remove", err);
	app_lock_release(lock);
	return result;
}

void app_lock_release(struct app_lock *lock)
{
	/* No LOCK_UN: it would take the lock from every process that shares the description. */
	if (lock->fd >= 0)
		(void)close(lock->fd);
	*lock = APP_LOCK_NONE;
}

int app_lock_write_record(const struct app_lock *lock, const struct record *record,
			  struct error *err)
{
	char text[RECORD_FILE_SIZE], name[APP_LOCKFILE_NAME_SIZE];
	size_t length = record_format(record, text);
	struct stat status;
	ssize_t written;

	do
		written = pwrite(lock->fd, text, length, 0);
	while (written < 0 && errno == EINTR);
	if (written != (ssize_t)length)
		return error_set_errno(err, ERROR_LOCK, written < 0 ? errno : ENOSPC,
				       "unable to write the record of lockfile %s",
				       app_lockfile_name(&lock->hash, name));
	if (fstat(lock->fd, &status) < 0 ||
	    (status.st_size > (off_t)length && ftruncate(lock->fd, (off_t)length) < 0))
		return error_set_errno(err, ERROR_LOCK, errno, "unable to truncate lockfile %s",
				       app_lockfile_name(&lock->hash, name));
	return 0;
}

int lockfile_read_record(int fd, struct record *ret)
{
	char text[RECORD_FILE_SIZE + 1];
	ssize_t length = file_pread_start(fd, text, sizeof(text));

	*ret = (struct record){ 0 };
	if (length > 0)
		record_parse(text, (size_t)length, ret);
	return length < 0 ? -1 : 0;
}

bool lockfile_record_is_of(const struct record *record, const struct app_hash *hash)
{
	struct app_hash named;

	if (!record->known || !*record->app)
		return true;
	named = app_hash_of(record->app);
	return app_hash_equal(&named, hash);
}

/* -1 with errno: not read, and *ret is !known. */
static int read_record(int fd, const struct app_hash *hash, struct record *ret)
{
	int result = lockfile_read_record(fd, ret);

	if (!lockfile_record_is_of(ret, hash))
		*ret = (struct record){ 0 };
	return result;
}

void app_lock_read_record(int fd, const struct app_hash *hash, struct record *ret)
{
	(void)read_record(fd, hash, ret);
}

int app_lock_need_record(const struct app_lock *lock, struct record *ret, struct error *err)
{
	struct record record;

	if (read_record(lock->fd, &lock->hash, &record))
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to read the record of lockfile %s", lock->hash.hex);
	*ret = record;
	return 0;
}

/* The pid that has the byte, 0 when the kernel doesn't say; -1: nobody. */
static pid_t companion_of(int fd, off_t byte)
{
	struct flock range = {
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};

	if (fcntl(fd, F_GETLK, &range) < 0 || range.l_type == F_UNLCK)
		return -1;
	return range.l_pid > 0 ? range.l_pid : 0;
}

enum lock_companion app_lock_look(int fd, pid_t *ret_pid)
{
	pid_t pid = companion_of(fd, 0);

	if (pid >= 0) {
		*ret_pid = pid;
		return LOCK_COMPANION_RUN;
	}
	pid = companion_of(fd, 1);
	if (pid >= 0) {
		*ret_pid = pid;
		return LOCK_COMPANION_JANITOR;
	}
	*ret_pid = 0;
	return LOCK_COMPANION_NONE;
}
