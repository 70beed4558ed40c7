/* Whose lockfile a descriptor is of, when the directory doesn't tell. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "lock/record_file.h"
#include "lock_internal.h"

#define DELETED_ENDING " (deleted)"

static bool same_mount_namespace(pid_t pid)
{
	char path[64], own[64], other[64];
	ssize_t own_length, other_length;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	own_length = readlink("/proc/self/ns/mnt", own, sizeof(own));
	other_length = readlink(path, other, sizeof(other));
	return own_length > 0 && own_length == other_length &&
	       !memcmp(own, other, (size_t)own_length);
}

/* Is the parent directory in a descriptor's link text certainly another one than ours? In another
 * mount namespace the text may name any directory of our view, and ours by any name: there it is
 * looked up from the process's own root. What can't be found may be ours. */
static bool is_elsewhere(const struct lock_dir *dir, pid_t pid, const char *parent)
{
	CLEANUP_FREE char *foreign = NULL;
	struct statx there, ours;

	if (!same_mount_namespace(pid)) {
		foreign = xasprintf("/proc/%d/root%s", (int)pid, parent);
		parent = foreign;
	}
	if (statx(AT_FDCWD, parent, AT_STATX_DONT_SYNC, STATX_INO, &there) < 0)
		/* A removed directory; ours may be one, too. */
		return !foreign && errno == ENOENT && strcmp(parent, dir->path) != 0;
	if (statx(dir->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &ours) < 0)
		return false;
	return there.stx_ino != ours.stx_ino || there.stx_dev_major != ours.stx_dev_major ||
	       there.stx_dev_minor != ours.stx_dev_minor;
}

static void read_record(const struct descriptor *descriptor, struct record *ret)
{
	char text[RECORD_FILE_SIZE + 1];
	CLEANUP_CLOSE int fd = openat(descriptor->directory, descriptor->number,
				      O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : file_pread_start(fd, text, sizeof(text));

	*ret = (struct record){ 0 };
	if (length > 0)
		record_parse(text, (size_t)length, ret);
}

/* A file born by O_TMPFILE shows as "DIR/#INODE (deleted)", whatever it was linked to, and a
 * renamed one with its new name: there the record says whose it is. */
static enum deleted_owner owner_by_name(const char *name, const struct descriptor *descriptor,
					struct deleted_lock *lock)
{
	struct app_hash named;

	read_record(descriptor, &lock->record);
	if (lock->record.known && *lock->record.app)
		named = app_hash_of(lock->record.app);
	else
		lock->record = (struct record){ 0 };
	if (app_hash_from_lockfile_name(name, &lock->hash)) {
		if (lock->record.known && !app_hash_equal(&named, &lock->hash))
			lock->record = (struct record){ 0 };
		return OWNER_APP;
	}
	if (!lock->record.known)
		return *name == '#' ? OWNER_UNKNOWN : OWNER_OTHER;
	lock->hash = named;
	return OWNER_APP;
}

/* Splits the link text; the name loses its " (deleted)". NULL: no such text. */
static char *split(char *link)
{
	char *name = strrchr(link, '/'), *ending;
	size_t length;

	if (!name)
		return NULL;
	*name++ = '\0';
	length = strlen(name);
	if (length < strlen(DELETED_ENDING))
		return name;
	ending = name + length - strlen(DELETED_ENDING);
	if (!strcmp(ending, DELETED_ENDING))
		*ending = '\0';
	return name;
}

enum deleted_owner deleted_owner_of(const struct lock_dir *dir, const struct descriptor *descriptor,
				    struct deleted_lock *lock)
{
	char link[4096], *name;
	ssize_t length =
		readlinkat(descriptor->directory, descriptor->number, link, sizeof(link) - 1);

	if (length < 0)
		return OWNER_UNKNOWN;
	if (!S_ISREG(descriptor->status->stx_mode) ||
	    !lock_trust_uid(dir->trust, descriptor->status->stx_uid) ||
	    descriptor_device(descriptor) != dir->device)
		return OWNER_OTHER;
	link[length] = '\0';
	name = split(link);
	if (!name || is_elsewhere(dir, descriptor->pid, *link ? link : "/"))
		return OWNER_OTHER;
	return owner_by_name(name, descriptor, lock);
}
