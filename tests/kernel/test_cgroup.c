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

#include "base/clock.h"
#include "harness/harness.h"
#include "kernel/cgroup.h"
#include "kernel/child.h"
#include "group_support.h"

#define ID "0123456789abcdef0123456789abcdef"

static void test_path_table(void)
{
	static const struct {
		const char *path, *id;
		bool ours;
	} rows[] = {
		{ "/ci-janitor/" ID, ID, true },
		{ "/user.slice/x.service/ci-janitor/" ID, ID, true },
		{ "/ci-janitor/other/ci-janitor/" ID, ID, true },
		{ "/ci-janitor/ci-janitor", "ci-janitor", true },
		{ "", ID, false },
		{ "/", ID, false },
		{ "/", "", false },
		{ "/ci-janitor", "ci-janitor", false },
		{ "/ci-janitor/", "", false },
		{ "/" ID, ID, false },
		{ "ci-janitor/" ID, ID, false },
		{ "/ci-janitor/" ID "/", ID, false },
		{ "/ci-janitor/" ID "/x", ID, false },
		{ "/ci-janitor//" ID, ID, false },
		{ "//ci-janitor/" ID, ID, false },
		{ "/./ci-janitor/" ID, ID, false },
		{ "/../ci-janitor/" ID, ID, false },
		{ "/a/../ci-janitor/" ID, ID, false },
		{ "/ci-janitor/..", "..", false },
		{ "/ci-janitor/.", ".", false },
		{ "/ci-janitor/" ID, "0123", false },
		{ "/ci-janitor/0123", ID, false },
		{ "/ci-janitor/x/" ID, "x/" ID, false },
		{ "/ci-janitor/x/" ID, ID, false },
		{ "/ci-janitorx/" ID, ID, false },
		{ "/xci-janitor/" ID, ID, false },
		{ "/system.slice/docker.service", "docker.service", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CHECK_NUMBER(cgroup_path_is_ours(rows[i].path, rows[i].id), rows[i].ours);
		if (cgroup_path_is_ours(rows[i].path, rows[i].id) != rows[i].ours)
			printf("\n    row %zu: %s", i, rows[i].path);
	}
}

IN_CHILD(a_run_from_start_to_end)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct child child = CHILD_NONE;
	size_t fds = count_open_fds();
	struct error err = { 0 };
	struct group group;
	bool exec_failed;
	pid_t daemons[2];
	int status;

	make_group(&group);
	EXPECT(cgroup_path_is_ours(group.path, group.id));
	EXPECT(cgroup_kill(group.path, group.id, &err) == 0); /* empty as yet */
	setup.argv = WORDS("sleep", "1000");
	setup.cgroup_fd = group.fd;
	EXPECT(!child_spawn(&setup, &child, &exec_failed, &err));
	EXPECT(is_in(child.pid, group.path));
	EXPECT(!is_in(getpid(), group.path));
	daemons[0] = start_daemon_in(group.fd, "trap '' TERM HUP INT; while :; do sleep 99; done");
	daemons[1] = start_daemon_in(group.fd, "exec sleep 1000");
	EXPECT(is_in(daemons[0], group.path) && is_in(daemons[1], group.path));
	EXPECT(cgroup_kill(group.path, group.id, &err) >= 3);
	EXPECT(child_wait(&child, true, &status) == 1);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	EXPECT(ends_soon(daemons[0]) && ends_soon(daemons[1]));
	finish(&group);
	/* A group that is gone is as good a proof as an empty one. */
	EXPECT(cgroup_kill(group.path, group.id, &err) == 0);
	EXPECT(cgroup_remove(group.path, group.id, NULL) == 0);
	EXPECT(err.kind == ERROR_NONE);
	EXPECT(count_open_fds() == fds);
}

/* A zombie can run nothing any more: it doesn't keep the run from being called dead. */
IN_CHILD(a_zombie_does_not_count)
{
	struct group group;
	siginfo_t info;
	pid_t pid;

	make_group(&group);
	pid = fork();
	if (pid == 0) {
		enter(group.fd);
		_exit(0);
	}
	EXPECT(!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	EXPECT(cgroup_kill(group.path, group.id, NULL) == 0);
	EXPECT(waitpid(pid, NULL, 0) == pid);
	finish(&group);
}

static bool is_removed_soon(const struct group *group)
{
	for (int i = 0; i < 10000; i++) {
		if (cgroup_remove_empty(group->fd, group->id))
			return true;
		clock_sleep_ms(1);
	}
	return false;
}

/* What proves that all are dead: it goes only when nobody is in it, and nobody can enter it then.
 */
IN_CHILD(removed_only_when_empty)
{
	struct group group;
	siginfo_t info;
	pid_t zombie, pid;

	make_group(&group);
	pid = start_daemon_in(group.fd, "exec sleep 1000");
	EXPECT(!cgroup_remove_empty(group.fd, group.id));
	EXPECT(is_in(pid, group.path) && !kill(pid, SIGKILL) && ends_soon(pid));
	zombie = fork();
	if (zombie == 0) {
		enter(group.fd);
		_exit(0);
	}
	EXPECT(!waitid(P_PID, (id_t)zombie, &info, WEXITED | WNOWAIT));
	EXPECT(is_removed_soon(&group));
	EXPECT(cgroup_remove_empty(group.fd, group.id));
	EXPECT(child_can_be_born_in(group.fd) == -1);
	EXPECT(openat(group.fd, "cgroup.procs", O_WRONLY | O_CLOEXEC) == -1);
	EXPECT(waitpid(zombie, NULL, 0) == zombie);
	close(group.fd);
	make_group(&group);
	EXPECT(!mkdirat(group.fd, "below", 0755));
	EXPECT(!cgroup_remove_empty(group.fd, group.id));
	finish(&group);
}

IN_CHILD(forged_paths_hit_nobody)
{
	char forged[PATH_MAX + 64];
	struct error err;
	struct group group;
	pid_t pid;

	make_group(&group);
	pid = start_daemon_in(group.fd, "exec sleep 1000");
	snprintf(forged, sizeof(forged), "%s/../%s", group.path, group.id);
	EXPECT(cgroup_kill(forged, group.id, &err) == -1 && err.kind == ERROR_SYSTEM);
	EXPECT(cgroup_kill(group.path, "another", &err) == -1 && err.kind == ERROR_SYSTEM);
	EXPECT(cgroup_kill(group.path, "", &err) == -1);
	EXPECT(cgroup_kill("/", "", &err) == -1);
	EXPECT(cgroup_kill("/ci-janitor", "ci-janitor", &err) == -1);
	EXPECT(cgroup_remove(forged, group.id, NULL) == 0);
	EXPECT(kill(pid, 0) == 0 && is_in(pid, group.path));
	finish(&group);
	EXPECT(ends_soon(pid));
}

IN_CHILD(a_run_in_a_run)
{
	struct group outer, inner;
	pid_t pid;

	make_group(&outer);
	enter(outer.fd);
	make_group(&inner);
	EXPECT(!strncmp(inner.path, outer.path, strlen(outer.path)));
	EXPECT(!strncmp(inner.path + strlen(outer.path), "/ci-janitor/", 12));
	pid = start_daemon_in(inner.fd, "exec sleep 1000");
	EXPECT(is_in(pid, inner.path));
	EXPECT(cgroup_kill(inner.path, inner.id, NULL) == 1);
	EXPECT(ends_soon(pid));
	finish(&inner);
	EXPECT(!unlinkat(outer.fd, "ci-janitor", AT_REMOVEDIR));
	leave(&outer);
	finish(&outer);
}

/* The outer one is killed with all that its inner runs started, and leaves no group behind. */
IN_CHILD(groups_below_end_with_it)
{
	struct group outer;
	pid_t pid;
	int fd;

	make_group(&outer);
	EXPECT(!mkdirat(outer.fd, "a", 0755) && !mkdirat(outer.fd, "a/b", 0755));
	EXPECT(!mkdirat(outer.fd, "c", 0755));
	fd = openat(outer.fd, "a/b", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid = start_daemon_in(fd, "exec sleep 1000");
	close(fd);
	EXPECT(cgroup_kill(outer.path, outer.id, NULL) == 1);
	EXPECT(ends_soon(pid));
	finish(&outer);
}

static int create_and_remove(void *data)
{
	(void)data;
	for (int i = 0; i < 300; i++) {
		struct group group;

		make_group(&group);
		EXPECT(cgroup_remove(group.path, group.id, NULL) == 0);
		close(group.fd);
	}
	return 0;
}

static void create_and_remove_at_once(void *data)
{
	struct child children[3];
	int status;

	enter(((const struct group *)data)->fd);
	for (size_t i = 0; i < 3; i++)
		EXPECT(!child_fork(create_and_remove, NULL, &children[i], NULL));
	for (size_t i = 0; i < 3; i++)
		EXPECT(child_wait(&children[i], true, &status) == 1 && status == 0);
}

/* In a group of our own, so that the common parent has to be made, by one of them. */
IN_CHILD(creation_beside_removal)
{
	struct group outer;

	make_group(&outer);
	EXPECT(holds_in_child(create_and_remove_at_once, &outer));
	finish(&outer);
}

static void work_in_threaded_group(void *data)
{
	struct error err = { 0 };
	char path[PATH_MAX];
	int fd = 42;

	enter(*(int *)data);
	EXPECT(cgroup_create(ID, path, sizeof(path), &fd, &err) == 0);
	EXPECT(strstr(err.message, "not a domain") && fd == 42);
	EXPECT(!unlinkat(*(int *)data, "ci-janitor", AT_REMOVEDIR));
}

/* There a new group takes no process. */
IN_CHILD(in_a_threaded_group)
{
	struct group outer;
	int fd, type_fd;

	make_group(&outer);
	EXPECT(!mkdirat(outer.fd, "below", 0755));
	fd = openat(outer.fd, "below", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	type_fd = openat(fd, "cgroup.type", O_WRONLY | O_CLOEXEC);
	EXPECT(write(type_fd, "threaded", 8) == 8);
	close(type_fd);
	EXPECT(holds_in_child(work_in_threaded_group, &fd));
	close(fd);
	finish(&outer);
}

static void work_as_nobody(void *data)
{
	struct group *outer = data, inner;
	pid_t pid;

	enter(outer->fd);
	become_nobody();
	make_group(&inner);
	pid = start_daemon_in(inner.fd, "exec sleep 1000");
	EXPECT(cgroup_kill(inner.path, inner.id, NULL) == 1);
	EXPECT(ends_soon(pid));
	finish(&inner);
}

/* As systemd delegates a group to a user. */
IN_CHILD(delegated_to_an_ordinary_user)
{
	struct group outer;

	make_group(&outer);
	EXPECT(!fchown(outer.fd, NOBODY, NOBODY));
	EXPECT(!fchownat(outer.fd, "cgroup.procs", NOBODY, NOBODY, 0));
	EXPECT(holds_in_child(work_as_nobody, &outer));
	finish(&outer);
}

static void create_as_nobody(void *data)
{
	struct error err = { 0 };
	char path[PATH_MAX];
	int fd = 42;

	enter(*(int *)data);
	become_nobody();
	EXPECT(cgroup_create(ID, path, sizeof(path), &fd, &err) == 0);
	EXPECT(err.kind == ERROR_PERMISSION && fd == 42);
}

/* A group could be made there, but no process moved into it. */
IN_CHILD(half_delegated)
{
	struct group outer;

	make_group(&outer);
	EXPECT(!fchown(outer.fd, NOBODY, NOBODY));
	EXPECT(holds_in_child(create_as_nobody, &outer.fd));
	finish(&outer);
}

static int kill_as_nobody(void *data)
{
	const struct group *group = data;
	struct error err = { 0 };

	become_nobody();
	return cgroup_kill(group->path, group->id, &err) == -1 && err.kind == ERROR_PERMISSION ? 0
											       : 1;
}

IN_CHILD(not_permitted_is_an_error)
{
	struct child child;
	struct group group;
	int status;
	pid_t pid;

	make_group(&group);
	pid = start_daemon_in(group.fd, "exec sleep 1000");
	EXPECT(!child_fork(kill_as_nobody, &group, &child, NULL));
	EXPECT(child_wait(&child, true, &status) == 1 && status == 0);
	EXPECT(kill(pid, 0) == 0);
	finish(&group);
}

static const struct test tests[] = {
	{ "which paths are ours", test_path_table },
	{ "a run's group from start to end", test_a_run_from_start_to_end },
	{ "a zombie doesn't count", test_a_zombie_does_not_count },
	{ "removed only when it is empty", test_removed_only_when_empty },
	{ "forged paths hit nobody", test_forged_paths_hit_nobody },
	{ "a run in a run", test_a_run_in_a_run },
	{ "groups below end with it", test_groups_below_end_with_it },
	{ "creation beside removal", test_creation_beside_removal },
	{ "in a threaded group", test_in_a_threaded_group },
	{ "delegated to an ordinary user", test_delegated_to_an_ordinary_user },
	{ "only half delegated", test_half_delegated },
	{ "not permitted is an error", test_not_permitted_is_an_error },
	{ NULL, NULL },
};
TEST_SUITE(cgroup, tests)
