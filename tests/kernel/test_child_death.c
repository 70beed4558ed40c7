#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/child.h"
#include "process_support.h"

struct report {
	int fd;
};

static void spawn_and_die(void *data)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct child child = CHILD_NONE;
	bool exec_failed;

	setup.argv = WORDS("sleep", "1000");
	setup.death_signal = SIGKILL;
	EXPECT(!child_spawn(&setup, &child, &exec_failed, NULL));
	EXPECT(write(((struct report *)data)->fd, &child.pid, sizeof(child.pid)) ==
	       sizeof(child.pid));
}

static int sleep_for_ever(void *data)
{
	(void)data;
	for (;;)
		(void)pause();
	return 0;
}

static void fork_and_die(void *data)
{
	struct child child = CHILD_NONE;

	EXPECT(!child_fork(sleep_for_ever, NULL, &child, NULL));
	EXPECT(write(((struct report *)data)->fd, &child.pid, sizeof(child.pid)) ==
	       sizeof(child.pid));
}

static void check_dies_with_parent(void (*function)(void *data))
{
	struct report report;
	int pipe_fds[2];
	pid_t pid = 0;

	CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	report.fd = pipe_fds[1];
	CU_ASSERT_TRUE(holds_in_child(function, &report));
	CHECK_NUMBER(read(pipe_fds[0], &pid, sizeof(pid)), sizeof(pid));
	CU_ASSERT_TRUE(pid > 0 && ends_soon(pid));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void test_dies_with_parent(void)
{
	check_dies_with_parent(spawn_and_die);
	check_dies_with_parent(fork_and_die);
}

/* The parent is killed at a random moment around the fork: each process that comes of it holds the
 * pipe's write end, so that its end of file says that none is left. */
static void test_no_child_survives_any_moment(void)
{
	for (int round = 0; round < 200; round++) {
		int pipe_fds[2], status;
		char byte;
		pid_t pid;

		CU_ASSERT_EQUAL_FATAL(pipe(pipe_fds), 0);
		pid = fork();
		if (pid == 0) {
			struct child child;

			close(pipe_fds[0]);
			alarm(20);
			for (;;)
				(void)child_fork(sleep_for_ever, NULL, &child, NULL);
		}
		close(pipe_fds[1]);
		usleep((useconds_t)(200 + round * 7));
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		CHECK_NUMBER(read(pipe_fds[0], &byte, 1), 0);
		close(pipe_fds[0]);
	}
}

static int return_data(void *data)
{
	return own_status_bits("SigBlk") ? 1 : *(int *)data;
}

static void helper_returns(void *data)
{
	struct child child = CHILD_NONE;
	int value = 42, status;
	sigset_t all;

	(void)data;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	EXPECT(!child_fork(return_data, &value, &child, NULL));
	EXPECT(child.pidfd >= 0);
	EXPECT(child_wait(&child, true, &status) == 1);
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 42);
	EXPECT(child_fork(sleep_for_ever, NULL, &child, NULL) == 0);
	EXPECT(child_wait(&child, false, &status) == 0);
	child_kill(&child);
	EXPECT(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
}

static void test_helper(void)
{
	CU_ASSERT_TRUE(holds_in_child(helper_returns, NULL));
}

static void as_nobody(void *data)
{
	become_nobody();
	spawn_and_die(data);
}

static void test_as_an_ordinary_user(void)
{
	check_dies_with_parent(as_nobody);
}

static const struct test tests[] = {
	{ "a child dies with its parent", test_dies_with_parent },
	{ "a parent killed at any moment leaves no child", test_no_child_survives_any_moment },
	{ "a helper without exec", test_helper },
	{ "as an ordinary user", test_as_an_ordinary_user },
	{ NULL, NULL },
};
TEST_SUITE(child_death, tests)
