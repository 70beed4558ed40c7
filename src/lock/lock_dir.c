#include "lock/lock_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "lock_internal.h"

/* Not in every libc's or kernel's linux/magic.h. */
#define MAGIC_XFS 0x58465342
#define MAGIC_CIFS 0xff534d42
#define MAGIC_SMB2 0xfe534d42
#define MAGIC_FUSE 0x65735546
#define MAGIC_CEPH 0x00c36400
#define MAGIC_ZFS 0x2fc12fc1

struct file_system {
	uint32_t magic;
	const char *name;
	bool usable;
	bool other_devices;
};

static const struct file_system file_systems[] = {
	{ TMPFS_MAGIC, "tmpfs", true, false },
	{ RAMFS_MAGIC, "ramfs", true, false },
	{ EXT4_SUPER_MAGIC, "ext4", true, false }, /* ext2 and ext3 as well */
	{ MAGIC_XFS, "xfs", true, false },
	{ BTRFS_SUPER_MAGIC, "btrfs", true, true },
	{ OVERLAYFS_SUPER_MAGIC, "overlayfs", true, true },
	{ NFS_SUPER_MAGIC, "NFS", false, false },
	{ MAGIC_CIFS, "CIFS", false, false },
	{ MAGIC_SMB2, "SMB", false, false },
	{ SMB_SUPER_MAGIC, "SMB", false, false },
	{ MAGIC_FUSE, "FUSE", false, false },
	{ V9FS_MAGIC, "9p", false, false },
	{ MAGIC_CEPH, "Ceph", false, false },
	{ AFS_SUPER_MAGIC, "AFS", false, false },
	{ MAGIC_ZFS, "ZFS", false, false },
};

static int vet_file_system(struct lock_dir *dir, struct error *err)
{
	struct statfs status;
	uint32_t magic;

	if (fstatfs(dir->fd, &status) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to examine the file system of lock directory %s",
				       dir->path);
	magic = (uint32_t)status.f_type;
	for (size_t i = 0; i < ARRAY_SIZE(file_systems); i++) {
		if (file_systems[i].magic != magic)
			continue;
		dir->other_devices = file_systems[i].other_devices;
		dir->file_system = file_systems[i].name;
		if (file_systems[i].usable)
			return 0;
		return error_set(err, ERROR_LOCK,
				 "unable to use lock directory %s: it is on %s, where flock is "
				 "not known to exclude",
				 dir->path, file_systems[i].name);
	}
	return error_set(err, ERROR_LOCK,
			 "unable to use lock directory %s: its file system (type 0x%x) is not "
			 "one whose flock is known to exclude",
			 dir->path, magic);
}

static int vet_directory(struct lock_dir *dir, struct error *err)
{
	struct stat status;
	mode_t writable;

	if (fstat(dir->fd, &status) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to examine lock directory %s", dir->path);
	if (!lock_trust_uid(dir->trust, status.st_uid))
		return error_set(err, ERROR_LOCK,
				 "unable to use lock directory %s: its owner, uid %u, is not "
				 "trusted",
				 dir->path, status.st_uid);
	writable = status.st_mode & (S_IWGRP | S_IWOTH);
	if (dir->trust->group != (gid_t)-1 && status.st_gid == dir->trust->group)
		writable &= ~(mode_t)S_IWGRP;
	if (writable && !(status.st_mode & S_ISVTX))
		return error_set(err, ERROR_LOCK,
				 "unable to use lock directory %s: others may write to it and "
				 "it is not sticky (mode %04o)",
				 dir->path, status.st_mode & 07777U);
	dir->device = status.st_dev;
	return vet_file_system(dir, err);
}

int lock_dir_open(struct lock_dir *ret, const char *path, const struct lock_trust *trust,
		  struct error *err)
{
	struct lock_dir dir = { .trust = trust };
	struct stat status;

	dir.fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir.fd < 0) {
		int reason = errno;

		if (!lstat(path, &status) && S_ISLNK(status.st_mode))
			return error_set(err, ERROR_LOCK,
					 "unable to use lock directory %s: it is a symbolic link",
					 path);
		return error_set_errno(err, ERROR_LOCK, reason, "unable to open lock directory %s",
				       path);
	}
	dir.path = xstrdup(path);
	if (vet_directory(&dir, err) < 0) {
		lock_dir_close(&dir);
		return -1;
	}
	*ret = dir;
	return 0;
}

void lock_dir_close(struct lock_dir *dir)
{
	if (dir->fd >= 0)
		(void)close(dir->fd);
	free(dir->path);
	*dir = (struct lock_dir){ .fd = -1 };
}

int lock_dir_check(const struct lock_dir *dir, struct error *err)
{
	struct stat named, open_dir;

	if (fstat(dir->fd, &open_dir) < 0 || lstat(dir->path, &named) < 0)
		return error_set_errno(err, ERROR_LOCK, errno,
				       "unable to go on with lock directory %s", dir->path);
	if (named.st_dev != open_dir.st_dev || named.st_ino != open_dir.st_ino)
		return error_set(err, ERROR_LOCK,
				 "unable to go on with lock directory %s: it was replaced by "
				 "another one",
				 dir->path);
	return 0;
}

bool lock_dir_may_have(const struct lock_dir *dir, dev_t device)
{
	return dir->other_devices || device == dir->device;
}

const struct proc_lock *lock_dir_find_lock(const struct lock_dir *dir,
					   const struct proc_lock_list *locks, ino_t inode)
{
	for (size_t i = proc_locks_first(locks, inode);
	     i < locks->count && locks->items[i].inode == inode; i++)
		if (lock_dir_may_have(dir, locks->items[i].device))
			return &locks->items[i];
	return NULL;
}

static void close_stream(DIR **stream)
{
	if (*stream)
		(void)closedir(*stream);
}

int lock_dir_walk(const struct lock_dir *dir,
		  int (*function)(const struct dirent *entry, const struct app_hash *hash,
				  void *data),
		  void *data, size_t *ret_ignored, struct error *err)
{
	/* A new description: a duplicate would share the position with other walks. */
	CLEANUP_CLOSE int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_stream) DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	struct app_hash hash;
	size_t ignored = 0;
	int result = 0;

	if (!stream)
		return error_set_errno(err, ERROR_LOCK, errno, "unable to open lock directory %s",
				       dir->path);
	fd = -1; /* the stream's now */
	for (;;) {
		errno = 0;
		entry = readdir(stream);
		if (!entry)
			break;
		if (!app_hash_from_lockfile_name(entry->d_name, &hash)) {
			ignored += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") &&
				   strncmp(entry->d_name, LOCK_DIR_OWN_FILE,
					   strlen(LOCK_DIR_OWN_FILE)) != 0;
			result = function(entry, NULL, data);
		} else {
			result = function(entry, &hash, data);
		}
		if (result)
			return result;
	}
	if (errno)
		return error_set_errno(err, ERROR_LOCK, errno, "unable to read lock directory %s",
				       dir->path);
	if (ret_ignored)
		*ret_ignored = ignored;
	return 0;
}

struct each {
	int (*function)(const struct app_hash *hash, void *data);
	void *data;
};

static int call_with_hash(const struct dirent *entry, const struct app_hash *hash, void *data)
{
	const struct each *each = data;

	(void)entry;
	return hash ? each->function(hash, each->data) : 0;
}

int lock_dir_each_counted(const struct lock_dir *dir,
			  int (*function)(const struct app_hash *hash, void *data), void *data,
			  size_t *ret_ignored, struct error *err)
{
	struct each each = { function, data };

	return lock_dir_walk(dir, call_with_hash, &each, ret_ignored, err);
}

int lock_dir_each(const struct lock_dir *dir,
		  int (*function)(const struct app_hash *hash, void *data), void *data,
		  struct error *err)
{
	return lock_dir_each_counted(dir, function, data, NULL, err);
}
