/* The app lock on the real kernel: births, probes, forgets, refusals, looks. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_lock_fixture.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "lock/deleted_lock.h"
#include "lock/lock_look.h"
#include "lock/record_file.h"
#include "process_support.h"

static void test_one_holder(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct app_lock lock = APP_LOCK_NONE, second = APP_LOCK_NONE;
	bool created = false;

	CHECK_NUMBER(app_lock_probe(&fixture.dir, &fixture.hash, &lock, NULL), LOCK_GONE);
	CHECK_NUMBER(lock.fd, -1);
	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	CHECK_NUMBER(fixture_try(&fixture, &second, &created), LOCK_HELD);
	CHECK_NUMBER(second.inode, lock.inode);
	app_lock_release(&second);
	CHECK_NUMBER(app_lock_probe(&fixture.dir, &fixture.hash, &second, NULL), LOCK_HELD);
	CHECK_NUMBER(second.fd, -1);
	app_lock_release(&lock);
	CHECK_NUMBER(app_lock_probe(&fixture.dir, &fixture.hash, &lock, NULL), LOCK_FREE);
	CHECK_NUMBER(app_lock_probe(&fixture.dir, &fixture.hash, &second, NULL), LOCK_HELD);
	CHECK_NUMBER(app_lock_forget(&fixture.dir, &lock, NULL), LOCK_FREE);
	CHECK_NUMBER(lock.fd, -1);
	CHECK_NUMBER(app_lock_probe(&fixture.dir, &fixture.hash, &lock, NULL), LOCK_GONE);
	fixture_close(&fixture);
}

static void test_forget_only_its_own(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct app_lock lock = APP_LOCK_NONE, other = APP_LOCK_NONE;
	struct stat status;
	bool created;

	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	CHECK_NUMBER(fixture_try(&fixture, &other, &created), LOCK_FREE);
	CU_ASSERT_TRUE(created);
	CHECK_NUMBER(app_lock_forget(&fixture.dir, &lock, NULL), LOCK_REPLACED);
	CHECK_NUMBER(lock.fd, -1);
	CHECK_NUMBER(fstatat(fixture.dir.fd, fixture.name, &status, 0), 0);
	CHECK_NUMBER(status.st_ino, other.inode);
	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	CHECK_NUMBER(app_lock_forget(&fixture.dir, &other, NULL), LOCK_GONE);
	fixture_close(&fixture);
}

static void test_waiter_behind_a_forget(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct app_lock lock = APP_LOCK_NONE, waiter = APP_LOCK_NONE;
	bool created;
	int status;
	pid_t pid;

	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	CHECK_NUMBER(fixture_try(&fixture, &waiter, &created), LOCK_HELD);
	pid = fork();
	if (pid == 0) {
		close(lock.fd);
		_exit(app_lock_wait_blocking(waiter.fd));
	}
	CHECK_NUMBER(app_lock_forget(&fixture.dir, &lock, NULL), LOCK_FREE);
	CHECK_NUMBER(waitpid(pid, &status, 0), pid);
	CHECK_NUMBER(status, 0);
	CHECK_NUMBER(app_lock_confirm(&fixture.dir, &waiter, LOCK_ROLE_RUN, NULL), LOCK_REPLACED);
	CHECK_NUMBER(waiter.fd, -1);
	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	CU_ASSERT_TRUE(created);

	/* Behind a release, the same inode is the waiter's. */
	CHECK_NUMBER(fixture_try(&fixture, &waiter, &created), LOCK_HELD);
	app_lock_release(&lock);
	CHECK_NUMBER(app_lock_wait_blocking(waiter.fd), 0);
	CHECK_NUMBER(app_lock_confirm(&fixture.dir, &waiter, LOCK_ROLE_RUN, NULL), LOCK_FREE);
	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_HELD);
	app_lock_release(&lock);
	app_lock_release(&waiter);
	fixture_close(&fixture);
}

static void test_killed_holder(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	pid_t pid = fixture_start_holder(&fixture, LOCK_ROLE_RUN), seen = 0;
	struct app_lock lock = APP_LOCK_NONE;
	bool created = true;

	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_HELD);
	CHECK_NUMBER(app_lock_look(lock.fd, &seen), LOCK_COMPANION_RUN);
	CHECK_NUMBER(seen, pid);
	app_lock_release(&lock);
	fixture_stop_holder(pid);
	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	CU_ASSERT_FALSE(created);
	app_lock_release(&lock);
	fixture_close(&fixture);
}

static void test_adopt(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct app_lock lock = APP_LOCK_NONE, adopted = APP_LOCK_NONE;
	bool created;
	int other;

	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	other = openat(fixture.dir.fd, fixture.name, O_RDWR | O_CLOEXEC);
	CHECK_NUMBER(app_lock_adopt(&fixture.dir, &fixture.hash, other, &adopted, NULL), -1);
	close(other);
	CHECK_NUMBER(app_lock_adopt(&fixture.dir, &fixture.hash, -1, &adopted, NULL), -1);
	CHECK_NUMBER(fcntl(lock.fd, F_SETFD, 0), 0);
	CHECK_NUMBER(app_lock_adopt(&fixture.dir, &fixture.hash, lock.fd, &adopted, NULL),
		     LOCK_FREE);
	CHECK_NUMBER(fcntl(lock.fd, F_GETFD), FD_CLOEXEC);
	CHECK_NUMBER(adopted.inode, lock.inode);
	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	CHECK_NUMBER(app_lock_adopt(&fixture.dir, &fixture.hash, lock.fd, &adopted, NULL),
		     LOCK_REPLACED);
	app_lock_release(&lock);
	fixture_close(&fixture);
}

/* Every function refuses what stands at the path, says why, and leaves it. */
static void check_refused(struct lock_fixture *fixture, const char *reason)
{
	struct app_lock lock = APP_LOCK_NONE;
	struct lock_view view;
	struct error err = { 0 };
	struct stat status;
	bool created;

	CHECK_NUMBER(app_lock_try(&fixture->dir, &fixture->hash, LOCK_ROLE_RUN, &fixture->record,
				  &lock, &created, &err),
		     -1);
	CHECK_NUMBER(err.kind, ERROR_LOCK);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, reason));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, fixture->name));
	CHECK_NUMBER(app_lock_probe(&fixture->dir, &fixture->hash, &lock, NULL), -1);
	CHECK_NUMBER(lock.fd, -1);
	lock_look(&fixture->dir, &fixture->hash, NULL, &view);
	CHECK_NUMBER(view.state, LOCK_VIEW_UNKNOWN);
	CU_ASSERT_PTR_NOT_NULL(strstr(view.error.message, reason));
	CHECK_NUMBER(fstatat(fixture->dir.fd, fixture->name, &status, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_NUMBER(unlinkat(fixture->dir.fd, fixture->name,
			      S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0),
		     0);
}

static void plant_file(struct lock_fixture *fixture, mode_t mode, off_t size)
{
	int fd = openat(fixture->dir.fd, fixture->name, O_CREAT | O_EXCL | O_WRONLY, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	CHECK_NUMBER(fchmod(fd, mode), 0);
	CHECK_NUMBER(ftruncate(fd, size), 0);
	close(fd);
}

static void test_planted_files(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, server;

	CHECK_NUMBER(symlinkat("victim", fixture.dir.fd, fixture.name), 0);
	check_refused(&fixture, "symbolic link");
	CHECK_NUMBER(mkfifoat(fixture.dir.fd, fixture.name, 0600), 0);
	check_refused(&fixture, "not a regular file");
	CHECK_NUMBER(mkdirat(fixture.dir.fd, fixture.name, 0700), 0);
	check_refused(&fixture, "not a regular file");
	server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%.60s",
		 fixture.dir.fd, fixture.name);
	CHECK_NUMBER(bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	check_refused(&fixture, "not a regular file");
	close(server);
	fd = openat(fixture.dir.fd, "victim", O_CREAT | O_WRONLY, 0600);
	close(fd);
	CHECK_NUMBER(linkat(fixture.dir.fd, "victim", fixture.dir.fd, fixture.name, 0), 0);
	check_refused(&fixture, "hard link");
	plant_file(&fixture, 0666, 0);
	check_refused(&fixture, "mode");
	plant_file(&fixture, 0660, 0); /* no group is configured */
	check_refused(&fixture, "mode");
	plant_file(&fixture, 0700, 0);
	check_refused(&fixture, "mode");
	plant_file(&fixture, 0600, RECORD_FILE_SIZE + 1);
	check_refused(&fixture, "too large");
	plant_file(&fixture, 0600, 0);
	CHECK_NUMBER(fchownat(fixture.dir.fd, fixture.name, 4242, 4242, 0), 0);
	check_refused(&fixture, "owner");
	fixture_close(&fixture);
}

static void test_group(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct app_lock lock = APP_LOCK_NONE;
	struct stat status;
	bool created;

	fixture.trust->group = 4243;
	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	CHECK_NUMBER(fstat(lock.fd, &status), 0);
	CHECK_NUMBER(status.st_mode & 07777, 0660);
	CHECK_NUMBER(status.st_gid, 4243);
	app_lock_release(&lock);
	CHECK_NUMBER(app_lock_probe(&fixture.dir, &fixture.hash, &lock, NULL), LOCK_FREE);
	app_lock_release(&lock);
	fixture.trust->group = 4244;
	check_refused(&fixture, "mode");
	fixture_close(&fixture);
}

static enum lock_view_state look(struct lock_fixture *fixture, pid_t *ret_pid)
{
	struct proc_lock_list locks = { 0 };
	struct lock_view view;

	CHECK_NUMBER(proc_locks_read(&locks, NULL), 0);
	lock_look(&fixture->dir, &fixture->hash, &locks, &view);
	proc_locks_release(&locks);
	*ret_pid = view.pid;
	if (view.state != LOCK_VIEW_FREE)
		CHECK_NUMBER(view.record.known, true);
	return view.state;
}

static void test_looks(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	pid_t seen, pid;
	int fd;

	CHECK_NUMBER(look(&fixture, &seen), LOCK_VIEW_FREE);
	pid = fixture_start_holder(&fixture, LOCK_ROLE_RUN);
	CHECK_NUMBER(look(&fixture, &seen), LOCK_VIEW_HELD);
	CHECK_NUMBER(seen, pid);
	fixture_stop_holder(pid);
	CHECK_NUMBER(look(&fixture, &seen), LOCK_VIEW_DEAD);
	CHECK_NUMBER(seen, 0);
	pid = fixture_start_holder(&fixture, LOCK_ROLE_JANITOR);
	CHECK_NUMBER(look(&fixture, &seen), LOCK_VIEW_REAPING);
	CHECK_NUMBER(seen, pid);
	fixture_stop_holder(pid);
	/* A program that knows only flock(2). */
	fd = openat(fixture.dir.fd, fixture.name, O_RDWR | O_CLOEXEC);
	CHECK_NUMBER(flock(fd, LOCK_EX | LOCK_NB), 0);
	CHECK_NUMBER(look(&fixture, &seen), LOCK_VIEW_HELD);
	CHECK_NUMBER(seen, getpid());
	close(fd);
	fixture_close(&fixture);
}

static void test_deleted_holder(void)
{
	struct lock_fixture fixture = fixture_open("shop"),
			    other = fixture_open_in("else", &fixture);
	struct app_lock own = APP_LOCK_NONE;
	pid_t holder, named, seen = 0;
	bool created;

	CHECK_NUMBER(lock_find_deleted_holder(&fixture.dir, &fixture.hash, NULL, &seen, NULL), 0);
	holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN); /* born without a name */
	CHECK_NUMBER(lock_find_deleted_holder(&fixture.dir, &fixture.hash, NULL, &seen, NULL), 0);
	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	CHECK_NUMBER(lock_find_deleted_holder(&fixture.dir, &fixture.hash, NULL, &seen, NULL), 1);
	CHECK_NUMBER(seen, holder);
	CHECK_NUMBER(lock_find_deleted_holder(&other.dir, &other.hash, NULL, &seen, NULL), 0);
	CHECK_NUMBER(fixture_try(&fixture, &own, &created), LOCK_FREE);
	CHECK_NUMBER(lock_find_deleted_holder(&fixture.dir, &fixture.hash, &own, &seen, NULL), 1);
	fixture_stop_holder(holder);
	CHECK_NUMBER(lock_find_deleted_holder(&fixture.dir, &fixture.hash, &own, &seen, NULL), 0);
	app_lock_release(&own);

	named = fixture_start_holder(&fixture, LOCK_ROLE_RUN); /* opened by its name */
	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	CHECK_NUMBER(lock_find_deleted_holder(&fixture.dir, &fixture.hash, NULL, &seen, NULL), 1);
	CHECK_NUMBER(seen, named);
	CHECK_NUMBER(lock_find_deleted_holder(&other.dir, &other.hash, NULL, &seen, NULL), 0);
	fixture_stop_holder(named);
	fixture_close(&other);
	fixture_close(&fixture);
}

static void check_found(const struct lock_fixture *fixture, pid_t holder)
{
	pid_t seen = 0;

	CHECK_NUMBER(lock_find_deleted_holder(&fixture->dir, &fixture->hash, NULL, &seen, NULL),
		     holder != 0);
	CHECK_NUMBER(seen, holder);
}

/* Two lock directories on one file system, and the same app in both. */
static void test_deleted_holder_elsewhere(void)
{
	struct lock_fixture here = fixture_open("shop"), there = fixture_open("shop");
	struct app_lock lock = APP_LOCK_NONE;
	bool created;
	pid_t holder;

	CHECK_NUMBER(here.dir.device, there.dir.device);
	for (int by_name = 0; by_name < 2; by_name++) {
		if (by_name) { /* the holder opens what is there */
			CHECK_NUMBER(fixture_try(&there, &lock, &created), LOCK_FREE);
			app_lock_release(&lock);
		}
		holder = fixture_start_holder(&there, LOCK_ROLE_RUN);
		check_found(&here, 0); /* one born without a name says "(deleted)" even now */
		CHECK_NUMBER(unlinkat(there.dir.fd, there.name, 0), 0);
		check_found(&here, 0);
		check_found(&there, holder);
		fixture_stop_holder(holder);
	}
	holder = fixture_start_holder(&there, LOCK_ROLE_RUN);
	CHECK_NUMBER(unlinkat(there.dir.fd, there.name, 0), 0);
	CHECK_NUMBER(rmdir(there.dir.path), 0);
	check_found(&here, 0);
	check_found(&there, holder);
	CHECK_NUMBER(mkdir(there.dir.path, 0700), 0); /* for the harness to remove */
	fixture_stop_holder(holder);
	fixture_close(&there);
	fixture_close(&here);
}

static const struct test tests[] = {
	{ "one holder; held, free and gone", test_one_holder },
	{ "forget unlinks only its own inode", test_forget_only_its_own },
	{ "a waiter behind a forget gets a fresh inode", test_waiter_behind_a_forget },
	{ "a killed holder's lock is free at once", test_killed_holder },
	{ "adopt", test_adopt },
	{ "planted files are refused and left", test_planted_files },
	{ "a configured group", test_group },
	{ "looks that disturb nobody", test_looks },
	{ "the holder of a deleted lockfile", test_deleted_holder },
	{ "a deleted lockfile of another directory", test_deleted_holder_elsewhere },
	{ NULL, NULL },
};
TEST_SUITE(app_lock, tests)
