/* Looks at locks that disturb nobody, and show the holders as the kernel has them. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_lock_fixture.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "kernel/proc_locks.h"
#include "kernel/process.h"
#include "lock/lock_look.h"
#include "process_support.h"
#include "run_fixture.h"

static enum lock_view_state look(struct lock_fixture *fixture, pid_t *ret_pid)
{
	struct proc_lock_list locks = { 0 };
	struct lock_view view;

	/* One reading may skip a lock when others' go away meanwhile, as they do beside other
	 * tests. */
	for (int i = 0; i < 20; i++)
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

static struct lock_view look_fully(const struct lock_fixture *fixture)
{
	struct lock_view_list list = { 0 };
	struct error problem;
	struct lock_view view;

	lock_view_list_add(&list, &fixture->hash);
	lock_look_all(&fixture->dir, &list, &problem);
	CHECK_NUMBER(list.count, 1);
	view = list.items[0];
	lock_view_list_release(&list);
	return view;
}

/* A holder with a child that shares the description, as fork without exec makes it. */
struct pair {
	pid_t run, child;
};

static struct pair start_pair(struct lock_fixture *fixture)
{
	struct pair pair = { 0 };
	struct app_lock lock;
	int ready[2];
	bool created;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pair.run = fork();
	if (pair.run == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(600);
		fixture->record.pid = getpid();
		EXPECT(!process_start_time(getpid(), &fixture->record.start_time));
		EXPECT(app_lock_try(&fixture->dir, &fixture->hash, LOCK_ROLE_RUN, &fixture->record,
				    &lock, &created, NULL) == LOCK_FREE);
		pair.child = fork();
		if (pair.child == 0) {
			alarm(600);
			for (;;)
				pause();
		}
		EXPECT(write(ready[1], &pair.child, sizeof(pid_t)) == sizeof(pid_t));
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK_NUMBER(read(ready[0], &pair.child, sizeof(pid_t)), sizeof(pid_t));
	close(ready[0]);
	return pair;
}

static void test_sharers(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct pair pair = start_pair(&fixture);
	struct command_result result = { 0 };
	struct lock_view view = look_fully(&fixture);
	char expected[200];

	CHECK_NUMBER(view.state, LOCK_VIEW_HELD);
	CHECK_NUMBER(view.pid, pair.run);
	CHECK_NUMBER(view.holder_count, 2);
	CHECK_NUMBER(view.holders[0] + view.holders[1], pair.run + pair.child);
	CHECK_NUMBER(view.run_ended, false);
	CHECK_NUMBER(view.doubtful, false);

	/* The run is dead, and its lock is not free. */
	fixture_stop_holder(pair.run);
	view = look_fully(&fixture);
	CHECK_NUMBER(view.state, LOCK_VIEW_HELD);
	CHECK_NUMBER(view.holder_count, 1);
	CHECK_NUMBER(view.holders[0], pair.child);
	CHECK_NUMBER(view.run_ended, true);
	run_command(&result, "exec " PROGRAM " --lock-dir %s list", fixture.dir.path);
	snprintf(expected, sizeof(expected),
		 "shop: the run that the record names has ended; the lock is still held, by pid "
		 "%d\n",
		 (int)pair.child);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, expected));
	kill(pair.child, SIGKILL);
	CU_ASSERT_TRUE(wait_for_end(pair.child));
	CHECK_NUMBER(look_fully(&fixture).state, LOCK_VIEW_DEAD);
	command_result_release(&result);
	fixture_close(&fixture);
}

/* The shell keeps what flock(1) took before it ended; who only has the file open holds nothing. */
static void test_other_programs(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	const char *path = lockfile_path(fixture.dir.path, "shop");
	struct process shell = { 0 }, bystander = { 0 };
	struct lock_view view;

	process_start(&shell, "umask 077; exec 9>>%s; flock 9; echo held; exec sleep 600", path);
	CU_ASSERT_TRUE(wait_for_output(&shell, "held"));
	process_start(&bystander, "exec 9>>%s; echo open; exec sleep 600", path);
	CU_ASSERT_TRUE(wait_for_output(&bystander, "open"));
	view = look_fully(&fixture);
	CHECK_NUMBER(view.state, LOCK_VIEW_HELD);
	CHECK_NUMBER(view.holder_count, 1);
	CHECK_NUMBER(view.holders[0], shell.pid);
	process_kill(&shell);
	CHECK_NUMBER(look_fully(&fixture).state, LOCK_VIEW_DEAD);
	process_kill(&bystander);
	fixture_close(&fixture);
}

#define IN_PID_NAMESPACE                                                                           \
	"exec unshare --pid --mount --fork sh -c 'mount -t proc proc /proc; exec " PROGRAM         \
	" --lock-dir %s %s'"

/* A holder outside of the PID namespace that looks, and one within of it. */
static void test_pid_namespaces(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	const char *dir = fixture.dir.path;
	struct command_result result = { 0 };
	pid_t holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN);
	int fd;

	CHECK_NUMBER(run_command(&result, IN_PID_NAMESPACE, dir, "status shop"), 0);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(result.output, "\nheld by a process of another PID namespace\n"));
	CHECK_NUMBER(run_command(&result, IN_PID_NAMESPACE, dir, "--json list"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "\"state\":\"held\",\"pid\":0,\"holders\":[],"
						     "\"holder_count\":0,\"other_pid_namespace\":"
						     "true,"));
	fixture_stop_holder(holder);

	/* A program that takes no companion lock can't be seen from there: that is said. */
	fd = lockfile_hold(dir, "shop");
	CHECK_NUMBER(run_command(&result, IN_PID_NAMESPACE, dir, "list"), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "as seen from this PID namespace"));
	CHECK_NUMBER(run_command(&result, "exec " PROGRAM " --lock-dir %s status shop", dir), 0);
	close(fd);
	command_result_release(&result);
	fixture_close(&fixture);
}

/* The kernel's word that no lock is taken: every flock(2) and F_SETLK of it would be in the trace.
 */
static void test_no_lock_is_taken(void)
{
	static const char *const commands[] = { "list", "list shop blog", "status shop",
						"--json list" };
	struct lock_fixture fixture = fixture_open("shop"),
			    dead = fixture_open_in("blog", &fixture);
	struct command_result result = { 0 };
	pid_t holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN);

	fixture_stop_holder(fixture_start_holder(&dead, LOCK_ROLE_RUN));
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		CHECK_NUMBER(run_command(&result,
					 "export ASAN_OPTIONS=detect_leaks=0; exec strace -f -qq "
					 "-e trace=flock,fcntl -o /dev/stderr " PROGRAM
					 " --lock-dir %s %s",
					 fixture.dir.path, commands[i]),
			     0);
		CU_ASSERT_PTR_NULL(strstr(result.errors, "flock("));
		CU_ASSERT_PTR_NULL(strstr(result.errors, "F_SETLK"));
		CU_ASSERT_PTR_NULL(strstr(result.errors, "F_OFD_"));
		CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "F_GETLK"));
	}
	fixture_stop_holder(holder);
	command_result_release(&result);
	fixture_close(&dead);
	fixture_close(&fixture);
}

/* Anyone can make /proc/locks long: holders are found all the same, and it is not read to its end.
 */
static void flood(int ready)
{
	become_nobody();
	/* Left behind, it would slow every flock of the machine. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(600);
	/* Each takes some 55 bytes there. */
	for (int i = 0; i < 25; i++) {
		int fd = memfd_create("flood", MFD_CLOEXEC);

		for (off_t k = 0; k < 1000; k++) {
			struct flock lock = { .l_type = F_WRLCK,
					      .l_whence = SEEK_SET,
					      .l_start = 2 * k,
					      .l_len = 1 };

			EXPECT(!fcntl(fd, F_SETLK, &lock));
		}
	}
	EXPECT(write(ready, "", 1) == 1);
	for (;;)
		pause();
}

static void test_flood(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct proc_lock_list locks = { 0 };
	struct command_result result = { 0 };
	pid_t holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN), user;
	int other, ready[2];
	char byte;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	user = fork();
	if (user == 0)
		flood(ready[1]);
	/* Should it die, the read ends. */
	close(ready[1]);
	CHECK_NUMBER(read(ready[0], &byte, 1), 1);
	other = lockfile_hold(fixture.dir.path, "other");
	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	CHECK_NUMBER(proc_locks_read(&locks, NULL), 0);
	CHECK_NUMBER(locks.truncated, true);
	proc_locks_release(&locks);
	CHECK_NUMBER(run_command(&result, "exec " PROGRAM " --lock-dir %s list", fixture.dir.path),
		     0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "shop: somebody has deleted the lockfile"));
	CHECK_NUMBER(run_command(&result, "exec " PROGRAM " --lock-dir %s status other",
				 fixture.dir.path),
		     0);
	CHECK_NUMBER(run_command(&result, "exec " PROGRAM " --lock-dir %s sweep", fixture.dir.path),
		     0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "2 live, "));
	kill(user, SIGKILL);
	CHECK_NUMBER(waitpid(user, NULL, 0), user);
	close(ready[0]);
	close(other);
	fixture_stop_holder(holder);
	command_result_release(&result);
	fixture_close(&fixture);
}

/* /proc/locks is read once per pass, whatever stands in the directory. */
static void test_one_reading(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	struct command_result result = { 0 };
	char app[16];
	int64_t first;

	for (int i = 0; i < 1000; i++) {
		snprintf(app, sizeof(app), "dead-%d", i);
		close(lockfile_hold(fixture.dir.path, app));
	}
	run_command(&result,
		    "export ASAN_OPTIONS=detect_leaks=0; exec strace -f -qq -e trace=openat -o "
		    "/dev/stderr " PROGRAM " --lock-dir %s list",
		    fixture.dir.path);
	first = (int64_t)count_of(result.errors, "\"/proc/locks\"");
	CU_ASSERT_TRUE(first >= 1 && first <= 6);
	CHECK_NUMBER(count_of(result.output, "\n#"), 1000);
	command_result_release(&result);
	fixture_close(&fixture);
}

static const struct test tests[] = {
	{ "looks that disturb nobody", test_looks },
	{ "processes that share the lock, and outlive their run", test_sharers },
	{ "holders that are other programs", test_other_programs },
	{ "holders across PID namespaces", test_pid_namespaces },
	{ "list and status take no lock", test_no_lock_is_taken },
	{ "a flood of locks", test_flood },
	{ "list reads /proc/locks once, not per dead lockfile", test_one_reading },
	{ NULL, NULL },
};
TEST_SUITE(lock_look, tests)
