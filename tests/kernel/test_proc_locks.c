#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/proc_locks.h"
#include "process_support.h"

#define READINGS 20

static int open_temporary(struct stat *ret)
{
	char path[] = "/tmp/ci-janitor-locks-XXXXXX";
	int fd = mkostemp(path, O_CLOEXEC);

	CU_ASSERT_FATAL(fd >= 0);
	unlink(path);
	CU_ASSERT_EQUAL_FATAL(fstat(fd, ret), 0);
	return fd;
}

/* The pid that is listed as the holder, 0: none. */
static pid_t holder_of(const struct stat *file)
{
	struct proc_lock_list list = { 0 };
	struct error err = { 0 };
	const struct proc_lock *found;
	pid_t pid;

	/* One reading may skip a lock when others' go away meanwhile, as they do beside other
	 * tests. */
	for (int i = 0; i < READINGS; i++)
		CHECK_NUMBER(proc_locks_read(&list, &err), 0);
	for (size_t i = 1; i < list.count; i++)
		CU_ASSERT_TRUE(list.items[i - 1].inode <= list.items[i].inode);
	CU_ASSERT_PTR_NULL(proc_locks_find(&list, file->st_dev + 1, file->st_ino));
	found = proc_locks_find(&list, file->st_dev, file->st_ino);
	pid = found ? found->pid : 0;
	proc_locks_release(&list);
	CHECK_NUMBER(list.count, 0);
	return pid;
}

static void test_held_exclusively_and_shared(void)
{
	struct stat file;
	int fd = open_temporary(&file);

	CHECK_NUMBER(holder_of(&file), 0);
	CHECK_NUMBER(flock(fd, LOCK_EX), 0);
	CHECK_NUMBER(holder_of(&file), getpid());
	CHECK_NUMBER(flock(fd, LOCK_UN), 0);
	CHECK_NUMBER(holder_of(&file), 0);
	CHECK_NUMBER(flock(fd, LOCK_SH), 0);
	CHECK_NUMBER(holder_of(&file), getpid());
	close(fd);
	CHECK_NUMBER(holder_of(&file), 0);
}

static void test_posix_lock_is_another_thing(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat file;
	int fd = open_temporary(&file);

	CHECK_NUMBER(fcntl(fd, F_SETLK, &lock), 0);
	CHECK_NUMBER(holder_of(&file), 0);
	close(fd);
}

static bool is_waiting(pid_t pid)
{
	char wanted[64];
	bool waiting = false;

	snprintf(wanted, sizeof(wanted), "-> FLOCK  ADVISORY  WRITE %d ", (int)pid);
	for (int i = 0; i < 10000 && !waiting; i++) {
		char *text = read_text("/proc/locks");

		waiting = text && strstr(text, wanted);
		free(text);
		usleep(2000);
	}
	return waiting;
}

/* Behind the holder stands one that waits: the holder is named, never the one that waits. */
static void test_one_that_waits_holds_nothing(void)
{
	struct stat file;
	int fd = open_temporary(&file);
	char path[64];
	pid_t pid;

	CHECK_NUMBER(flock(fd, LOCK_EX), 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	pid = fork();
	if (pid == 0) {
		int again = open(path, O_RDWR);

		flock(again, LOCK_EX);
		_exit(0);
	}
	CU_ASSERT_TRUE(is_waiting(pid));
	CHECK_NUMBER(holder_of(&file), getpid());
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
}

static void test_many_at_once(void)
{
	enum { COUNT = 300 };
	struct proc_lock_list list = { 0 };
	struct stat files[COUNT];
	int fds[COUNT];
	size_t found = 0;

	for (size_t i = 0; i < COUNT; i++) {
		fds[i] = open_temporary(&files[i]);
		CHECK_NUMBER(flock(fds[i], LOCK_EX), 0);
	}
	for (int i = 0; i < READINGS; i++)
		CHECK_NUMBER(proc_locks_read(&list, NULL), 0);
	for (size_t i = 0; i < COUNT; i++) {
		const struct proc_lock *lock =
			proc_locks_find(&list, files[i].st_dev, files[i].st_ino);

		found += lock && lock->pid == getpid() && lock->device == files[i].st_dev;
		close(fds[i]);
	}
	proc_locks_release(&list);
	CHECK_NUMBER(found, COUNT);
}

static void test_empty_list_finds_nothing(void)
{
	struct proc_lock_list list = { 0 };

	CU_ASSERT_PTR_NULL(proc_locks_find(&list, 1, 1));
	proc_locks_release(&list);
}

static const struct test tests[] = {
	{ "held exclusively, shared, not at all", test_held_exclusively_and_shared },
	{ "a POSIX lock is not a flock", test_posix_lock_is_another_thing },
	{ "one that waits holds nothing", test_one_that_waits_holds_nothing },
	{ "hundreds of locks, each found", test_many_at_once },
	{ "an empty list", test_empty_list_finds_nothing },
	{ NULL, NULL },
};
TEST_SUITE(proc_locks, tests)
