/* sweep with [report] metrics, as a program. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "run_fixture.h"

#define SWEEP PROGRAM " --lock-dir %s -c %s/conf -H unix:///nonexistent/socket sweep "

static void check_has(const struct command_result *result, const char *line)
{
	if (!strstr(result->output, line))
		printf("\nmissing: %s\nin:\n%s", line, result->output);
	CU_ASSERT_PTR_NOT_NULL(strstr(result->output, line));
}

static void test_sweeps(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *out = temp_dir();
	int fd = lockfile_hold(dir, "live");

	run_command(&result, "printf '[report]\\nmetrics = %s/x.prom\\n' >%s/conf", out, out);
	CHECK_NUMBER(run_command(&result, SWEEP, dir, out), 0);
	run_command(&result, "cat %s/x.prom", out);
	check_has(&result, "ci_janitor_locks{state=\"held\"} 1\n");
	check_has(&result, "ci_janitor_sweeps_total 1\n");
	check_has(&result, "ci_janitor_sweep_failures_total 0\n");
	check_has(&result, "ci_janitor_last_success_timestamp_seconds ");
	/* A dry run is not a sweep. */
	CHECK_NUMBER(run_command(&result, SWEEP "--dry-run", dir, out), 0);
	/* Dead, and no engine to reap it on. */
	close(fd);
	CHECK_NUMBER(run_command(&result, SWEEP, dir, out), 69);
	run_command(&result, "cat %s/x.prom", out);
	check_has(&result, "ci_janitor_locks{state=\"dead\"} 1\n");
	check_has(&result, "ci_janitor_sweeps_total 2\n");
	check_has(&result, "ci_janitor_sweep_failures_total 1\n");
	check_has(&result, "ci_janitor_apps_left 1\n");
	/* The status is the sweep's, whatever becomes of the file. */
	run_command(&result, "rm -r %s/*.prom %s/*.lock; mkdir %s/x.prom", out, dir, out);
	CHECK_NUMBER(run_command(&result, SWEEP, dir, out), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "unable to write metrics file"));
}

static const struct test tests[] = {
	{ "a file of metrics after each sweep", test_sweeps },
	{ NULL, NULL },
};
TEST_SUITE(sweep_metrics, tests)
