#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/signals.h"
#include "process_support.h"

#define BIT(signal_number) (UINT64_C(1) << ((signal_number)-1))
#define SYNCHRONOUS                                                                                \
	(BIT(SIGSEGV) | BIT(SIGBUS) | BIT(SIGFPE) | BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGSYS) |     \
	 BIT(SIGABRT))
/* SIGKILL and SIGSTOP can't be blocked; the C library keeps the first real-time ones (two with
 * glibc, three with musl) to itself. */
#define NEVER_BLOCKED (SYNCHRONOUS | BIT(SIGKILL) | BIT(SIGSTOP) | BIT(32) | BIT(33) | BIT(34))

static int next_signal(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : -errno;
}

static void plain_start(void)
{
	static const int numbers[] = { SIGCHLD, SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	sigset_t none;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void take_over_blocks_all(void *data)
{
	struct signal_state before;
	struct error err;
	uint64_t blocked;
	int fd;

	(void)data;
	plain_start();
	fd = signals_take_over(&before, &err);
	EXPECT(fd >= 0);
	blocked = own_status_bits("SigBlk");
	EXPECT((blocked | NEVER_BLOCKED) == UINT64_MAX);
	EXPECT((blocked & SYNCHRONOUS) == 0);
	EXPECT(own_status_bits("SigIgn") & BIT(SIGPIPE));
	EXPECT(!(own_status_bits("SigIgn") & BIT(SIGCHLD)));
	EXPECT(next_signal(fd) == -EAGAIN);
	for (int number = 1; number <= SIGRTMAX; number++) {
		if (NEVER_BLOCKED & BIT(number))
			continue;
		EXPECT(!raise(number));
		/* An ignored signal that is blocked is queued all the same. */
		EXPECT(next_signal(fd) == number);
	}
}

static void test_take_over_blocks_all(void)
{
	CU_ASSERT_TRUE(holds_in_child(take_over_blocks_all, NULL));
}

static void give_back_restores(void *data)
{
	struct signal_state before;
	uint64_t blocked, ignored;
	sigset_t odd;
	int fd;

	(void)data;
	plain_start();
	sigemptyset(&odd);
	sigaddset(&odd, SIGUSR2);
	sigaddset(&odd, SIGTERM);
	sigprocmask(SIG_SETMASK, &odd, NULL);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	blocked = own_status_bits("SigBlk");
	ignored = own_status_bits("SigIgn");
	fd = signals_take_over(&before, NULL);
	EXPECT(fd >= 0);
	EXPECT(own_status_bits("SigBlk") != blocked);
	EXPECT(!(own_status_bits("SigIgn") & BIT(SIGCHLD)));
	signals_give_back(&before);
	EXPECT(own_status_bits("SigBlk") == blocked);
	EXPECT(own_status_bits("SigIgn") == ignored);
}

static void test_give_back_restores(void)
{
	CU_ASSERT_TRUE(holds_in_child(give_back_restores, NULL));
}

/* With SIGCHLD ignored the kernel throws exit statuses away. */
static void children_can_be_waited_for(void *data)
{
	struct signal_state before;
	int status = 0;
	pid_t pid;

	(void)data;
	signal(SIGCHLD, SIG_IGN);
	EXPECT(signals_take_over(&before, NULL) >= 0);
	pid = fork();
	if (pid == 0)
		_exit(7);
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(WEXITSTATUS(status) == 7);
}

static void test_children_can_be_waited_for(void)
{
	CU_ASSERT_TRUE(holds_in_child(children_can_be_waited_for, NULL));
}

static void nohup_is_respected(void *data)
{
	static const int numbers[] = { SIGHUP, SIGINT, SIGQUIT };
	struct signal_state before;
	int fd;

	(void)data;
	plain_start();
	for (size_t i = 0; i < 3; i++)
		signal(numbers[i], SIG_IGN);
	fd = signals_take_over(&before, NULL);
	for (size_t i = 0; i < 3; i++)
		raise(numbers[i]);
	EXPECT(next_signal(fd) == -EAGAIN);
	raise(SIGTERM);
	EXPECT(next_signal(fd) == SIGTERM);
}

static void test_nohup_is_respected(void)
{
	CU_ASSERT_TRUE(holds_in_child(nohup_is_respected, NULL));
}

static void termination_is_watched(void *data)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	int fd;

	(void)data;
	plain_start();
	fd = signals_watch_termination(NULL);
	EXPECT(fd >= 0);
	EXPECT(own_status_bits("SigBlk") == (BIT(SIGTERM) | BIT(SIGINT) | BIT(SIGHUP)));
	for (size_t i = 0; i < 3; i++) {
		raise(numbers[i]);
		EXPECT(next_signal(fd) == numbers[i]);
	}
	EXPECT(next_signal(fd) == -EAGAIN);
}

static void ignored_termination_is_not(void *data)
{
	int fd;

	(void)data;
	plain_start();
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	fd = signals_watch_termination(NULL);
	EXPECT(own_status_bits("SigBlk") == BIT(SIGTERM));
	raise(SIGHUP);
	raise(SIGINT);
	EXPECT(next_signal(fd) == -EAGAIN);
	raise(SIGTERM);
	EXPECT(next_signal(fd) == SIGTERM);
}

static void test_termination(void)
{
	CU_ASSERT_TRUE(holds_in_child(termination_is_watched, NULL));
	CU_ASSERT_TRUE(holds_in_child(ignored_termination_is_not, NULL));
}

static void runs_out_of_descriptors(void *data)
{
	struct signal_state before;
	struct error err = { 0 };
	uint64_t blocked;

	(void)data;
	plain_start();
	memset(&before, 0x5a, sizeof(before));
	blocked = own_status_bits("SigBlk");
	while (dup(0) >= 0)
		;
	EXPECT(signals_take_over(&before, &err) == -1);
	EXPECT(err.kind == ERROR_SYSTEM && err.sys_errno == EMFILE);
	EXPECT(((unsigned char *)&before)[0] == 0x5a);
	for (int fd = 3; fd < 20; fd++)
		close(fd);
	EXPECT(own_status_bits("SigBlk") == blocked);
}

static void test_failure_changes_nothing(void)
{
	CU_ASSERT_TRUE(holds_in_child(runs_out_of_descriptors, NULL));
}

static const struct test tests[] = {
	{ "every signal but the synchronous ones becomes an event", test_take_over_blocks_all },
	{ "an odd mask and dispositions are given back", test_give_back_restores },
	{ "an inherited ignored SIGCHLD", test_children_can_be_waited_for },
	{ "what nohup had ignored stays ignored", test_nohup_is_respected },
	{ "termination is watched", test_termination },
	{ "a failure changes nothing", test_failure_changes_nothing },
	{ NULL, NULL },
};
TEST_SUITE(signals, tests)
