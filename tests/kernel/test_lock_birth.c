/* A lockfile's birth, where the kernel offers all that it takes and where it lacks something. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_lock_fixture.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "harness/refuse.h"
#include "lock/record_file.h"
#include "process_support.h"
#include "run_fixture.h"

static void test_birth_with_record(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct app_lock lock = APP_LOCK_NONE;
	struct record record;
	struct stat status;
	bool created = false;

	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	CU_ASSERT_TRUE(created);
	CHECK_NUMBER(fcntl(lock.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CHECK_NUMBER(fstatat(fixture.dir.fd, fixture.name, &status, 0), 0);
	CHECK_NUMBER(status.st_ino, lock.inode);
	CHECK_NUMBER(status.st_mode & 07777, 0600);
	CHECK_NUMBER(status.st_nlink, 1);
	app_lock_read_record(lock.fd, &fixture.hash, &record);
	CU_ASSERT_TRUE(record.known);
	CHECK_TEXT(record.app, "shop");
	app_lock_release(&lock);
	CHECK_NUMBER(lock.fd, -1);
	fixture_close(&fixture);
}

static void test_predecessor(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct app_lock lock = APP_LOCK_NONE;
	struct record record;
	struct stat status;
	bool created = false;

	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	app_lock_release(&lock);
	/* The dead predecessor's record is the winner's to read first. */
	snprintf(fixture.record.holder, sizeof(fixture.record.holder), "second");
	CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
	CU_ASSERT_FALSE(created);
	app_lock_read_record(lock.fd, &fixture.hash, &record);
	CU_ASSERT_TRUE(record.known);
	CHECK_TEXT(record.holder, "");
	CHECK_NUMBER(ftruncate(lock.fd, RECORD_FILE_SIZE), 0);
	CHECK_NUMBER(app_lock_write_record(&lock, &fixture.record, NULL), 0);
	app_lock_read_record(lock.fd, &fixture.hash, &record);
	CHECK_TEXT(record.holder, "second");
	CHECK_NUMBER(fstat(lock.fd, &status), 0);
	CU_ASSERT_TRUE(status.st_size < RECORD_FILE_SIZE);

	/* A record of another app says nothing. */
	snprintf(fixture.record.app, sizeof(fixture.record.app), "other");
	CHECK_NUMBER(app_lock_write_record(&lock, &fixture.record, NULL), 0);
	app_lock_read_record(lock.fd, &fixture.hash, &record);
	CU_ASSERT_FALSE(record.known);
	CHECK_TEXT(record.app, "");
	app_lock_release(&lock);
	fixture_close(&fixture);
}

#define NO_TMPFILE(reason)                                                                         \
	{                                                                                          \
		.call = SYS_openat, .errnum = (reason), .argument = 2, REFUSE_BITS(O_TMPFILE)      \
	}
#define NO_LINK(flag)                                                                              \
	{                                                                                          \
		.call = SYS_linkat, .errnum = ENOENT, .argument = 4, REFUSE_BITS(flag)             \
	}

struct lack {
	const struct refused_call *calls;
	size_t count;
	bool no_proc;
	bool as_nobody;
	const char *directory;
};

static void lose_proc(void)
{
	EXPECT(!unshare(CLONE_NEWNS));
	EXPECT(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	EXPECT(!umount2("/proc", MNT_DETACH));
}

/* Born, described and held all the same: others find it so, whatever the caller lacked. */
static void be_born(void *data)
{
	const struct lack *lack = data;
	struct lock_trust trust = { .uids = (uid_t[]){ 0, NOBODY }, .uid_count = 2, .group = -1 };
	struct record record = { .known = true, .app = "shop" }, read_back;
	struct app_hash hash = app_hash_of("shop");
	char name[APP_LOCKFILE_NAME_SIZE];
	struct app_lock lock, second;
	struct error err = { 0 };
	struct lock_dir dir;
	struct stat status;
	bool created = false;

	if (lack->no_proc)
		lose_proc();
	if (lack->as_nobody)
		become_nobody();
	EXPECT(!refuse_calls(lack->calls, lack->count));
	EXPECT(!lock_dir_open(&dir, lack->directory, &trust, &err));
	if (app_lock_try(&dir, &hash, LOCK_ROLE_RUN, &record, &lock, &created, &err) != LOCK_FREE)
		fail_child(err.message, __FILE__, __LINE__);
	EXPECT(created);
	EXPECT(!fstatat(dir.fd, app_lockfile_name(&hash, name), &status, AT_SYMLINK_NOFOLLOW));
	EXPECT(status.st_ino == lock.inode && status.st_nlink == 1 && S_ISREG(status.st_mode));
	EXPECT((status.st_mode & 07777) == 0600);
	app_lock_read_record(lock.fd, &hash, &read_back);
	EXPECT(read_back.known && !strcmp(read_back.app, "shop"));
	EXPECT(app_lock_probe(&dir, &hash, &second, &err) == LOCK_HELD);
	EXPECT(app_lock_forget(&dir, &lock, &err) == LOCK_FREE);
	EXPECT(app_lock_probe(&dir, &hash, &second, &err) == LOCK_GONE);
	lock_dir_close(&dir);
}

static void check_born(const struct refused_call *calls, size_t count, bool no_proc)
{
	const char *directory = temp_dir();
	struct lack lack = {
		.calls = calls, .count = count, .no_proc = no_proc, .directory = directory
	};

	CHECK_NUMBER(chmod(directory, 01777), 0);
	CU_ASSERT_TRUE(holds_in_child(be_born, &lack));
	lack.as_nobody = true;
	CU_ASSERT_TRUE(holds_in_child(be_born, &lack));
}

static void test_without_tmpfile(void)
{
	static const struct refused_call unsupported[] = { NO_TMPFILE(EOPNOTSUPP) };
	/* Before Linux 3.11. */
	static const struct refused_call unknown[] = { NO_TMPFILE(EISDIR) };

	check_born(unsupported, 1, false);
	check_born(unknown, 1, false);
}

static void test_without_proc(void)
{
	static const struct refused_call old_kernel[] = { NO_LINK(AT_EMPTY_PATH) };

	check_born(NULL, 0, true);
	/* As it was up to Linux 6.9 for those without CAP_DAC_READ_SEARCH. */
	check_born(old_kernel, 1, true);
}

/* Two processes give birth by O_EXCL and one janitor probes: as strict as with O_TMPFILE. */
static void race(void *data)
{
	static const struct refused_call calls[] = { NO_TMPFILE(EOPNOTSUPP) };
	struct lock_fixture *fixture = data;
	int counter = openat(fixture->dir.fd, "counter", O_RDWR | O_CLOEXEC);
	struct app_lock lock;
	bool created;

	EXPECT(!refuse_calls(calls, 1));
	for (int i = 0; i < 3000; i++) {
		int result = app_lock_try(&fixture->dir, &fixture->hash, LOCK_ROLE_RUN,
					  &fixture->record, &lock, &created, NULL);

		EXPECT(result == LOCK_FREE || result == LOCK_HELD);
		if (result == LOCK_HELD) {
			app_lock_release(&lock);
			continue;
		}
		/* Nobody else may be between these two. */
		EXPECT(fcntl(counter, F_SETLK,
			     &(struct flock){ .l_type = F_WRLCK, .l_whence = SEEK_SET }) == 0);
		EXPECT(fcntl(counter, F_SETLK,
			     &(struct flock){ .l_type = F_UNLCK, .l_whence = SEEK_SET }) == 0);
		if (i % 3)
			EXPECT(app_lock_forget(&fixture->dir, &lock, NULL) == LOCK_FREE);
		else
			app_lock_release(&lock);
	}
}

static void test_race_without_tmpfile(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	pid_t pids[3];
	int status;

	close(openat(fixture.dir.fd, "counter", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
	for (size_t i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			alarm(240);
			race(&fixture);
			_exit(0);
		}
	}
	for (size_t i = 0; i < 3; i++) {
		CHECK_NUMBER(waitpid(pids[i], &status, 0), pids[i]);
		CHECK_NUMBER(status, 0);
	}
	fixture_close(&fixture);
}

/* The whole program, with a command under it. */
static void test_run_without_tmpfile(void)
{
	static const struct refused_call calls[] = { NO_TMPFILE(EOPNOTSUPP) };
	struct command_result result = { 0 };
	const char *dir = temp_dir();

	commands_refuse(calls, 1);
	CHECK_NUMBER(run_command(&result, RUN "shop -- sh -c 'ls %s; exit 7'", dir, dir), 7);
	commands_refuse(NULL, 0);
	CHECK_TEXT(result.errors, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, strrchr(lockfile_path(dir, "shop"), '/') + 1));
	command_result_release(&result);
}

static const struct test tests[] = {
	{ "born locked, described, and 0600", test_birth_with_record },
	{ "a predecessor's record is there to be read", test_predecessor },
	{ "without O_TMPFILE", test_without_tmpfile },
	{ "without /proc, and without AT_EMPTY_PATH", test_without_proc },
	{ "a race without O_TMPFILE has one winner", test_race_without_tmpfile },
	{ "run without O_TMPFILE", test_run_without_tmpfile },
	{ NULL, NULL },
};
TEST_SUITE(lock_birth, tests)
