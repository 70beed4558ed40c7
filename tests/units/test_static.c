/* What tools say about the units, and about the shell scripts of the whole tree. */
#include <stdio.h>

#include "harness/command.h"
#include "harness/harness.h"

#define UNITS BUILD_DIR "/units/usr/local/lib/systemd/system"

static void check_quiet(const char *command)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "%s", command);
	CHECK_NUMBER(result.status, 0);
	CHECK_TEXT(result.output, "");
	CHECK_TEXT(result.errors, "");
}

static void check_exposure(const char *unit)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result,
		    "cd " UNITS " && systemd-analyze security --offline=true --no-pager "
		    "--threshold=15 ./%s",
		    unit);
	if (result.status)
		fprintf(stderr, "%s%s", result.output, result.errors);
	CHECK_NUMBER(result.status, 0);
}

static void test_exposure(void)
{
	check_exposure("ci-janitor.service");
	check_exposure("ci-janitor-boot.service");
}

static void test_exposure_can_fail(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result,
		    "cd %s && sed '/^ProtectKernel/d' " UNITS
		    "/ci-janitor.service >weak.service && "
		    "systemd-analyze security --offline=true --no-pager --threshold=15 "
		    "./weak.service",
		    temp_dir());
	CU_ASSERT(result.status != 0);
}

static void test_tmpfiles(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *root = temp_dir();

	run_command(&result,
		    "systemd-tmpfiles --create --root=%s " BUILD_DIR
		    "/units/usr/local/lib/tmpfiles.d/ci-janitor.conf && stat -c '%%a %%U' "
		    "%s/run/ci-janitor",
		    root, root);
	CHECK_TEXT(result.errors, "");
	CHECK_TEXT(result.output, "755 root\n");
}

static void test_shell_scripts(void)
{
	check_quiet("cd " SOURCE_DIR " && { find packaging tests -name '*.bash'; "
		    "find .ci packaging tests -type f -exec awk "
		    "'FNR == 1 && /^#!.*\\/(ba|da)?sh/ { print FILENAME }' {} +; } | "
		    "sort -u | xargs shellcheck -x");
}

static const struct test tests[] = {
	{ "systemd-analyze security: 1.5 at most", test_exposure },
	{ "and more where a line is missing", test_exposure_can_fail },
	{ "systemd-tmpfiles makes the private lock directory", test_tmpfiles },
	{ "shellcheck has nothing to say", test_shell_scripts },
	{ NULL, NULL },
};
TEST_SUITE(units_static, tests)
