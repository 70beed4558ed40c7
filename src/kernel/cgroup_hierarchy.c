#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "cgroup_internal.h"

static void close_stream(FILE **stream)
{
	if (*stream)
		(void)fclose(*stream);
}

/* The kernel writes space, tab, newline and backslash as \040 and so on. */
static void undo_octal(char *text)
{
	char *to = text;

	for (const char *from = text; *from; to++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
		    from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
}

/* "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime shared:9 - cgroup2 cgroup2 rw" */
static bool parse_mount(const char *line, int *ret_id, char **ret_root, char **ret_point)
{
	static const char separator[] = " - cgroup2 ";
	const char *type = strstr(line, " - ");

	if (!type || strncmp(type, separator, sizeof(separator) - 1))
		return false;
	if (sscanf(line, "%d %*s %*s %ms %ms", ret_id, ret_root, ret_point) != 3)
		return false;
	undo_octal(*ret_root);
	undo_octal(*ret_point);
	return true;
}

/* The errors that mean that a mount point isn't to be reached, or not any more. */
static bool is_out_of_reach(int errnum)
{
	return errnum == ENOENT || errnum == ENOTDIR || errnum == EACCES || errnum == EPERM ||
	       errnum == ELOOP;
}

/* The mount that the descriptor was opened in. -1 with errno. */
static int mount_of(int fd)
{
	char path[48], text[512];
	const char *line;
	int id;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (file_read_at(AT_FDCWD, path, text, sizeof(text)) < 0)
		return -1;
	line = strstr(text, "mnt_id:");
	if (line && sscanf(line, "mnt_id: %d", &id) == 1)
		return id;
	errno = EPROTO;
	return -1;
}

/* -1 when it is no cgroup v2 hierarchy, with errno 0, or when that can't be known. */
static int open_mount(const char *point)
{
	int fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC), errnum = 0;
	struct statfs info;

	if (fd < 0) {
		errno = is_out_of_reach(errno) ? 0 : errno;
		return -1;
	}
	if (fstatfs(fd, &info))
		errnum = errno;
	else if (info.f_type == CGROUP2_SUPER_MAGIC)
		return fd;
	(void)close(fd);
	errno = errnum;
	return -1;
}

#define TOP_INODE 1

static bool is_in_first_namespace(void)
{
	/* PROC_CGROUP_INIT_INO of <linux/proc_ns.h>, part of the kernel's interface. */
	static const char first[] = "cgroup:[4026531835]";
	char link[64];
	ssize_t length = readlink("/proc/self/ns/cgroup", link, sizeof(link));

	return length == (ssize_t)strlen(first) && !memcmp(link, first, strlen(first));
}

/* A mount at one of the usual places, if it shows the whole hierarchy. Only in the machine's first
 * cgroup namespace is that what /proc/PID/cgroup goes by: elsewhere "/" is another group. -1: the
 * mounts must be read, and the kernel takes long to write down those of a machine with many
 * containers. */
static int open_usual_mount(void)
{
	static const char *const points[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct stat status;

	if (!is_in_first_namespace())
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		int fd = open_mount(points[i]);

		if (fd >= 0 && !fstat(fd, &status) && status.st_ino == TOP_INODE)
			return fd;
		cleanup_close(&fd);
	}
	return -1;
}

static bool is_outside(const char *group)
{
	size_t length = strlen(group);

	return strstr(group, "/../") || (length >= 3 && !strcmp(group + length - 3, "/.."));
}

/* Takes the mount of the line when it is usable and better than what is there. -1 with errno when
 * that can't be known. */
static int consider(const char *line, struct cgroup_hierarchy *best)
{
	CLEANUP_FREE char *root = NULL;
	CLEANUP_FREE char *point = NULL;
	CLEANUP_CLOSE int fd = -1;
	int id, seen;

	/* A root with "..": the mount was made outside of our cgroup namespace. */
	if (!parse_mount(line, &id, &root, &point) || is_outside(root))
		return 0;
	if (best->fd >= 0 && (!strcmp(best->root, "/") || strcmp(root, "/")))
		return 0;
	fd = open_mount(point);
	if (fd < 0)
		return errno ? -1 : 0;
	/* Another mount may hide it, and show another part. */
	seen = mount_of(fd);
	if (seen != id)
		return seen < 0 ? -1 : 0;
	cgroup_hierarchy_release(best);
	*best = (struct cgroup_hierarchy){ .fd = fd, .root = root };
	fd = -1;
	root = NULL;
	return 0;
}

/* -1 with errno: not all of the mounts were seen. */
static int consider_all(FILE *stream, struct cgroup_hierarchy *best)
{
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stream) >= 0)
		if (consider(line, best))
			return -1;
	return ferror(stream) ? -1 : 0;
}

int cgroup_hierarchy_open(struct cgroup_hierarchy *ret, struct error *err)
{
	CLEANUP(close_stream) FILE *stream = NULL;
	struct cgroup_hierarchy best = { .fd = open_usual_mount() };

	if (best.fd >= 0) {
		best.root = xstrdup("/");
		*ret = best;
		return 0;
	}
	stream = fopen("/proc/self/mountinfo", "re");
	if (!stream || consider_all(stream, &best)) {
		(void)error_set_errno(err, ERROR_SYSTEM, errno,
				      "unable to find the cgroup v2 hierarchy");
		cgroup_hierarchy_release(&best);
		return -1;
	}
	if (best.fd < 0)
		return error_set(err, ERROR_SYSTEM,
				 "unable to find a cgroup v2 hierarchy: none is mounted here");
	*ret = best;
	return 0;
}

void cgroup_hierarchy_release(struct cgroup_hierarchy *hierarchy)
{
	cleanup_close(&hierarchy->fd);
	free(hierarchy->root);
	*hierarchy = CGROUP_HIERARCHY_NONE;
}

/* What of the group is below the mount's root: "/a/b" below "/a" is "/b"; NULL: it is elsewhere. */
static const char *below_root(const char *group, const char *root)
{
	size_t length = strcmp(root, "/") ? strlen(root) : 0;

	if (strncmp(group, root, length))
		return NULL;
	group += length;
	if (!*group)
		return "/";
	return *group == '/' ? group : NULL;
}

int cgroup_of_process(const struct cgroup_hierarchy *hierarchy, pid_t pid, char **ret,
		      struct error *err)
{
	CLEANUP(close_stream) FILE *stream = NULL;
	CLEANUP_FREE char *line = NULL;
	const char *group = NULL;
	char path[64] = "/proc/self/cgroup";
	size_t size = 0;

	if (pid)
		(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	stream = fopen(path, "re");
	if (!stream)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open %s", path);
	while (!group && getline(&line, &size, stream) >= 0) {
		if (strncmp(line, "0::/", 4))
			continue;
		line[strcspn(line, "\n")] = '\0';
		group = is_outside(line + 3) ? NULL : below_root(line + 3, hierarchy->root);
	}
	if (!group)
		return error_set(err, ERROR_SYSTEM,
				 "unable to use the cgroup v2 hierarchy: %s is not below its mount",
				 path);
	*ret = xstrdup(group);
	return 0;
}
