/* Which directory a held file belongs to that has lost its lockfile's name: mounts, chroots, and
 * files that only look like lockfiles. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_lock_fixture.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "lock/deleted_lock.h"
#include "own_disk.h"
#include "process_support.h"
#include "run_fixture.h"

static void check_found(const struct lock_fixture *fixture, pid_t holder)
{
	struct error err = { 0 };
	pid_t seen = 0;

	CHECK_NUMBER(fixture_find_deleted(&fixture->dir, &fixture->hash, NULL, &seen, &err),
		     holder != 0);
	CHECK_NUMBER(seen, holder);
	CHECK_TEXT(err.message, "");
}

/* Runs enter(fixture, data), which takes the lock, in a child that then stays. */
static pid_t start(struct lock_fixture *fixture,
		   void (*enter)(struct lock_fixture *fixture, const char *data), const char *data)
{
	int ready[2];
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		enter(fixture, data);
		EXPECT(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK_NUMBER(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static void take_at(struct lock_fixture *fixture, const char *path)
{
	struct app_lock lock;
	struct lock_dir dir;
	bool created;

	EXPECT(!lock_dir_open(&dir, path, fixture->trust, NULL));
	EXPECT(app_lock_try(&dir, &fixture->hash, LOCK_ROLE_RUN, &fixture->record, &lock, &created,
			    NULL) == LOCK_FREE);
}

static void enter_namespace(void)
{
	EXPECT(!unshare(CLONE_NEWNS));
	EXPECT(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

static void in_namespace(struct lock_fixture *fixture, const char *path)
{
	enter_namespace();
	take_at(fixture, path);
}

/* The path leads elsewhere by now, as the holder itself sees it. */
static void overmounted(struct lock_fixture *fixture, const char *over)
{
	in_namespace(fixture, fixture->dir.path);
	EXPECT(!mount("none", over, "tmpfs", 0, NULL));
}

static void in_chroot(struct lock_fixture *fixture, const char *root)
{
	enter_namespace();
	EXPECT(!mount(fixture->dir.path, root, NULL, MS_BIND, NULL));
	EXPECT(!chroot(root));
	take_at(fixture, "/");
}

/* A held lock in another directory of the same device, with the same app and all kinds of views,
 * is none of ours; in our directory it is the holder's. Named, unlinked, its directory removed. */
static void check_places(void (*enter)(struct lock_fixture *, const char *), const char *data,
			 bool told_when_gone)
{
	const char *app = strrchr(temp_dir(), '.') + 1; /* nobody else's on this file system */
	struct lock_fixture here = fixture_open(app), there = fixture_open(app);
	pid_t holder = start(&there, enter, data ? data : there.dir.path);

	check_found(&here, 0);
	check_found(&there, 0);
	CHECK_NUMBER(unlinkat(there.dir.fd, there.name, 0), 0);
	check_found(&there, holder);
	if (told_when_gone)
		check_found(&here, 0);
	fixture_stop_holder(holder);
	fixture_close(&there);
	fixture_close(&here);
}

static void test_namespace(void)
{
	check_places(in_namespace, NULL, true);
}

static void test_chroot(void)
{
	check_places(in_chroot, temp_dir(), true);
}

/* Can't be told once it is unlinked: that counts as ours, too. */
static void test_overmount(void)
{
	check_places(overmounted, NULL, false);
}

static void test_removed_directory(void)
{
	const char *app = strrchr(temp_dir(), '.') + 1; /* nobody else's on this file system */
	struct lock_fixture here = fixture_open(app), there = fixture_open(app);
	pid_t holder = start(&there, in_namespace, there.dir.path);

	CHECK_NUMBER(unlinkat(there.dir.fd, there.name, 0), 0);
	CHECK_NUMBER(rmdir(there.dir.path), 0);
	check_found(&here, 0);
	check_found(&there, holder);
	CHECK_NUMBER(mkdir(there.dir.path, 0700), 0); /* for the harness to remove */
	fixture_stop_holder(holder);
	fixture_close(&there);
	fixture_close(&here);
}

/* In the same mount namespace: we see another thing at the path that the holder went by. */
static void look_from_chroot(void *data)
{
	const char *root = temp_dir();
	struct lock_fixture fixture = fixture_open(strrchr(root, '.') + 1);
	struct lock_dir dir;
	char proc[512], locks[512];
	pid_t holder, seen = 0;

	enter_namespace();
	if (data) { /* the holder's path is there, too, and leads to another directory */
		EXPECT(!run_command(data, "umask 077; mkdir -p %s%s", root, fixture.dir.path));
	}
	snprintf(proc, sizeof(proc), "%s/proc", root);
	snprintf(locks, sizeof(locks), "%s/locks", root);
	EXPECT(!mkdir(proc, 0700) && !mkdir(locks, 0700));
	EXPECT(!mount("/proc", proc, NULL, MS_BIND | MS_REC, NULL));
	EXPECT(!mount(fixture.dir.path, locks, NULL, MS_BIND, NULL));
	holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN); /* by the path outside */
	EXPECT(!unlinkat(fixture.dir.fd, fixture.name, 0));
	EXPECT(!chroot(root) && !chdir("/"));
	EXPECT(!lock_dir_open(&dir, "/locks", fixture.trust, NULL));
	EXPECT(fixture_find_deleted(&dir, &fixture.hash, NULL, &seen, NULL) == 1);
	EXPECT(seen == holder);
	fixture_stop_holder(holder);
}

static void test_looking_from_a_chroot(void)
{
	struct command_result result = { 0 };

	CU_ASSERT(holds_in_child(look_from_chroot, NULL));
	CU_ASSERT(holds_in_child(look_from_chroot, &result));
}

/* A file that everybody can read, shown by a lockfile's name in a mount namespace of one's own, and
 * locked: nobody may make an app look alive like that. */
static void disguise(struct lock_fixture *fixture, const char *file)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", fixture->dir.path, fixture->name);
	enter_namespace();
	EXPECT(!mount(file, path, NULL, MS_BIND, NULL));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	EXPECT(fd >= 0 && !flock(fd, LOCK_EX));
}

static void test_disguise(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct app_lock lock = APP_LOCK_NONE;
	char file[512];
	bool created;
	pid_t attacker;
	int fd;

	snprintf(file, sizeof(file), "%s/readable", temp_dir());
	fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0644);
	CU_ASSERT(fd >= 0 && !fchmod(fd, 0644));
	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	app_lock_release(&lock); /* what there is to mount over */
	attacker = start(&fixture, disguise, file);
	check_found(&fixture, 0);
	CHECK_NUMBER(unlink(file), 0);
	check_found(&fixture, 0);
	fixture_stop_holder(attacker);
	close(fd);
	fixture_close(&fixture);
}

/* The number of a lockfile on one subvolume is held on another, too: neither hides the other. */
static void test_numbers_of_subvolumes(void)
{
	struct command_result result = { 0 };

	CHECK_NUMBER(
		run_command(
			&result,
			"exec unshare --mount sh -c 'd=%s; m=$d/m; mkdir $m; umask 077; "
			"PATH=$PATH:/usr/sbin:/sbin; c=\"" PROGRAM " --lock-dir $m/b\"; "
			"{ " NEED_LOOP_DEVICES " && truncate -s 128M $d/i && mkfs.btrfs -q $d/i && "
			"mount -o loop $d/i $m && "
			"btrfs subvolume create $m/a && btrfs subvolume create $m/b; } >/dev/null "
			"|| "
			"exit 99; n=ci-app-$(printf shop | sha256sum | cut -c1-32).lock; "
			"exec 8>$m/a/other 9>$m/b/$n; "
			"test $(stat -c %%i $m/a/other) = $(stat -c %%i $m/b/$n) || exit 98; "
			"flock 8; flock 9; rm $m/b/$n; $c status shop; exec 9>&-; $c status shop; "
			"exec 8>&-; cd /; umount $m'",
			temp_dir()),
		0);
	if (strncmp(result.output, "held (pid ", 10) || !strstr(result.output, "\nfree\n"))
		CHECK_TEXT(result.output, result.errors);
	command_result_release(&result);
}

static const struct test tests[] = {
	{ "in another mount namespace", test_namespace },
	{ "in a chroot", test_chroot },
	{ "behind something that was mounted later", test_overmount },
	{ "in a directory that was removed", test_removed_directory },
	{ "looked for from a chroot", test_looking_from_a_chroot },
	{ "another file, shown by a lockfile's name", test_disguise },
	{ "one number on two subvolumes", test_numbers_of_subvolumes },
	{ NULL, NULL },
};
TEST_SUITE_WITH(deleted_place, tests, own_disk_mount, own_disk_unmount)
