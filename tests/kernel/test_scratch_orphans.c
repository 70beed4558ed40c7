/* Scratch directories that a reboot has left. The reboot is a time namespace, in which the boot was
 * a moment ago. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "kernel/run_fixture.h"
#include "model/app.h"

#define RUN_ID "0123456789abcdef0123456789abcdef"
#define SWEEP PROGRAM " --lock-dir %s -c %s/conf -H unix:///nonexistent/socket sweep --orphans "
/* With the boot a second ago. */
#define REBOOTED "exec unshare -T --boottime -$(($(cut -d. -f1 /proc/uptime) - 1)) -f " SWEEP
#define BOOT_IS_NEWER_S 7 /* the margin, whole seconds twice, and a slow start of the sweep */

static const char *dir;

static const char *path_of(const char *app, const char *end)
{
	static char path[600];

	snprintf(path, sizeof(path), "%s/scratch/%s.%s", dir, app_hash_of(app).hex, end);
	return path;
}

static void make(const char *app, const char *end)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "mkdir '%s' && echo 1 >'%s/file'", path_of(app, end),
		    path_of(app, end));
	CHECK_NUMBER(result.status, 0);
}

static bool is_there(const char *app, const char *end)
{
	return access(path_of(app, end), F_OK) == 0;
}

static void set_up_dir(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	dir = temp_dir();
	run_command(&result,
		    "cd %s && mkdir scratch && printf '[run]\\nscratch_dir = %s/scratch\\n"
		    "[orphans]\\napp_pattern = pr-*\\nmin_age = 0\\n' >conf",
		    dir, dir);
	CHECK_NUMBER(result.status, 0);
}

static void test_after_a_reboot(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	int held, deleted;

	set_up_dir();
	make("gone", RUN_ID);
	make("live", RUN_ID);
	make("deleted", RUN_ID);
	make("gone", "no-run-id");
	make("foreign", RUN_ID);
	run_command(&result, "chown 12345 %s", path_of("foreign", RUN_ID));
	CHECK_NUMBER(result.status, 0);
	held = lockfile_hold(dir, "live");
	deleted = lockfile_hold(dir, "deleted");
	CHECK_NUMBER(unlink(lockfile_path(dir, "deleted")), 0);

	/* No boot has come between. */
	run_command(&result, "exec " SWEEP, dir, dir);
	CHECK_NUMBER(result.status, 69);
	CU_ASSERT_TRUE(is_there("gone", RUN_ID));

	sleep(BOOT_IS_NEWER_S);
	run_command(&result, REBOOTED "--dry-run", dir, dir);
	CHECK_NUMBER(result.status, 69);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, " 1 would be reaped"));
	CU_ASSERT_PTR_NULL(strstr(result.output, app_hash_of("foreign").hex));
	CU_ASSERT_TRUE(is_there("gone", RUN_ID));
	run_command(&result, REBOOTED, dir, dir);
	CHECK_NUMBER(result.status, 69);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "1 scratch directory removed"));
	CU_ASSERT_FALSE(is_there("gone", RUN_ID));
	CU_ASSERT_TRUE(is_there("gone", "no-run-id"));
	CU_ASSERT_TRUE(is_there("foreign", RUN_ID));
	CU_ASSERT_TRUE(is_there("live", RUN_ID));
	CU_ASSERT_TRUE(is_there("deleted", RUN_ID));
	CU_ASSERT_FALSE(lockfile_exists(dir, "gone"));
	CU_ASSERT_FALSE(lockfile_exists(dir, "deleted"));

	close(deleted);
	run_command(&result, REBOOTED, dir, dir);
	CU_ASSERT_FALSE(is_there("deleted", RUN_ID));
	CU_ASSERT_TRUE(is_there("live", RUN_ID));
	close(held);
}

static const struct test tests[] = {
	{ "scratch directories from before the boot, of nobody", test_after_a_reboot },
	{ NULL, NULL },
};
TEST_SUITE(scratch_orphans, tests)
