/* The lock library under torture, at a high rate: ci-janitor's own objects, and broken ones. */
#include <stdio.h>
#include <stdlib.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "torture_support.h"

#define LIBRARY BUILD_DIR "/torture-library"
#define BROKEN BUILD_DIR "/torture-library-broken"
#define STATUS_VIOLATION 3
#define FOUND_WITHIN_S 30
#define ACQUISITIONS_MIN 1000

static void torture_in(const char *folder)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *length = option_from("TORTURE", "--acquisitions", "--seconds 10");

	run_command_with(&result, NULL, LIMIT_MS, "TMPDIR=%s exec " LIBRARY " %s %s", folder,
			 length, option_from("TORTURE_SEED", "--seed", ""));
	printf("\n\t%s: %s%s", folder, result.output, result.errors);
	CHECK_NUMBER(result.status, 0);
	CU_ASSERT(strstr(result.output, "; 0 violations") != NULL);
	CU_ASSERT(number_before(result.output, " acquisitions") >= ACQUISITIONS_MIN);
	CU_ASSERT(number_before(result.output, " after a wait") > 0);
	CU_ASSERT(number_before(result.output, " reaps") > 0);
	CU_ASSERT(number_before(result.output, " looks") > 0);
	CU_ASSERT(number_before(result.output, " kills") > 0);
	CU_ASSERT(number_before(result.output, " stops") > 0);
}

static void on_tmpfs(void)
{
	torture_in("/dev/shm");
}

/* Inode numbers come again there. */
static void on_disk(void)
{
	const char *folder = getenv("TMPDIR");

	torture_in(folder && *folder ? folder : "/tmp");
}

static void is_found(const char *program, const char *mistake, const char *option)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "TORTURE_BREAK=%s exec %s --seconds %d %s", mistake, program,
		    FOUND_WITHIN_S, option);
	printf("\n\t%s: %s", *mistake ? mistake : option, result.output);
	CHECK_NUMBER(result.status, STATUS_VIOLATION);
}

static void identity_check_off(void)
{
	is_found(BROKEN, "identity", "");
}

static void unlink_after_close(void)
{
	is_found(BROKEN, "unlink-late", "");
}

static void no_lock(void)
{
	is_found(BROKEN, "no-lock", "");
}

static void forgets_too_early(void)
{
	is_found(LIBRARY, "", "--leak");
}

static struct test tests[] = {
	{ "no violation on tmpfs", on_tmpfs },
	{ "no violation on the disk's file system", on_disk },
	{ "found: the identity check off", identity_check_off },
	{ "found: unlink after close", unlink_after_close },
	{ "found: no lock at all", no_lock },
	{ "found: a lockfile forgotten before all is gone", forgets_too_early },
	{ NULL, NULL },
};
TEST_SUITE(library, tests);
