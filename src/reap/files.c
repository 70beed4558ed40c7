#include "reap/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "model/app.h"

#define HOLE "{app}"
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)

/* A walk from the root to the last part, which `leaf` gets with its directory. */
struct walk {
	const char *last; /* the file's name */
	bool literal;	  /* no globs: the path is that of a file */
	const struct lock_trust *trust;
	int (*leaf)(struct walk *walk, int dir_fd, const char *path, const char *reason);
	void (*function)(void *data, const struct app_file *file);
	void *data;
	int result;
	struct error *err;
};

static int walk_from(struct walk *walk, int dir_fd, const char *rest, const char *path,
		     const char *reason);

static bool is_trusted_owner(const struct lock_trust *trust, const struct stat *status)
{
	return lock_trust_uid(trust, status->st_uid);
}

static bool others_may_write(const struct lock_trust *trust, const struct stat *status)
{
	return status->st_mode & S_IWOTH ||
	       (status->st_mode & S_IWGRP && status->st_gid != trust->group);
}

/* On the way, a sticky directory such as /tmp will do: others can't replace what is not theirs. The
 * one that the file is in must be closed to them. */
static const char *distrust(const struct walk *walk, const struct stat *status, bool is_last)
{
	if (!is_trusted_owner(walk->trust, status))
		return "a directory on its way has an owner that is not trusted";
	if (others_may_write(walk->trust, status) && (is_last || !(status->st_mode & S_ISVTX)))
		return "others may write to a directory on its way";
	return NULL;
}

/* Goes on with the directory of that name; `name` came from a glob: what is none is passed over. */
static int enter(struct walk *walk, int dir_fd, const char *name, bool globbed, const char *rest,
		 const char *path, const char *reason)
{
	CLEANUP_FREE char *below = xasprintf("%s/%s", path, name);
	CLEANUP_CLOSE int fd = openat(dir_fd, name, DIRECTORY_FLAGS);
	struct stat status;

	if (fd < 0 && (errno == ENOENT || (globbed && (errno == ENOTDIR || errno == ELOOP))))
		return 0;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return error_set(
			walk->err, ERROR_SYSTEM,
			"unable to look for files: %.300s is a symbolic link or no directory",
			below);
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set_errno(walk->err, ERROR_SYSTEM, errno,
				       "unable to look for files in %.300s", below);
	if (!reason)
		reason = distrust(walk, &status, !strchr(rest, '/'));
	return walk_from(walk, fd, rest, below, reason);
}

static void close_stream(DIR **stream)
{
	if (*stream)
		(void)closedir(*stream);
}

static int enter_matching(struct walk *walk, int dir_fd, const char *glob, const char *rest,
			  const char *path, const char *reason)
{
	CLEANUP(close_stream) DIR *stream = NULL;
	const struct dirent *entry;
	/* "." and not a duplicate: that would share its position with the original. */
	int fd = openat(dir_fd, ".", DIRECTORY_FLAGS);

	stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		(void)error_set_errno(walk->err, ERROR_SYSTEM, errno, "unable to read %.300s",
				      path);
		cleanup_close(&fd);
		return -1;
	}
	while ((errno = 0, entry = readdir(stream))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    fnmatch(glob, entry->d_name, FNM_PERIOD) != 0)
			continue;
		if (enter(walk, dir_fd, entry->d_name, true, rest, path, reason) < 0)
			return -1;
	}
	if (errno)
		return error_set_errno(walk->err, ERROR_SYSTEM, errno, "unable to read %.300s",
				       path);
	return 0;
}

/* rest: what is left of the way, without a leading '/'. */
static int walk_from(struct walk *walk, int dir_fd, const char *rest, const char *path,
		     const char *reason)
{
	const char *slash = strchr(rest, '/');
	CLEANUP_FREE char *part = NULL;

	if (!slash)
		return walk->leaf(walk, dir_fd, path, reason);
	part = xstrndup(rest, (size_t)(slash - rest));
	if (!walk->literal && strpbrk(part, "*?["))
		return enter_matching(walk, dir_fd, part, slash + 1, path, reason);
	return enter(walk, dir_fd, part, false, slash + 1, path, reason);
}

static int walk_begin(struct walk *walk, const char *way)
{
	CLEANUP_CLOSE int root = open("/", DIRECTORY_FLAGS);
	struct stat status;

	if (root < 0 || fstat(root, &status) < 0)
		return error_set_errno(walk->err, ERROR_SYSTEM, errno, "unable to open /");
	return walk_from(walk, root, way + 1, "", distrust(walk, &status, !strchr(way + 1, '/')));
}

/* 1: it is there; 0: it is not; -1. What speaks against its removal goes to *ret. */
static int examine(const struct walk *walk, int dir_fd, const char *path, const char *reason,
		   struct app_file *ret)
{
	struct stat status;

	if (fstatat(dir_fd, walk->last, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return error_set_errno(walk->err, ERROR_SYSTEM, errno,
				       "unable to examine %.250s/%s", path, walk->last);
	}
	if (!reason && !S_ISREG(status.st_mode))
		reason = "it is not a regular file";
	if (!reason && !is_trusted_owner(walk->trust, &status))
		reason = "its owner is not trusted";
	ret->reason = reason;
	ret->changed = status.st_mtim.tv_sec;
	return 1;
}

static int find_leaf(struct walk *walk, int dir_fd, const char *path, const char *reason)
{
	CLEANUP_FREE char *file = xasprintf("%s/%s", path, walk->last);
	struct app_file found = { .path = file };
	int there = examine(walk, dir_fd, path, reason, &found);

	if (there > 0)
		walk->function(walk->data, &found);
	return there < 0 ? -1 : 0;
}

int files_each(const char *template, const char *app, const struct lock_trust *trust,
	       void (*function)(void *data, const struct app_file *file), void *data,
	       struct error *err)
{
	CLEANUP_TEXT struct text last = { 0 };
	const char *name = strrchr(template, '/') + 1;
	const char *hole = strstr(name, HOLE);
	struct walk walk = {
		.trust = trust, .leaf = find_leaf, .function = function, .data = data, .err = err
	};

	/* The grammar of names keeps it one part of a path, and neither "." nor "..". */
	if (!hole || !app_name_is_valid(app))
		return error_set(err, ERROR_BUG, "unable to look for files: bad template or app");
	text_append_bytes(&last, name, (size_t)(hole - name));
	text_append(&last, app);
	text_append(&last, hole + strlen(HOLE));
	walk.last = text_get(&last);
	return walk_begin(&walk, template);
}

static int remove_leaf(struct walk *walk, int dir_fd, const char *path, const char *reason)
{
	struct app_file found;
	int there = examine(walk, dir_fd, path, reason, &found);

	if (there <= 0)
		return there;
	if (found.reason)
		return error_set(walk->err, ERROR_PERMISSION, "unable to remove %.300s/%s: %s",
				 path, walk->last, found.reason);
	if (unlinkat(dir_fd, walk->last, 0) < 0 && errno != ENOENT)
		return error_set_errno(walk->err, ERROR_SYSTEM, errno, "unable to remove %.300s/%s",
				       path, walk->last);
	walk->result = 1;
	return 0;
}

int files_remove(const char *path, const struct lock_trust *trust, struct error *err)
{
	struct walk walk = {
		.last = strrchr(path, '/') + 1,
		.literal = true,
		.trust = trust,
		.leaf = remove_leaf,
		.err = err,
	};

	return walk_begin(&walk, path) < 0 ? -1 : walk.result;
}

bool files_app_of(const char *template, const char *file_name, char *ret, size_t size)
{
	const char *name = strrchr(template, '/') + 1;
	const char *hole = strstr(name, HOLE);
	size_t before = (size_t)(hole - name), after = strlen(hole + strlen(HOLE));
	size_t length = strlen(file_name);

	if (length <= before + after || length - before - after >= size ||
	    strncmp(file_name, name, before) != 0 ||
	    strcmp(file_name + length - after, hole + strlen(HOLE)) != 0)
		return false;
	(void)snprintf(ret, size, "%.*s", (int)(length - before - after), file_name + before);
	return app_name_is_valid(ret);
}
