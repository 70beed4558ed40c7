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

static const struct test tests[] = {
	{ "one holder; held, free and gone", test_one_holder },
	{ "forget unlinks only its own inode", test_forget_only_its_own },
	{ "a waiter behind a forget gets a fresh inode", test_waiter_behind_a_forget },
	{ "a killed holder's lock is free at once", test_killed_holder },
	{ "adopt", test_adopt },
	{ NULL, NULL },
};
TEST_SUITE(app_lock, tests)
