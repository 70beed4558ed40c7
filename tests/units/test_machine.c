/*
 * The units under a real systemd, from a machine without an engine to a power cut. machine.sh makes
 * the machine, on which ci-janitor is installed by `make install`; what is to happen on it is told
 * by stories/, in order, each a script that fails where something isn't as it should be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"

#define MACHINE SOURCE_DIR "/tests/units/machine.sh"
#define STORIES SOURCE_DIR "/tests/units/stories"
#define LIMIT_MS 180000

static char dir[512];

static int control(const char *verb, const char *arguments)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	if (run_command_with(&result, NULL, LIMIT_MS, MACHINE " %s %s %s", verb, dir, arguments))
		fprintf(stderr, "machine.sh %s: %s%s\n", verb, result.output, result.errors);
	return result.status ? -1 : 0;
}

static int set_up(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char owner[32];

	snprintf(dir, sizeof(dir), "%s/machine", temp_dir());
	snprintf(owner, sizeof(owner), "%d", (int)getpid());
	if (control("make", owner))
		return -1;
	/* The stories start a unit more often than systemd lets anybody in 10 s. */
	if (run_command(&result,
			"set -e; cp -a " BUILD_DIR "/units/. %s/disk; cd %s/disk\n"
			"cc -O2 -static -o app " SOURCE_DIR "/tests/fixture/app.c\n"
			"mkdir -p etc/systemd/system.conf.d\n"
			"printf '[Manager]\\nDefaultStartLimitIntervalSec=0\\n' "
			">etc/systemd/system.conf.d/test.conf",
			dir, dir)) {
		fprintf(stderr, "%s", result.errors);
		return -1;
	}
	return control("boot", "");
}

static int tear_down(void)
{
	return control("remove", "");
}

static void tell(const char *story)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, NULL, LIMIT_MS,
			 "cat " STORIES "/words.sh " STORIES "/%s.sh | " MACHINE
			 " inside %s sh -ex",
			 story, dir);
	CHECK_NUMBER(result.status, 0);
	if (result.status == 0)
		return;
	fprintf(stderr, "\n%s%s", result.output, result.errors);
	run_command(&result,
		    MACHINE " inside %s journalctl -q --no-pager -n 40 -u 'ci-janitor*' -u docker",
		    dir);
	fprintf(stderr, "%s", result.output);
}

static void test_no_engine(void)
{
	tell("no-engine");
}

static void test_timers(void)
{
	tell("timers");
}

static void test_sandbox(void)
{
	tell("sandbox");
}

static void test_engine(void)
{
	tell("engine");
}

static void test_timer(void)
{
	tell("timer");
}

static void test_work(void)
{
	tell("work");
}

static void test_docker_group(void)
{
	tell("docker-group");
}

static void test_boot(void)
{
	tell("before-boot");
	CHECK_NUMBER(control("cut-power", ""), 0);
	CHECK_NUMBER(control("boot", ""), 0);
	tell("after-boot");
}

static const struct test tests[] = {
	{ "installed and enabled without an engine: nothing fails", test_no_engine },
	{ "jitter, periods and no stamp: the timers do what their files say", test_timers },
	{ "what the sandbox shuts, and what not", test_sandbox },
	{ "an engine comes", test_engine },
	{ "the timer reaps a dead run; live ones stay", test_timer },
	{ "all that a sweep does, in the sandbox", test_work },
	{ "without root, in the group docker", test_docker_group },
	{ "after a power cut, the orphan goes", test_boot },
	{ NULL, NULL },
};
TEST_SUITE_WITH(units_machine, tests, set_up, tear_down)
