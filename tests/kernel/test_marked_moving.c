/* Marked processes that never stand still, and one without its first thread. */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/child.h"
#include "kernel/marked.h"
#include "kernel/process.h"
#include "mark_support.h"

static void *sleep_on(void *data)
{
	(void)data;
	for (;;)
		(void)pause();
	return NULL;
}

static int end_first_thread(void *data)
{
	pthread_t thread;

	wear(data);
	if (pthread_create(&thread, NULL, sleep_on, NULL))
		return 1;
	syscall(SYS_exit, 0);
	return 0;
}

/* /proc shows it as a zombie with an empty environment, and yet it runs. */
IN_CHILD(first_thread_has_ended)
{
	struct child child = CHILD_NONE;
	struct mark mark;
	int status;

	make_mark(&mark);
	EXPECT(!child_fork(end_first_thread, &mark, &child, NULL));
	EXPECT(ends_soon(child.pid)); /* its first thread */
	EXPECT(!child_wait(&child, false, &status));
	EXPECT(kill_pass(mark.id) == 1);
	EXPECT(child_wait(&child, true, &status) == 1);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A machine that stops it for long in the middle of an exec makes a pass doubt, and never miss it.
 */
static void kill_or_doubt(const char *id, pid_t pid)
{
	uint64_t started, unread;
	size_t count = 0;

	EXPECT(!process_start_time(pid, &started));
	while (!count) {
		EXPECT(!marked_kill(&id, 1, &count, &unread, NULL));
		EXPECT(count == 1 || marked_leaves_doubt(unread, started));
	}
}

/* In the middle of an exec there is no environment to read. */
IN_CHILD(one_that_execs_without_end)
{
	for (int round = 0; round < 100; round++) {
		struct mark mark;
		pid_t pid;

		make_mark(&mark);
		pid = start_daemon("A='exec sh -c \"$A\"'; export A; exec sh -c \"$A\"",
				   mark.environment);
		usleep((useconds_t)(1000 + round * 13));
		kill_or_doubt(mark.id, pid);
		EXPECT(ends_soon(pid));
	}
}

/* Each forks the next and ends. A pass may find none of them only when there is none: all of them
 * hold the pipe's write end, so that its end of file says so. The first byte says that they carry
 * the mark, a second one that nobody stopped them. */
static void fork_and_end_for_long(const struct mark *mark, int fd)
{
	time_t end = time(NULL) + 30; /* on a busy machine it takes many passes */

	wear(mark);
	if (write(fd, "", 1) != 1)
		_exit(1);
	while (time(NULL) < end) {
		if (fork())
			_exit(0);
		(void)setsid();
	}
	_exit(write(fd, "", 1) != 1);
}

IN_CHILD(one_that_forks_and_ends_without_end)
{
	for (int round = 0; round < 20; round++) {
		struct mark mark;
		int pipe_fds[2];
		char byte;

		make_mark(&mark);
		EXPECT(!pipe(pipe_fds));
		if (fork() == 0)
			fork_and_end_for_long(&mark, pipe_fds[1]);
		close(pipe_fds[1]);
		EXPECT(read(pipe_fds[0], &byte, 1) == 1);
		usleep(5000);
		kill_all_marked(mark.id);
		EXPECT(read(pipe_fds[0], &byte, 1) == 0);
		close(pipe_fds[0]);
		while (wait(NULL) > 0)
			;
	}
}

static const struct test tests[] = {
	{ "one whose first thread has ended", test_first_thread_has_ended },
	{ "one that execs without end", test_one_that_execs_without_end },
	{ "one that forks and ends without end", test_one_that_forks_and_ends_without_end },
	{ NULL, NULL },
};
TEST_SUITE(marked_moving, tests)
