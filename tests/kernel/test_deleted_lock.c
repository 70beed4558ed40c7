/* Live holders whose lockfile somebody has deleted. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app_lock_fixture.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "lock/deleted_lock.h"
#include "process_support.h"
#include "run_fixture.h"

static void test_deleted_holder(void)
{
	struct lock_fixture fixture = fixture_open("shop"),
			    other = fixture_open_in("else", &fixture);
	struct app_lock own = APP_LOCK_NONE;
	pid_t holder, named, seen = 0;
	bool created;

	CHECK_NUMBER(fixture_find_deleted(&fixture.dir, &fixture.hash, NULL, &seen, NULL), 0);
	holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN); /* born without a name */
	CHECK_NUMBER(fixture_find_deleted(&fixture.dir, &fixture.hash, NULL, &seen, NULL), 0);
	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	CHECK_NUMBER(fixture_find_deleted(&fixture.dir, &fixture.hash, NULL, &seen, NULL), 1);
	CHECK_NUMBER(seen, holder);
	CHECK_NUMBER(fixture_find_deleted(&other.dir, &other.hash, NULL, &seen, NULL), 0);
	CHECK_NUMBER(fixture_try(&fixture, &own, &created), LOCK_FREE);
	CHECK_NUMBER(fixture_find_deleted(&fixture.dir, &fixture.hash, &own, &seen, NULL), 1);
	fixture_stop_holder(holder);
	CHECK_NUMBER(fixture_find_deleted(&fixture.dir, &fixture.hash, &own, &seen, NULL), 0);
	app_lock_release(&own);

	named = fixture_start_holder(&fixture, LOCK_ROLE_RUN); /* opened by its name */
	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	CHECK_NUMBER(fixture_find_deleted(&fixture.dir, &fixture.hash, NULL, &seen, NULL), 1);
	CHECK_NUMBER(seen, named);
	CHECK_NUMBER(fixture_find_deleted(&other.dir, &other.hash, NULL, &seen, NULL), 0);
	fixture_stop_holder(named);
	fixture_close(&other);
	fixture_close(&fixture);
}

static void check_found(const struct lock_fixture *fixture, pid_t holder)
{
	pid_t seen = 0;

	CHECK_NUMBER(fixture_find_deleted(&fixture->dir, &fixture->hash, NULL, &seen, NULL),
		     holder != 0);
	CHECK_NUMBER(seen, holder);
}

/* Two lock directories on one file system, and the same app in both. */
static void test_deleted_holder_elsewhere(void)
{
	const char *app = strrchr(temp_dir(), '.') + 1; /* nobody else's on this file system */
	struct lock_fixture here = fixture_open(app), there = fixture_open(app);
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

/* One that was moved away within the directory is as good as deleted: nobody finds it by its name.
 */
static void test_renamed(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	pid_t holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN);

	CHECK_NUMBER(renameat(fixture.dir.fd, fixture.name, fixture.dir.fd, "away"), 0);
	check_found(&fixture, holder);
	fixture_stop_holder(holder);
	check_found(&fixture, 0);
	fixture_close(&fixture);
}

/* One who has the deleted file open, or waits for its lock, is not its holder. */
static void test_only_the_holder(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	pid_t holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN), waiter;
	int fd = openat(fixture.dir.fd, fixture.name, O_RDWR | O_CLOEXEC);

	waiter = fork();
	if (waiter == 0) {
		alarm(60);
		flock(fd, LOCK_EX);
		pause();
	}
	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	check_found(&fixture, holder);
	fixture_stop_holder(waiter);
	close(fd);
	check_found(&fixture, holder);
	fixture_stop_holder(holder);
	fixture_close(&fixture);
}

struct elsewhere {
	struct lock_fixture *fixture;
	const char *mount_point;
	int ready[2];
};

/* The holder sees the directory by another path, in a mount namespace of its own. */
static void hold_in_namespace(const struct elsewhere *elsewhere)
{
	struct lock_fixture *fixture = elsewhere->fixture;
	struct app_lock lock;
	struct lock_dir dir;
	bool created;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	EXPECT(!unshare(CLONE_NEWNS));
	EXPECT(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	EXPECT(!mount(fixture->dir.path, elsewhere->mount_point, NULL, MS_BIND, NULL));
	EXPECT(!lock_dir_open(&dir, elsewhere->mount_point, fixture->trust, NULL));
	EXPECT(app_lock_try(&dir, &fixture->hash, LOCK_ROLE_RUN, &fixture->record, &lock, &created,
			    NULL) == LOCK_FREE);
	EXPECT(write(elsewhere->ready[1], "", 1) == 1);
	for (;;)
		pause();
}

static void test_foreign_mount_namespace(void)
{
	const char *app = strrchr(temp_dir(), '.') + 1; /* nobody else's on this file system */
	struct lock_fixture fixture = fixture_open(app), other = fixture_open(app);
	struct elsewhere elsewhere = { .fixture = &fixture, .mount_point = temp_dir() };
	struct app_lock lock = APP_LOCK_NONE;
	bool created;
	pid_t holder;
	char byte;

	for (int by_name = 0; by_name < 2; by_name++) {
		if (by_name) {
			CHECK_NUMBER(fixture_try(&fixture, &lock, &created), LOCK_FREE);
			app_lock_release(&lock);
		}
		CU_ASSERT_EQUAL_FATAL(pipe(elsewhere.ready), 0);
		holder = fork();
		if (holder == 0)
			hold_in_namespace(&elsewhere);
		close(elsewhere.ready[1]);
		CHECK_NUMBER(read(elsewhere.ready[0], &byte, 1), 1);
		close(elsewhere.ready[0]);
		check_found(&fixture, 0);
		check_found(&other, 0); /* on the same file system */
		CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
		check_found(&fixture, holder);
		check_found(&other, 0);
		fixture_stop_holder(holder);
		check_found(&fixture, 0);
	}
	fixture_close(&other);
	fixture_close(&fixture);
}

/* Births and deaths all the time: what has no name for a moment is not taken for deleted. A birth
 * that stands still on a crowded machine may be: only looks in which two were done can be mistaken.
 */
static void test_births_are_none(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	_Atomic unsigned *births = mmap(NULL, sizeof(*births), PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t end = now_ms() + SOON_MS;
	size_t looks = 0, mistaken = 0;
	pid_t pid;

	CU_ASSERT_FATAL(births != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			struct app_lock lock;
			bool created;

			EXPECT(app_lock_try(&fixture.dir, &fixture.hash, LOCK_ROLE_RUN,
					    &fixture.record, &lock, &created, NULL) == LOCK_FREE);
			EXPECT(app_lock_forget(&fixture.dir, &lock, NULL) == LOCK_FREE);
			++*births;
		}
	}
	while (looks < 30 && now_ms() < end) {
		struct deleted_lock_list list = { 0 };
		unsigned before = *births;

		CHECK_NUMBER(deleted_locks_find(&fixture.dir, NULL, &list, NULL), 0);
		if (*births - before >= 2) {
			mistaken += list.count;
			looks++;
		}
		deleted_locks_release(&list);
	}
	CU_ASSERT(looks > 0);
	CHECK_NUMBER(mistaken, 0);
	fixture_stop_holder(pid);
	munmap((void *)(uintptr_t)births, sizeof(*births));
	fixture_close(&fixture);
}

#define CLI "exec " PROGRAM " --lock-dir %s --host unix:///nonexistent/socket "

static void check_says(struct command_result *result, const char *text, ...)
	__attribute__((format(printf, 2, 3)));
static void check_says(struct command_result *result, const char *text, ...)
{
	char expected[512];
	va_list arguments;

	va_start(arguments, text);
	vsnprintf(expected, sizeof(expected), text, arguments);
	va_end(arguments);
	if (!strstr(result->output, expected))
		CHECK_TEXT(result->output, expected);
}

/* No other lockfile is there: a plain sweep tells it all the same, so do list and status. */
static void test_commands(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	const char *dir = fixture.dir.path;
	struct command_result result = { 0 };
	pid_t holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN);

	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	CHECK_NUMBER(run_command(&result, CLI "sweep", dir), 0);
	check_says(&result,
		   "shop: live: left alone: pid %d holds its lock, and somebody has deleted "
		   "the lockfile\n",
		   (int)holder);
	check_says(&result, "1 live, 0 reaped (0 objects), 0 left, 1 live without a lockfile");
	CHECK_NUMBER(run_command(&result, CLI "-q sweep", dir), 0);
	check_says(&result, "pid %d holds its lock", (int)holder);
	CHECK_NUMBER(run_command(&result, CLI "--json sweep", dir), 0);
	check_says(&result, "\"live\":1,\"deleted\":1,");
	CHECK_NUMBER(run_command(&result, CLI "list", dir), 0);
	check_says(&result,
		   "shop: somebody has deleted the lockfile; the lock is still held, by pid "
		   "%d\n",
		   (int)holder);
	CHECK_NUMBER(run_command(&result, CLI "--json list", dir), 0);
	check_says(&result,
		   "\"holders\":[%d],\"holder_count\":1,\"other_pid_namespace\":false,"
		   "\"run_ended\":false,\"deleted\":true,",
		   (int)holder);
	CHECK_NUMBER(run_command(&result, CLI "status shop", dir), 0);
	check_says(&result, "held (pid %d", (int)holder);
	fixture_stop_holder(holder);
	CHECK_NUMBER(run_command(&result, CLI "sweep", dir), 0);
	check_says(&result, "0 locks: 0 live, 0 reaped (0 objects), 0 left;");
	CHECK_NUMBER(run_command(&result, CLI "status shop", dir), 3);
	command_result_release(&result);
	fixture_close(&fixture);
}

/* A second run made a new lockfile and died: the first one still lives, and so does the app. */
static void test_dead_successor(void)
{
	struct lock_fixture fixture = fixture_open("shop"),
			    other = fixture_open_in("blog", &fixture);
	const char *dir = fixture.dir.path;
	struct command_result result = { 0 };
	pid_t holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN), successor;

	CHECK_NUMBER(unlinkat(fixture.dir.fd, fixture.name, 0), 0);
	successor = fixture_start_holder(&fixture, LOCK_ROLE_RUN);
	fixture_stop_holder(successor);
	fixture_stop_holder(fixture_start_holder(&other, LOCK_ROLE_RUN));
	CHECK_NUMBER(run_command(&result, CLI "sweep", dir), 69);
	check_says(&result, "shop: live: left alone: pid %d holds", (int)holder);
	check_says(&result, "blog: left");
	check_says(&result, "2 locks: 1 live, 0 reaped (0 objects), 1 left, 1 live without");
	CU_ASSERT_TRUE(lockfile_exists(dir, "shop"));
	CHECK_NUMBER(run_command(&result, CLI "status shop", dir), 0);
	fixture_stop_holder(holder);
	CHECK_NUMBER(run_command(&result, CLI "sweep", dir), 69);
	check_says(&result, "shop: left");
	command_result_release(&result);
	fixture_close(&other);
	fixture_close(&fixture);
}

/* In another PID namespace /proc/locks hides who has ended; the shell keeps what flock(1) took. */
static void test_pid_namespace(void)
{
	static const char script[] =
		"mount -t proc proc /proc && exec 9>>%s && flock -x 9 && rm %s && "
		"%s --lock-dir %s status shop; echo $?; %s --lock-dir %s sweep";
	struct lock_fixture fixture = fixture_open("shop");
	const char *dir = fixture.dir.path;
	struct command_result result = { 0 };
	char path[512], inner[2048];

	snprintf(path, sizeof(path), "%s", lockfile_path(dir, "shop"));
	snprintf(inner, sizeof(inner), script, path, path, PROGRAM, dir, PROGRAM, dir);
	CHECK_NUMBER(
		run_command(&result, "umask 077; unshare --pid --mount --fork sh -c '%s'", inner),
		0);
	check_says(&result, "held (pid 1");
	check_says(&result, "\n0\n");
	check_says(&result, "1 live without a lockfile");
	command_result_release(&result);
	fixture_close(&fixture);
}

static const struct test tests[] = {
	{ "the holder of a deleted lockfile", test_deleted_holder },
	{ "a deleted lockfile of another directory", test_deleted_holder_elsewhere },
	{ "a lockfile that was renamed", test_renamed },
	{ "who only has it open is not named", test_only_the_holder },
	{ "a holder in another mount namespace", test_foreign_mount_namespace },
	{ "births are not taken for deletions", test_births_are_none },
	{ "sweep, list and status tell of it", test_commands },
	{ "an app with a dead successor lives", test_dead_successor },
	{ "in a PID namespace, too", test_pid_namespace },
	{ NULL, NULL },
};
TEST_SUITE(deleted_lock, tests)
