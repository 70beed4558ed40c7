/* doctor, on directories and locks in which something is wrong, and on sound ones. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "harness/refuse.h"
#include "run_fixture.h"

/* Nobody answers there: what else is found doesn't depend on this machine's engine. */
#define DOCTOR PROGRAM " --lock-dir %s -H unix:///nonexistent/socket doctor "
#define LONG_RUN RUN "--holder ci:%s %s -- sleep 1000"

static bool says(const struct command_result *result, const char *text)
{
	if (strstr(result->output, text))
		return true;
	printf("\nmissing: %s\nin:\n%s%s", text, result->output, result->errors);
	return false;
}

static int entries(const char *dir)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "ls -A %s | wc -l", dir);
	return atoi(result.output);
}

static bool is_running(void *data)
{
	const char *const *names = data;
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, PROGRAM " --lock-dir %s status %s", names[0], names[1]);
	return strstr(result.output, "running") != NULL;
}

static void start_run(struct process *ret, const char *dir, const char *app)
{
	const char *names[] = { dir, app };

	process_start(ret, LONG_RUN, dir, app, app);
	CU_ASSERT(wait_until(is_running, names, SOON_MS));
}

static void test_sound(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process process;

	start_run(&process, dir, "shop");
	/* Only the engine is missing. */
	CHECK_NUMBER(run_command(&result, DOCTOR, dir), 1);
	CU_ASSERT(says(&result, "ok       exclusion: two processes exclude each other in"));
	CU_ASSERT(says(&result, "ok       locks: 1 held, 0 dead"));
	CU_ASSERT(says(&result, "problem  engine: unable to reach the engine"));
	CU_ASSERT(says(&result, "\n         -> "));
	CU_ASSERT(says(&result, "\n1 problem, "));
	CHECK_NUMBER(entries(dir), 1);
	CHECK_NUMBER(run_command(&result,
				 PROGRAM " -q --json -H unix:///nonexistent/socket"
					 " --lock-dir %s doctor",
				 dir),
		     1);
	CU_ASSERT(says(&result, "{\"schema\":\"ci-janitor/1\",\"type\":\"doctor\",\"findings\":["));
	CU_ASSERT(says(&result, "{\"check\":\"exclusion\",\"level\":\"ok\",\"message\":\"two "));
	process_kill(&process);
	lockfile_drop_cgroup(dir, "shop");
}

/* The kernel's answer to flock(2) is made a yes to everybody. */
static void test_no_exclusion(void)
{
	static const struct refused_call yes[] = { { .call = SYS_flock, .errnum = 0 } };
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	commands_refuse(yes, 1);
	CHECK_NUMBER(run_command(&result, DOCTOR, dir), 1);
	commands_refuse(NULL, 0);
	CU_ASSERT(says(&result, "problem  exclusion: two processes don't exclude each other"));
	CU_ASSERT(says(&result, "two processes got the same lock"));
	CHECK_NUMBER(entries(dir), 0);
}

static void test_lock_dirs(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result, DOCTOR, "/proc"), 1);
	CU_ASSERT(says(&result, "problem  lock-dir: unable to use lock directory /proc"));
	run_command(&result, "ln -s . %s/link", dir);
	CHECK_NUMBER(run_command(&result, DOCTOR "2>&1", "/dev/null"), 1);
	CU_ASSERT(says(&result, "problem  lock-dir: unable to open lock directory /dev/null"));
	chmod(dir, 0777);
	CHECK_NUMBER(run_command(&result, DOCTOR, dir), 1);
	CU_ASSERT(says(&result, "it is not sticky"));
	CU_ASSERT(says(&result, "-> make it a directory of root's"));
	CU_ASSERT_PTR_NULL(strstr(result.output, "exclusion"));
}

static void test_config(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	run_command(&result, "echo '[lock]' >%s/conf; echo 'colour = blue' >>%s/conf", dir, dir);
	CHECK_NUMBER(run_command(&result, PROGRAM " --lock-dir %s sweep -c %s/conf", dir, dir), 78);
	CHECK_NUMBER(run_command(&result, DOCTOR "-c %s/conf", dir, dir), 1);
	CU_ASSERT(says(&result, "problem  config: "));
	CU_ASSERT(says(&result, "conf:2: "));
	CU_ASSERT(says(&result, "ok       exclusion: "));
	CHECK_NUMBER(run_command(&result, DOCTOR "-c %s/none", dir, dir), 1);
	CU_ASSERT(says(&result, "problem  config: "));
}

static void test_age(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process process;

	run_command(&result, "printf '[report]\\nwarn_age = 1s\\n' >%s/conf", dir);
	start_run(&process, dir, "old");
	run_command(&result, "sleep 2.1");
	run_command(&result, DOCTOR, dir);
	CU_ASSERT_PTR_NULL(strstr(result.output, "has been held for"));
	run_command(&result, DOCTOR "-c %s/conf", dir, dir);
	CU_ASSERT(says(&result, "warning  locks: old has been held for "));
	CU_ASSERT(says(&result, " by ci:old (pid "));
	process_kill(&process);
	lockfile_drop_cgroup(dir, "old");
}

static void test_deleted(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process process;
	char expected[100];

	start_run(&process, dir, "gone");
	run_command(&result, "cp %s %s/copy", lockfile_path(dir, "gone"), dir);
	CHECK_NUMBER(unlink(lockfile_path(dir, "gone")), 0);
	CHECK_NUMBER(run_command(&result, DOCTOR, dir), 1);
	snprintf(expected, sizeof(expected),
		 "problem  locks: the lockfile of gone was removed while pid %d holds it",
		 (int)process.pid);
	CU_ASSERT(says(&result, expected));
	process_kill(&process);
	run_command(&result, "mv %s/copy %s", dir, lockfile_path(dir, "gone"));
	lockfile_drop_cgroup(dir, "gone");
}

/* A dead run's record, under a lock that another process has. */
static void test_other_holder(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process process;
	char expected[160];
	pid_t dead;
	int fd;

	start_run(&process, dir, "shop");
	run_command(&result, DOCTOR, dir);
	CU_ASSERT_PTR_NULL(strstr(result.output, "recorded holder"));
	dead = process.pid;
	process_kill(&process);
	lockfile_drop_cgroup(dir, "shop");
	fd = lockfile_hold(dir, "shop");
	run_command(&result, DOCTOR, dir);
	snprintf(expected, sizeof(expected),
		 "warning  locks: the lock of shop is held by pid %d, but its recorded holder (pid "
		 "%d) is gone",
		 (int)getpid(), (int)dead);
	CU_ASSERT(says(&result, expected));
	close(fd);
}

static void test_foreign_record(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	CLEANUP_FREE char *target = strdup(lockfile_path(dir, "other"));
	struct process process;

	start_run(&process, dir, "shop");
	run_command(&result, "cp %s %s", lockfile_path(dir, "shop"), target);
	run_command(&result, DOCTOR, dir);
	CU_ASSERT(says(&result, "its record names shop, which is another lockfile's app"));
	CU_ASSERT(says(&result, strrchr(target, '/') + 1));
	CU_ASSERT(says(&result, "1 held, 1 dead"));
	process_kill(&process);
	lockfile_drop_cgroup(dir, "shop");
}

static void test_active_runs(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process shop, blog;

	start_run(&shop, dir, "shop");
	start_run(&blog, dir, "blog");
	run_command(&result,
		    "printf '# of today\\n\\n ci:shop \\nblog\\nblog\\n' | " DOCTOR
		    "--active-runs -",
		    dir);
	CU_ASSERT(says(&result, "ok       active-runs: 3 active runs compared"));
	CU_ASSERT_PTR_NULL(strstr(result.output, "not among the active"));
	CU_ASSERT_PTR_NULL(strstr(result.output, "holds no lock"));
	run_command(&result, "echo ci:shop >%s/runs; printf 'ci:\\033other' >>%s/runs", dir, dir);
	CHECK_NUMBER(run_command(&result, DOCTOR "--active-runs %s/runs", dir, dir), 1);
	CU_ASSERT(says(&result, "problem  active-runs: blog is held by ci:blog (pid "));
	CU_ASSERT(
		says(&result, "warning  active-runs: the active run ci:\\x1bother holds no lock"));
	CU_ASSERT_PTR_NULL(strstr(result.output, "shop is held"));
	CHECK_NUMBER(run_command(&result, DOCTOR "--active-runs %s/none", dir, dir), 1);
	CU_ASSERT(says(&result, "problem  active-runs: unable to open"));
	process_kill(&shop);
	process_kill(&blog);
	lockfile_drop_cgroup(dir, "shop");
	lockfile_drop_cgroup(dir, "blog");
}

static const struct test tests[] = {
	{ "a sound directory", test_sound },
	{ "flock that doesn't exclude is found out", test_no_exclusion },
	{ "lock directories that can't be used", test_lock_dirs },
	{ "a broken configuration is a finding", test_config },
	{ "a lock that is held for long", test_age },
	{ "a live lockfile that was removed", test_deleted },
	{ "a lock that isn't its recorded holder's", test_other_holder },
	{ "a record of another app", test_foreign_record },
	{ "the CI server's active runs", test_active_runs },
	{ NULL, NULL },
};
TEST_SUITE(doctor, tests)
