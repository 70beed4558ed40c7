#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/process.h"
#include "process_support.h"

static pid_t fork_sleeper(const char *name)
{
	int ready[2];
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, name);
		close(ready[0]);
		close(ready[1]);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK_NUMBER(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	return pid;
}

static void test_pidfd_follows_one_process(void)
{
	pid_t pid = fork_sleeper("sleeper");
	int fd = process_open(pid), status;

	CU_ASSERT_FATAL(fd >= 0);
	CHECK_NUMBER(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CU_ASSERT_FALSE(process_has_ended(fd));
	CHECK_NUMBER(process_signal(fd, 0), 0);
	CHECK_NUMBER(process_signal(fd, SIGKILL), 0);
	CU_ASSERT_TRUE(ends_soon(pid));
	CU_ASSERT_TRUE(process_has_ended(fd)); /* a zombie still */
	CHECK_NUMBER(waitpid(pid, &status, 0), pid);
	CU_ASSERT_TRUE(process_has_ended(fd));
	CHECK_NUMBER(process_signal(fd, SIGKILL), -1);
	CHECK_NUMBER(errno, ESRCH);
	close(fd);
}

static void test_what_is_no_process(void)
{
	uint64_t time = 42;

	CHECK_NUMBER(process_open(0x3fffffff), -1);
	CHECK_NUMBER(errno, ESRCH);
	CHECK_NUMBER(process_start_time(0x3fffffff, &time), -1);
	CHECK_NUMBER(errno, ENOENT);
	CHECK_NUMBER(process_start_time(-1, &time), -1);
	CHECK_NUMBER(time, 42);
}

static uint64_t boot_ticks(void)
{
	long ticks = sysconf(_SC_CLK_TCK);
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)(now.tv_sec * ticks + now.tv_nsec / (1000000000 / ticks));
}

static void test_start_time(void)
{
	uint64_t time = 0, again = 0, before = boot_ticks();
	pid_t pid;

	/* The name of a program is its own to choose. */
	pid = fork_sleeper("x) R 1 2 3 4");
	CHECK_NUMBER(process_start_time(pid, &time), 0);
	CU_ASSERT_TRUE(time >= before - 1 && time <= boot_ticks() + 1);
	usleep(30000);
	CHECK_NUMBER(process_start_time(pid, &again), 0);
	CHECK_NUMBER(again, time);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_NUMBER(process_start_time(getpid(), &again), 0);
	CU_ASSERT_TRUE(again < time);
}

static void test_boot_id(void)
{
	char id[BOOT_ID_SIZE];
	char *text = read_text("/proc/sys/kernel/random/boot_id");

	CU_ASSERT_FATAL(text != NULL);
	text[strcspn(text, "\n")] = '\0';
	CHECK_NUMBER(process_boot_id(id), 0);
	CHECK_TEXT(id, text);
	free(text);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void test_random_ids_differ(void)
{
	static char ids[1000][33];

	for (size_t i = 0; i < 1000; i++) {
		process_random_id(ids[i]);
		CU_ASSERT_EQUAL(strspn(ids[i], "0123456789abcdef"), 32);
	}
	qsort(ids, 1000, sizeof(ids[0]), by_text);
	for (size_t i = 1; i < 1000; i++)
		CU_ASSERT_NOT_EQUAL(strcmp(ids[i - 1], ids[i]), 0);
}

static const struct test tests[] = {
	{ "a pidfd follows one process to its end", test_pidfd_follows_one_process },
	{ "numbers of no process", test_what_is_no_process },
	{ "the start time, whatever the program's name", test_start_time },
	{ "the boot id", test_boot_id },
	{ "random ids differ", test_random_ids_differ },
	{ NULL, NULL },
};
TEST_SUITE(process, tests)
