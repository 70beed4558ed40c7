#include "kernel/remove_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"

/* So many descriptors at once; what is deeper is moved to the top of the tree. */
#define DEPTH_MAX 64

struct removal {
	int top_fd; /* -1: nothing is open yet */
	unsigned moved;
	int64_t deadline;
	bool late;
	int errnum; /* the last failure's */
	char failed[256];
};

static void fail(struct removal *removal, const char *name, int errnum)
{
	removal->errnum = errnum;
	(void)snprintf(removal->failed, sizeof(removal->failed), "%s", name);
}

/* 0 where /proc isn't there. */
static int mount_of(int fd)
{
	char path[48], text[256];
	const char *line;
	int id = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (file_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "mnt_id:");
	return line && sscanf(line, "mnt_id: %d", &id) == 1 ? id : 0;
}

static bool same_mount(int a, int b)
{
	struct stat left, right;

	return !fstat(a, &left) && !fstat(b, &right) && left.st_dev == right.st_dev &&
	       mount_of(a) == mount_of(b);
}

/* Before Linux 5.6, or where a filter hides the call. */
static int open_by_name(int dir_fd, const char *name, int flags)
{
	int fd = openat(dir_fd, name, flags | O_NOFOLLOW);

	if (fd < 0 || same_mount(dir_fd, fd))
		return fd;
	(void)close(fd);
	errno = EXDEV;
	return -1;
}

static int open_beneath(int dir_fd, const char *name, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_DIRECTORY | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};
	int fd;

	do
		fd = (int)syscall(SYS_openat2, dir_fd, name, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open_by_name(dir_fd, name, (int)how.flags);
	return fd;
}

/* Lets its owner in. By the magic link, since fchmodat(2) follows what may be put in its place. */
static int make_accessible(int dir_fd, const char *name)
{
	CLEANUP_CLOSE int fd = open_beneath(dir_fd, name, O_PATH);
	char path[48];

	if (fd < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, S_IRWXU);
}

static int open_directory(int dir_fd, const char *name)
{
	int fd = open_beneath(dir_fd, name, O_RDONLY);

	if (fd < 0 && errno == EACCES && !make_accessible(dir_fd, name))
		fd = open_beneath(dir_fd, name, O_RDONLY);
	return fd;
}

/* The directory that the whole tree is in stays as it is. */
static int unlink_accessible(int dir_fd, const char *name, int flags, int depth)
{
	if (!unlinkat(dir_fd, name, flags))
		return 0;
	if (errno != EACCES || depth == 0 || fchmod(dir_fd, S_IRWXU))
		return -1;
	return unlinkat(dir_fd, name, flags);
}

/* The directory becomes one at the top, under a name that nothing there has. */
static int move_to_top(struct removal *removal, int dir_fd, const char *name)
{
	char new_name[32];

	do {
		(void)snprintf(new_name, sizeof(new_name), ".removed-%u", removal->moved++);
		/* The move writes the directory's "..". */
		(void)make_accessible(dir_fd, name);
		if (!syscall(SYS_renameat2, dir_fd, name, removal->top_fd, new_name,
			     1U /* RENAME_NOREPLACE */))
			return 0;
	} while (errno == EEXIST);
	return -1;
}

static int remove_entry(struct removal *removal, int dir_fd, const char *name, int depth);

/* One reading of the directory. Returns how many entries went, and *ret_left how many stayed. */
static size_t remove_entries(struct removal *removal, int dir_fd, int depth, size_t *ret_left)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t gone = 0;

	*ret_left = 0;
	if (!dir) {
		fail(removal, ".", errno);
		cleanup_close(&fd);
		*ret_left = 1;
		return 0;
	}
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		removal->late = removal->late || clock_now_ms() >= removal->deadline;
		if (!removal->late && !remove_entry(removal, dir_fd, entry->d_name, depth))
			gone++;
		else
			++*ret_left;
	}
	(void)closedir(dir);
	return gone;
}

/* Read again while something goes: others may add, and what is deep comes to the top. */
static int empty_directory(struct removal *removal, int dir_fd, int depth)
{
	size_t gone, left;

	do
		gone = remove_entries(removal, dir_fd, depth, &left);
	while (gone > 0 && !removal->late);
	return left ? -1 : 0;
}

static int remove_directory(struct removal *removal, int dir_fd, const char *name, int depth)
{
	CLEANUP_CLOSE int fd = -1;

	if (depth == DEPTH_MAX && !move_to_top(removal, dir_fd, name))
		return 0;
	if (depth == DEPTH_MAX)
		return -1;
	fd = open_directory(dir_fd, name);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (depth == 0)
		removal->top_fd = fd;
	if (empty_directory(removal, fd, depth + 1))
		return 1;
	return unlink_accessible(dir_fd, name, AT_REMOVEDIR, depth) && errno != ENOENT ? -1 : 0;
}

/* What an entry is shows when it is unlinked: d_type may be missing, or out of date. 0: gone. */
static int remove_entry(struct removal *removal, int dir_fd, const char *name, int depth)
{
	int result;

	if (!unlink_accessible(dir_fd, name, 0, depth) || errno == ENOENT)
		return 0;
	/* EPERM is also what an immutable file says: then it is no directory. */
	if (errno != EISDIR && errno != EPERM) {
		fail(removal, name, errno);
		return -1;
	}
	result = remove_directory(removal, dir_fd, name, depth);
	if (result < 0)
		fail(removal, name, errno == ENOTDIR ? EPERM : errno);
	return result;
}

int remove_tree(int parent_fd, const char *name, int64_t deadline, struct error *err)
{
	struct removal removal = { .top_fd = -1, .deadline = deadline };

	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return error_set(err, ERROR_BUG, "unable to remove %s: not a name", name);
	if (!remove_entry(&removal, parent_fd, name, 0))
		return 0;
	if (removal.late)
		return error_set(err, ERROR_TIMEOUT, "unable to remove all of %s in time", name);
	if (removal.errnum == EXDEV || removal.errnum == EBUSY)
		return error_set(err, ERROR_SYSTEM, "unable to remove %s: %s is a mount point",
				 name, removal.failed);
	return error_set_errno(err, ERROR_SYSTEM, removal.errnum, "unable to remove %s of %s",
			       removal.failed, name);
}
