#include "kernel/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "cgroup_internal.h"

#define OUR_GROUP "ci-janitor"

static bool part_is(const char *part, size_t length, const char *text)
{
	return strlen(text) == length && !memcmp(part, text, length);
}

bool cgroup_path_is_ours(const char *path, const char *run_id)
{
	bool is_in_ours = false, is_ours = false;

	while (*path) {
		size_t length;

		if (*path++ != '/')
			return false;
		length = strcspn(path, "/");
		if (!length || part_is(path, length, ".") || part_is(path, length, ".."))
			return false;
		is_ours = is_in_ours && part_is(path, length, run_id);
		is_in_ours = part_is(path, length, OUR_GROUP);
		path += length;
	}
	return is_ours;
}

/* The path of the group that holds the runs' groups. The caller frees it. */
static char *parent_of(const char *path)
{
	return xstrndup(path, (size_t)(strrchr(path, '/') - path));
}

static int make_group(int mount_fd, const char *path)
{
	CLEANUP_FREE char *parent = NULL;

	if (!mkdirat(mount_fd, path + 1, 0755))
		return 0;
	if (errno != ENOENT)
		return -1;
	parent = parent_of(path);
	if (mkdirat(mount_fd, parent + 1, 0755) && errno != EEXIST)
		return -1;
	return mkdirat(mount_fd, path + 1, 0755);
}

static void remove_group(int parent_fd, const char *name, int fd, void *data)
{
	(void)fd;
	(void)data;
	(void)unlinkat(parent_fd, name, AT_REMOVEDIR);
}

/* A run may have made groups of its own below. -1 with errno: its group is still there. */
static int remove_run(int mount_fd, const char *path)
{
	cgroup_walk(mount_fd, path + 1, remove_group, NULL);
	return unlinkat(mount_fd, path + 1, AT_REMOVEDIR) && errno != ENOENT ? -1 : 0;
}

/* Below a threaded group a new one is born "domain invalid" and takes no process. */
static bool can_be_entered(int fd)
{
	char type[32];

	return file_read_at(fd, "cgroup.type", type, sizeof(type)) > 0 && !strcmp(type, "domain\n");
}

static int make_and_open(int mount_fd, const char *path, struct error *err)
{
	int fd = -1;

	if (!make_group(mount_fd, path))
		fd = openat(mount_fd, path + 1, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to make the cgroup %s",
				       path);
	if (can_be_entered(fd))
		return fd;
	(void)close(fd);
	(void)remove_run(mount_fd, path);
	return error_set(err, ERROR_SYSTEM, "unable to use the cgroup %s: it is not a domain",
			 path);
}

/* The path for a run's group, or NULL with *err. Moving a process asks for the right to write the
 * common ancestor's cgroup.procs, and that is our own group's. */
static char *plan_group(const struct cgroup_hierarchy *hierarchy, const char *run_id,
			struct error *err)
{
	CLEANUP_FREE char *own = NULL;
	CLEANUP_FREE char *members = NULL;
	char *path;

	if (cgroup_of_process(hierarchy, 0, &own, err))
		return NULL;
	if (!strcmp(own, "/"))
		own[0] = '\0';
	members = xasprintf(".%s/cgroup.procs", own);
	if (faccessat(hierarchy->fd, members, W_OK, AT_EACCESS)) {
		error_set_errno(err, ERROR_SYSTEM, errno, "unable to use our cgroup %s/", own);
		return NULL;
	}
	path = xasprintf("%s/" OUR_GROUP "/%s", own, run_id);
	if (cgroup_path_is_ours(path, run_id))
		return path;
	error_set(err, ERROR_BUG, "unable to make the cgroup %s: not a run id", path);
	free(path);
	return NULL;
}

int cgroup_plan(const char *run_id, char *ret_path, size_t size, int *ret_mount_fd,
		struct error *err)
{
	CLEANUP(cgroup_hierarchy_release) struct cgroup_hierarchy hierarchy = CGROUP_HIERARCHY_NONE;
	CLEANUP_FREE char *path = NULL;

	if (cgroup_hierarchy_open(&hierarchy, err))
		return 0;
	path = plan_group(&hierarchy, run_id, err);
	if (!path)
		return 0;
	if (strlen(path) >= size) {
		error_set(err, ERROR_SYSTEM, "unable to make the cgroup %s: path too long", path);
		return 0;
	}
	memcpy(ret_path, path, strlen(path) + 1);
	*ret_mount_fd = hierarchy.fd;
	hierarchy.fd = -1;
	return 1;
}

int cgroup_make(int mount_fd, const char *path, int *ret_fd, struct error *err)
{
	int fd = make_and_open(mount_fd, path, err);

	if (fd < 0)
		return 0;
	*ret_fd = fd;
	return 1;
}

int cgroup_create(const char *run_id, char *ret_path, size_t size, int *ret_fd, struct error *err)
{
	CLEANUP_FREE char *path = xcalloc(1, size);
	CLEANUP_CLOSE int mount_fd = -1;

	if (!cgroup_plan(run_id, path, size, &mount_fd, err) ||
	    !cgroup_make(mount_fd, path, ret_fd, err))
		return 0;
	memcpy(ret_path, path, strlen(path) + 1);
	return 1;
}

/* A group removed under an open descriptor answers ENODEV or ENOENT. */
static bool is_gone(int errnum)
{
	return errnum == ENOENT || errnum == ENODEV;
}

/* 1, 0 (also: gone), -1 with errno. */
static int is_populated(int fd)
{
	char events[256];
	const char *line;

	if (file_read_at(fd, "cgroup.events", events, sizeof(events)) < 0)
		return is_gone(errno) ? 0 : -1;
	line = strstr(events, "populated ");
	if (!line) {
		errno = EPROTO;
		return -1;
	}
	return strncmp(line, "populated 0\n", 12) != 0;
}

static int write_kill(int fd)
{
	CLEANUP_CLOSE int kill_fd = openat(fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);

	return kill_fd < 0 ? -1 : file_write_all(kill_fd, "1", 1);
}

static int kill_group(const struct cgroup_hierarchy *hierarchy, const char *path, int fd,
		      struct error *err)
{
	size_t count;
	int errnum, populated = is_populated(fd);

	if (populated < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to read the cgroup %s",
				       path);
	if (!populated)
		return 0;
	count = cgroup_count(hierarchy->fd, path + 1);
	if (write_kill(fd)) {
		errnum = cgroup_signal_members(hierarchy, path);
		if (errnum)
			return error_set_errno(err, ERROR_SYSTEM, errnum,
					       "unable to kill the cgroup %s", path);
	}
	/* Populated, but the members were already on their way out when they were counted. */
	return count ? (int)count : 1;
}

static int refuse(const char *path, struct error *err)
{
	return error_set(err, ERROR_SYSTEM, "unable to use the cgroup %s: it is not the run's own",
			 path);
}

int cgroup_kill(const char *path, const char *run_id, struct error *err)
{
	CLEANUP(cgroup_hierarchy_release) struct cgroup_hierarchy hierarchy = CGROUP_HIERARCHY_NONE;
	CLEANUP_CLOSE int fd = -1;

	if (!cgroup_path_is_ours(path, run_id))
		return refuse(path, err);
	if (cgroup_hierarchy_open(&hierarchy, err))
		return -1;
	fd = openat(hierarchy.fd, path + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && is_gone(errno))
		return 0;
	if (fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open the cgroup %s",
				       path);
	return kill_group(&hierarchy, path, fd, err);
}

int cgroup_remove(const char *path, const char *run_id, struct error *err)
{
	CLEANUP(cgroup_hierarchy_release) struct cgroup_hierarchy hierarchy = CGROUP_HIERARCHY_NONE;
	struct error unknown = { .kind = ERROR_NONE };

	if (!cgroup_path_is_ours(path, run_id))
		return 0;
	if (cgroup_hierarchy_open(&hierarchy, &unknown)) {
		if (!unknown.sys_errno)
			return 0;
		return error_set_errno(err, ERROR_SYSTEM, unknown.sys_errno,
				       "unable to find the cgroup v2 hierarchy");
	}
	if (!remove_run(hierarchy.fd, path) || errno == EACCES || errno == EPERM || errno == EROFS)
		return 0;
	return error_set_errno(err, ERROR_SYSTEM, errno, "unable to remove the cgroup %s", path);
}

/* By way of "..", since looking for the mount costs more than all the rest. */
bool cgroup_remove_empty(int fd, const char *run_id)
{
	CLEANUP_CLOSE int parent_fd = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return parent_fd >= 0 && (!unlinkat(parent_fd, run_id, AT_REMOVEDIR) || errno == ENOENT);
}
