/* Dead lockfiles that prove nothing: an older one was deleted under a live holder, or somebody else
 * was quicker with the new one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app_lock_fixture.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "harness/refuse.h"
#include "run_fixture.h"

static void check_refused(const char *dir, const char *command)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(run_command(&result,
				 "exec " PROGRAM
				 " --lock-dir %s --host unix:///nonexistent/engine %s",
				 dir, command),
		     75);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "whose lockfile somebody has deleted"));
	CU_ASSERT_TRUE(lockfile_exists(dir, "shop"));
}

/* As it is left by one who made a new lockfile and was killed before he found the older. */
static void test_dead_beside_deleted(void)
{
	const char *dir = temp_dir();
	struct process holder;

	process_start(&holder, RUN "shop -- sh -c 'echo ready; exec sleep 60'", dir);
	CU_ASSERT_TRUE(wait_for_output(&holder, "ready"));
	CHECK_NUMBER(unlink(lockfile_path(dir, "shop")), 0);
	close(lockfile_hold(dir, "shop"));
	check_refused(dir, "run shop -- true");
	check_refused(dir, "reap shop");
	CHECK_NUMBER(unlink(lockfile_path(dir, "shop")), 0);
	process_kill(&holder);
}

/* Leaves the record of a run in the file that is there, and dies. */
static bool use_and_die(const char *dir)
{
	struct lock_trust trust = { .uids = (uid_t[]){ geteuid() },
				    .uid_count = 1,
				    .group = (gid_t)-1 };
	struct record record = {
		.known = true, .app = "shop", .holder = "quicker", .phase = RUN_PHASE_RUNNING
	};
	struct app_hash hash = app_hash_of("shop");
	struct app_lock lock = APP_LOCK_NONE;
	struct lock_dir opened;
	bool used;

	if (lock_dir_open(&opened, dir, &trust, NULL) < 0)
		return false;
	used = app_lock_probe(&opened, &hash, &lock, NULL) == LOCK_FREE &&
	       app_lock_write_record(&lock, &record, NULL) == 0;
	app_lock_release(&lock);
	lock_dir_close(&opened);
	return used;
}

/* Where O_TMPFILE is missing, a lockfile is born unlocked: who locks it first may be another, and
 * may have died by the time that its maker gets the lock. What he left is not the maker's to
 * forget. */
static void test_predecessor_in_the_birth(void)
{
	static const struct refused_call no_tmpfile[] = {
		{ .call = SYS_openat, .errnum = EOPNOTSUPP, .argument = 2, REFUSE_BITS(O_TMPFILE) },
	};
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process maker;
	struct record record;

	commands_refuse(no_tmpfile, 1);
	process_start(&maker,
		      "exec strace -f -qq -o %s/trace -e trace=flock "
		      "-e inject=flock:delay_enter=3000000:when=1 " PROGRAM
		      " --lock-dir %s --host unix:///nonexistent/engine run shop -- true",
		      temp_dir(), dir);
	commands_refuse(NULL, 0);
	CU_ASSERT_TRUE(wait_for_file(lockfile_path(dir, "shop")));
	CU_ASSERT_TRUE(use_and_die(dir));
	/* 69: the engine can't be reached, to remove what the quicker one left. */
	CHECK_NUMBER(process_wait(&maker, SOON_MS, &result), 69);
	CU_ASSERT_TRUE(lockfile_exists(dir, "shop"));
	lockfile_record(dir, "shop", &record);
	CHECK_TEXT(record.holder, "quicker");
}

static const struct test tests[] = {
	{ "a dead lockfile beside a deleted one that is held", test_dead_beside_deleted },
	{ "a predecessor between birth and lock", test_predecessor_in_the_birth },
	{ NULL, NULL },
};
TEST_SUITE(deleted_dead, tests)
