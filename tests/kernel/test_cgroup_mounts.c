#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/cgroup.h"
#include "kernel/child.h"
#include "group_support.h"

#define ID "0123456789abcdef0123456789abcdef"

static void expect_none(const char *reason)
{
	struct error err = { 0 };
	char path[PATH_MAX] = "untouched";
	int fd = 42;

	EXPECT(cgroup_create(ID, path, sizeof(path), &fd, &err) == 0);
	EXPECT(strstr(err.message, reason) != NULL);
	EXPECT(fd == 42 && !strcmp(path, "untouched"));
}

IN_CHILD(where_there_is_none)
{
	char path[8] = "before";
	struct error err = { 0 };
	int fd = 42;

	EXPECT(cgroup_create(ID, path, sizeof(path), &fd, &err) == 0);
	EXPECT(strstr(err.message, "too long") && !strcmp(path, "before") && fd == 42);
	EXPECT(cgroup_create("../x", path, sizeof(path), &fd, &err) == 0);
	EXPECT(err.kind == ERROR_BUG);
	become_nobody();
	expect_none("Permission denied");
}

/* The place where this machine has its cgroup v2 hierarchy; the caller frees it. */
static char *find_mount_point(void)
{
	char *text = read_text("/proc/self/mountinfo"), *point = NULL;
	char *line, *saved;

	for (line = strtok_r(text, "\n", &saved); line && !point;
	     line = strtok_r(NULL, "\n", &saved))
		if (strstr(line, " - cgroup2 "))
			EXPECT(sscanf(line, "%*s %*s %*s %*s %ms", &point) == 1);
	free(text);
	EXPECT(point != NULL);
	return point;
}

static void enter_private_mounts(void)
{
	EXPECT(!unshare(CLONE_NEWNS));
	EXPECT(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

IN_CHILD(hidden_and_missing_hierarchy)
{
	struct error err;
	char *point = find_mount_point();

	enter_private_mounts();
	EXPECT(!mount("none", point, "tmpfs", 0, NULL));
	expect_none("none is mounted here");
	EXPECT(!umount2(point, MNT_DETACH));
	EXPECT(!umount2(point, MNT_DETACH));
	expect_none("none is mounted here");
	/* Not the same as "gone": nothing is proved. */
	EXPECT(cgroup_kill("/ci-janitor/" ID, ID, &err) == -1);
	free(point);
}

/* A folder's name with what mountinfo writes in octal; the mount shows our own group only. */
static void work_in_a_part(void *data)
{
	const struct group *outer = data;
	char folder[] = "/tmp/ci janitor\\040\n\tXXXXXX";
	char *point = find_mount_point(), part[2 * PATH_MAX];
	struct group inner;
	pid_t pid;

	enter(outer->fd);
	EXPECT(mkdtemp(folder) != NULL);
	enter_private_mounts();
	snprintf(part, sizeof(part), "%s%s", point, outer->path);
	EXPECT(!mount(part, folder, NULL, MS_BIND, NULL));
	EXPECT(!umount2(point, MNT_DETACH));
	make_group(&inner);
	EXPECT(!strncmp(inner.path, "/ci-janitor/", 12) && strlen(inner.path) == 12 + 32);
	pid = start_daemon_in(inner.fd, "exec sleep 1000");
	EXPECT(cgroup_kill(inner.path, inner.id, NULL) == 1);
	EXPECT(ends_soon(pid));
	finish(&inner);
	EXPECT(!umount2(folder, MNT_DETACH));
	EXPECT(!rmdir(folder));
	free(point);
}

IN_CHILD(a_mount_of_a_part)
{
	struct group outer;

	make_group(&outer);
	EXPECT(holds_in_child(work_in_a_part, &outer));
	finish(&outer);
}

static void work_beside_a_part(void *data)
{
	const struct group *outer = data;
	char *point = find_mount_point(), part[2 * PATH_MAX];
	int fd = openat(outer->fd, "ab", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	enter(fd);
	enter_private_mounts();
	snprintf(part, sizeof(part), "%s%s/a", point, outer->path);
	EXPECT(!mount(part, "/mnt", NULL, MS_BIND, NULL));
	EXPECT(!umount2(point, MNT_DETACH));
	expect_none("is not below its mount");
	free(point);
}

static void work_below_a_hiding_part(void *data)
{
	const struct group *outer = data;
	char *point = find_mount_point(), part[2 * PATH_MAX];

	enter_private_mounts();
	snprintf(part, sizeof(part), "%s%s/a", point, outer->path);
	EXPECT(!mount(part, point, NULL, MS_BIND, NULL));
	expect_none("is not below its mount");
	free(point);
}

/* "/ab" is not below "/a". */
IN_CHILD(a_mount_of_another_part)
{
	struct group outer;

	make_group(&outer);
	EXPECT(!mkdirat(outer.fd, "a", 0755) && !mkdirat(outer.fd, "ab", 0755));
	EXPECT(holds_in_child(work_beside_a_part, &outer));
	EXPECT(holds_in_child(work_below_a_hiding_part, &outer));
	finish(&outer);
}

/* cgroup.kill can't be written to, as on a kernel that has none: each member is signalled. */
IN_CHILD(without_cgroup_kill)
{
	char *point = find_mount_point(), path[2 * PATH_MAX];
	struct group group;
	pid_t pids[4], outside;
	int fd;

	make_group(&group);
	EXPECT(!mkdirat(group.fd, "below", 0755));
	outside = start_daemon("exec sleep 1000", NULL);
	for (size_t i = 0; i < 3; i++)
		pids[i] = start_daemon_in(group.fd, "exec sleep 1000");
	fd = openat(group.fd, "below", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pids[3] = start_daemon_in(fd, "trap '' TERM; while :; do sleep 99; done");
	close(fd);
	enter_private_mounts();
	snprintf(path, sizeof(path), "%s%s/cgroup.kill", point, group.path);
	EXPECT(!mount(path, path, NULL, MS_BIND, NULL));
	EXPECT(!mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	EXPECT(open(path, O_WRONLY) == -1 && errno == EROFS);
	EXPECT(cgroup_kill(group.path, group.id, NULL) >= 4);
	kill_to_the_end(&group);
	for (size_t i = 0; i < 4; i++)
		EXPECT(ends_soon(pids[i]));
	EXPECT(kill(outside, SIGKILL) == 0);
	EXPECT(!umount2(path, MNT_DETACH));
	finish(&group);
	free(point);
}

/* Seen from a cgroup namespace the old mount's top is "/..", and our own group is "/". */
static void work_in_namespace(void *data)
{
	const struct group *outer = data;
	char *point = find_mount_point();
	struct group inner;

	enter(outer->fd);
	enter_private_mounts();
	EXPECT(!unshare(CLONE_NEWCGROUP));
	expect_none("none is mounted here");
	EXPECT(!umount2(point, MNT_DETACH));
	EXPECT(!mount("cgroup2", point, "cgroup2", 0, NULL));
	make_group(&inner);
	EXPECT(!strncmp(inner.path, "/ci-janitor/", 12) && strlen(inner.path) == 12 + 32);
	finish(&inner);
	free(point);
}

IN_CHILD(in_a_cgroup_namespace)
{
	struct group outer;

	make_group(&outer);
	EXPECT(holds_in_child(work_in_namespace, &outer));
	finish(&outer);
}

static const struct test tests[] = {
	{ "where there is none", test_where_there_is_none },
	{ "a hidden and a missing hierarchy", test_hidden_and_missing_hierarchy },
	{ "a mount of a part, at an odd place", test_a_mount_of_a_part },
	{ "a mount of another part", test_a_mount_of_another_part },
	{ "without cgroup.kill", test_without_cgroup_kill },
	{ "in a cgroup namespace", test_in_a_cgroup_namespace },
	{ NULL, NULL },
};
TEST_SUITE(cgroup_mounts, tests)
