/* Whose lockfile a descriptor is of, when the directory doesn't tell. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "lock_internal.h"

#define DELETED_ENDING " (deleted)"

/* musl's header ends with the device; what the kernel fills in behind it has no name there. */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000U
#endif

static uint64_t mount_id(const struct statx *status)
{
	uint64_t id;

	memcpy(&id,
	       (const char *)status + offsetof(struct statx, stx_dev_minor) +
		       sizeof(status->stx_dev_minor),
	       sizeof(id));
	return id;
}

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

/* Are we not in a chroot within a mount? There the text of what is outside our root leads to
 * something else inside. */
static bool root_is_whole(void)
{
	struct statx root;

	return statx(AT_FDCWD, "/", AT_STATX_DONT_SYNC, 0, &root) == 0 &&
	       (!(root.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
		root.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* A path for us to the directory that a descriptor's link text names; NULL: there is none. The text
 * of what is in another mount namespace begins at that one's root, and we enter it by the root of
 * the process, which may be in a chroot. */
static char *parent_path(const struct descriptor *descriptor, const char *parent)
{
	char path[64], root[4096];
	ssize_t length;

	if (same_mount_namespace(descriptor->pid))
		return root_is_whole() ? xstrdup(parent) : NULL;
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)descriptor->pid);
	length = readlink(path, root, sizeof(root));
	if (length <= 0 || length == sizeof(root))
		return NULL;
	if (length == 1)
		length = 0; /* "/" */
	if (strncmp(parent, root, (size_t)length) != 0 || (parent[length] && parent[length] != '/'))
		return NULL;
	return xasprintf("%s%s", path, parent + length);
}

static int look_at_directory(const char *path, struct statx *ret)
{
	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_INO | STATX_MNT_ID,
		     ret);
}

/* Was it reached by the very mount? Else something is mounted over the path, or there is none to it
 * from the root that we looked from, and it tells nothing. Before Linux 5.8 the kernel doesn't say.
 */
static bool is_by_mount(const struct statx *there, int mount)
{
	return !(there->stx_mask & STATX_MNT_ID) || (int)mount_id(there) == mount;
}

/* A directory that isn't there, below one that is. */
static bool is_removed(char *path, int mount)
{
	struct statx there;
	char *slash;

	while ((slash = strrchr(path, '/')) && slash != path) {
		*slash = '\0';
		if (look_at_directory(path, &there) == 0)
			return there.stx_mask & STATX_MNT_ID && is_by_mount(&there, mount);
		if (errno != ENOENT)
			return false;
	}
	return false;
}

enum place { PLACE_UNKNOWN, PLACE_HERE, PLACE_ELSEWHERE };

static enum place place_of(const struct lock_dir *dir, const struct descriptor *descriptor,
			   int mount, const char *parent)
{
	CLEANUP_FREE char *path = parent_path(descriptor, parent);
	struct statx there, ours;

	if (!path)
		return PLACE_UNKNOWN;
	if (look_at_directory(path, &there) < 0)
		/* Ours may be a removed one, too. */
		return errno == ENOENT && is_removed(path, mount) && lock_dir_check(dir, NULL) == 0
			       ? PLACE_ELSEWHERE
			       : PLACE_UNKNOWN;
	if (!is_by_mount(&there, mount) ||
	    statx(dir->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &ours) < 0)
		return PLACE_UNKNOWN;
	return there.stx_ino == ours.stx_ino && there.stx_dev_major == ours.stx_dev_major &&
			       there.stx_dev_minor == ours.stx_dev_minor
		       ? PLACE_HERE
		       : PLACE_ELSEWHERE;
}

/* What can't be placed may be ours, unless it has a name that is not in our directory, or could be
 * opened by those who must not be able to make an app look alive: who has a mount namespace of his
 * own shows any file that he can read by any name. */
static bool may_be_ours(const struct lock_dir *dir, const struct descriptor *descriptor, int mount,
			bool listed, const char *parent)
{
	const struct statx *status = descriptor->status;
	enum place place = place_of(dir, descriptor, mount, parent);

	if (place != PLACE_UNKNOWN)
		return place == PLACE_HERE;
	return (status->stx_nlink == 0 || listed) &&
	       lockfile_mode_is_usable(dir->trust, status->stx_mode, status->stx_gid);
}

static void read_record(const struct descriptor *descriptor, struct record *ret)
{
	CLEANUP_CLOSE int fd = openat(descriptor->directory, descriptor->number,
				      O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	*ret = (struct record){ 0 };
	if (fd >= 0)
		(void)lockfile_read_record(fd, ret);
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
				    int mount, bool listed, struct deleted_lock *lock)
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
	if (!name || !may_be_ours(dir, descriptor, mount, listed, *link ? link : "/"))
		return OWNER_OTHER;
	return owner_by_name(name, descriptor, lock);
}
