#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/child.h"
#include "process_support.h"

#define NOT_OPEN 1000000

/* Runs it to its end and returns what it wrote; the caller frees it. */
static char *output_of(struct child_setup *setup, int *ret_status)
{
	struct child child = CHILD_NONE;
	struct error err = { 0 };
	bool exec_failed;
	int pipe_fds[2];
	char *text;

	CU_ASSERT_EQUAL_FATAL(pipe2(pipe_fds, O_CLOEXEC), 0);
	setup->stdout_fd = pipe_fds[1];
	CHECK_NUMBER(child_spawn(setup, &child, &exec_failed, &err), 0);
	CHECK_TEXT(err.message, "");
	close(pipe_fds[1]);
	text = read_text_fd(pipe_fds[0]);
	close(pipe_fds[0]);
	CHECK_NUMBER(child_wait(&child, true, ret_status), 1);
	return text;
}

static void check_output(struct child_setup *setup, const char *expected)
{
	int status = -1;
	char *text = output_of(setup, &status);

	CHECK_TEXT(text, expected);
	CHECK_NUMBER(status, 0);
	free(text);
}

static void test_output_and_environment(void)
{
	struct child_setup setup = CHILD_SETUP_INIT;

	setup.argv = WORDS("sh", "-c", "printf %s \"$0 $1 $WORD\"", "zero", "one");
	setup.envp = WORDS("WORD=two");
	check_output(&setup, "zero one two");
}

/* The child borrows our memory: what exec needs for a script without "#!" grows with argv. */
static void test_many_arguments_to_a_plain_script(void)
{
	enum { COUNT = 120000 };
	struct child_setup setup = CHILD_SETUP_INIT;
	char **argv = calloc(COUNT + 2, sizeof(*argv)), path[] = "/tmp/ci-janitor-script.XXXXXX";
	static char word[] = "x";
	int fd = mkstemp(path);

	CU_ASSERT_FATAL(argv && fd >= 0);
	CHECK_NUMBER(dprintf(fd, "echo $#\n"), 8);
	CHECK_NUMBER(fchmod(fd, 0700), 0);
	close(fd);
	argv[0] = path;
	for (int i = 1; i <= COUNT; i++)
		argv[i] = word;
	setup.argv = argv;
	check_output(&setup, "120000\n");
	CHECK_NUMBER(unlink(path), 0);
	free(argv);
}

static void test_other_program_than_argv0(void)
{
	struct child_setup setup = CHILD_SETUP_INIT;

	setup.argv = WORDS("another-name", "-c", "printf %s \"$0\"");
	setup.exec_path = "/bin/sh";
	check_output(&setup, "another-name");
}

static void test_descriptor_1_as_output(void)
{
	char path[] = "/tmp/ci-janitor-output-XXXXXX";
	struct child_setup setup = CHILD_SETUP_INIT;
	int fd = mkostemp(path, O_CLOEXEC), saved = dup(1), status = -1;
	struct child child = CHILD_NONE;
	bool exec_failed;
	char *text;

	fflush(stdout);
	dup3(fd, 1, O_CLOEXEC);
	setup.argv = WORDS("echo", "hello");
	setup.stdout_fd = 1;
	CHECK_NUMBER(child_spawn(&setup, &child, &exec_failed, NULL), 0);
	dup2(saved, 1);
	close(saved);
	CHECK_NUMBER(child_wait(&child, true, &status), 1);
	CHECK_NUMBER(status, 0);
	text = read_text(path);
	CHECK_TEXT(text, "hello\n");
	free(text);
	close(fd);
	unlink(path);
}

static void signal_state_is_exact(void *data)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct signal_state before;
	uint64_t blocked, ignored;
	sigset_t odd;
	char *text;
	int status;

	(void)data;
	sigemptyset(&odd);
	sigaddset(&odd, SIGUSR2);
	sigprocmask(SIG_SETMASK, &odd, NULL);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_IGN);
	blocked = own_status_bits("SigBlk");
	ignored = own_status_bits("SigIgn");
	EXPECT(signals_take_over(&before, NULL) >= 0);
	setup.argv = WORDS("cat", "/proc/self/status");
	setup.signals = &before;
	text = output_of(&setup, &status);
	EXPECT(status_bits(text, "SigBlk") == blocked);
	EXPECT(status_bits(text, "SigIgn") == ignored);
	EXPECT(status_bits(text, "SigCgt") == 0);
	free(text);
	setup.signals = NULL;
	text = output_of(&setup, &status);
	EXPECT(status_bits(text, "SigBlk") == own_status_bits("SigBlk"));
	free(text);
}

static void test_signal_state_is_exact(void)
{
	CU_ASSERT_TRUE(holds_in_child(signal_state_is_exact, NULL));
}

static void check_failure(const struct child_setup *setup, int errnum, bool exec_failed,
			  const char *message)
{
	struct child child = { .pid = 42, .pidfd = 43 };
	size_t before = count_open_fds();
	struct error err = { 0 };
	bool step_was_exec = !exec_failed;

	CHECK_NUMBER(child_spawn(setup, &child, &step_was_exec, &err), -1);
	CHECK_NUMBER(err.sys_errno, errnum);
	CHECK_NUMBER(step_was_exec, exec_failed);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, message));
	CHECK_NUMBER(child.pid, 42);
	CHECK_NUMBER(child.pidfd, 43);
	CHECK_NUMBER(count_open_fds(), before);
	CHECK_NUMBER(waitpid(-1, NULL, WNOHANG), -1);
	CHECK_NUMBER(errno, ECHILD);
}

static void test_exec_failures(void)
{
	char path[] = "/tmp/ci-janitor-program-XXXXXX";
	struct child_setup setup = CHILD_SETUP_INIT;

	setup.argv = WORDS("no-such-program-anywhere");
	check_failure(&setup, ENOENT, true, "unable to execute no-such-program-anywhere: ");
	close(mkostemp(path, O_CLOEXEC));
	setup.argv = WORDS(path);
	check_failure(&setup, EACCES, true, "unable to execute ");
	setup.exec_path = "/dev/null/nothing";
	check_failure(&setup, ENOTDIR, true, "unable to execute /dev/null/nothing: ");
	unlink(path);
}

static void test_set_up_failures(void)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	int fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	setup.argv = WORDS("true");
	setup.cgroup_fd = fd;
	check_failure(&setup, ENOENT, false, "unable to enter the cgroup of true: ");
	close(fd);
	setup.cgroup_fd = -1;
	setup.stdout_fd = NOT_OPEN;
	check_failure(&setup, EBADF, false, "unable to redirect the output of true: ");
	setup.stdout_fd = -1;
	setup.inherit_fd = NOT_OPEN;
	check_failure(&setup, EBADF, false, "unable to hand a descriptor to true: ");
	setup.inherit_fd = -1;
	setup.death_signal = 1000;
	check_failure(&setup, EINVAL, false, "unable to set the death signal of true: ");
}

static void test_only_one_descriptor_is_inherited(void)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	int kept = open("/dev/null", O_RDONLY | O_CLOEXEC), status;
	int closed = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	char script[128], *text;

	snprintf(script, sizeof(script),
		 "readlink /proc/self/fd/%d; readlink /proc/self/fd/%d || echo none", kept, closed);
	setup.argv = WORDS("sh", "-c", script);
	setup.inherit_fd = kept;
	text = output_of(&setup, &status);
	CHECK_TEXT(text, "/dev/null\nnone\n");
	free(text);
	/* Ours is as it was. */
	CHECK_NUMBER(fcntl(kept, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(kept);
	close(closed);
}

static void test_session(void)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct child child = CHILD_NONE;
	bool exec_failed;

	setup.argv = WORDS("sleep", "1000");
	CHECK_NUMBER(child_spawn(&setup, &child, &exec_failed, NULL), 0);
	CHECK_NUMBER(getsid(child.pid), getsid(0));
	child_kill(&child);
	setup.new_session = true;
	CHECK_NUMBER(child_spawn(&setup, &child, &exec_failed, NULL), 0);
	CHECK_NUMBER(getsid(child.pid), child.pid);
	child_kill(&child);
}

static void test_wait(void)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	size_t before = count_open_fds();
	struct child child = CHILD_NONE, none = CHILD_NONE;
	bool exec_failed;
	int status = 99;

	setup.argv = WORDS("sh", "-c", "kill -STOP $$; exit 7");
	CHECK_NUMBER(child_spawn(&setup, &child, &exec_failed, NULL), 0);
	CU_ASSERT_TRUE(child.pid > 0 && child.pidfd >= 0);
	CHECK_NUMBER(fcntl(child.pidfd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	CHECK_NUMBER(child_wait(&none, false, &status), -1);
	CHECK_NUMBER(errno, ECHILD);
	CHECK_NUMBER(child_signal(&none, 0), -1);
	CHECK_NUMBER(errno, ESRCH);
	CHECK_NUMBER(child_wait(&child, false, &status), 0);
	CHECK_NUMBER(status, 99);
	/* The stop may come later than this; go on until it has been undone. */
	while (!child_wait(&child, false, &status)) {
		kill(child.pid, SIGCONT);
		usleep(2000);
	}
	CU_ASSERT_TRUE(WIFEXITED(status));
	CHECK_NUMBER(WEXITSTATUS(status), 7);
	CHECK_NUMBER(child.pid, 0);
	CHECK_NUMBER(child.pidfd, -1);
	CHECK_NUMBER(count_open_fds(), before);
}

static void test_kill_the_stubborn(void)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct child child = CHILD_NONE;
	bool exec_failed;
	pid_t pid;

	child_kill(&child);
	setup.argv = WORDS("sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1; done");
	setup.new_session = true;
	CHECK_NUMBER(child_spawn(&setup, &child, &exec_failed, NULL), 0);
	pid = child.pid;
	kill(-pid, SIGTERM);
	CHECK_NUMBER(kill(pid, 0), 0);
	child_kill(&child);
	CHECK_NUMBER(child.pid, 0);
	CHECK_NUMBER(kill(pid, 0), -1);
	kill(-pid, SIGKILL); /* its sleep */
}

/* There getppid(2) says 0 while the parent lives. */
static void spawn_in_new_pid_namespace(void *data)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	int status;
	char *text;

	(void)data;
	EXPECT(!unshare(CLONE_NEWPID));
	setup.argv = WORDS("sh", "-c", "echo $$ $PPID");
	setup.death_signal = SIGKILL;
	text = output_of(&setup, &status);
	EXPECT(!strcmp(text, "1 0\n"));
	free(text);
}

static void test_in_new_pid_namespace(void)
{
	CU_ASSERT_TRUE(holds_in_child(spawn_in_new_pid_namespace, NULL));
}

static const struct test tests[] = {
	{ "many arguments to a plain script", test_many_arguments_to_a_plain_script },
	{ "output, arguments, environment", test_output_and_environment },
	{ "another program than argv[0] names", test_other_program_than_argv0 },
	{ "descriptor 1 itself as output", test_descriptor_1_as_output },
	{ "mask and dispositions as we found them", test_signal_state_is_exact },
	{ "exec failures", test_exec_failures },
	{ "failures before exec", test_set_up_failures },
	{ "one descriptor is inherited, no other", test_only_one_descriptor_is_inherited },
	{ "a session of its own", test_session },
	{ "waiting", test_wait },
	{ "killing one that ignores SIGTERM", test_kill_the_stubborn },
	{ "in a new pid namespace", test_in_new_pid_namespace },
	{ NULL, NULL },
};
TEST_SUITE(child, tests)
