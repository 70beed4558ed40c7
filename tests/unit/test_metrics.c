#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "capture.h"
#include "harness/command.h"
#include "report/metrics.h"

static void fill(struct metrics *metrics)
{
	struct app_result left = { .app = "", .hash = { HASH }, .outcome = APP_LEFT, .killed = 2 };
	struct app_result reaped = { .app = "shop", .outcome = APP_REAPED };
	struct lock_view held = { .state = LOCK_VIEW_HELD,
				  .record = { .known = true, .since = 1700 } };
	struct lock_view older = { .state = LOCK_VIEW_HELD,
				   .record = { .known = true, .since = 1500 } };
	struct lock_view dead = { .state = LOCK_VIEW_DEAD,
				  .record = { .known = true, .since = 1 } };

	*metrics =
		(struct metrics){ .finished = 2000, .took_ms = 1025, .sweeps = 1, .failures = 1 };
	action_set_outcome(app_result_add(&left, RESOURCE_VOLUME, "v", "v", NULL), ACTION_FAILED,
			   "busy");
	action_set_outcome(app_result_add(&left, RESOURCE_SERVICE, "s", "s", NULL), ACTION_REMOVED,
			   NULL);
	action_set_outcome(app_result_add(&reaped, RESOURCE_SECRET, "k", "k", NULL), ACTION_REMOVED,
			   NULL);
	action_set_outcome(app_result_add(&reaped, RESOURCE_SECRET, "p", "p", NULL), ACTION_KEPT,
			   "protected");
	metrics_add_result(metrics, &left);
	metrics_add_result(metrics, &reaped);
	metrics_add_lock(metrics, &held);
	metrics_add_lock(metrics, &older);
	metrics_add_lock(metrics, &dead);
	app_result_release(&left);
	app_result_release(&reaped);
}

static bool has(const char *text, const char *line)
{
	const char *found = strstr(text, line);

	return found && (found == text || found[-1] == '\n') && found[strlen(line)] == '\n';
}

static void test_render(void)
{
	CLEANUP(metrics_release) struct metrics metrics;
	CLEANUP_TEXT struct text text = { 0 };

	fill(&metrics);
	metrics_render(&metrics, &text);
	CU_ASSERT(has(text.data, "ci_janitor_last_sweep_timestamp_seconds 2000"));
	CU_ASSERT(has(text.data, "ci_janitor_last_sweep_duration_seconds 1.025"));
	CU_ASSERT(has(text.data, "ci_janitor_locks{state=\"held\"} 2"));
	CU_ASSERT(has(text.data, "ci_janitor_locks{state=\"dead\"} 1"));
	CU_ASSERT(has(text.data, "ci_janitor_oldest_held_timestamp_seconds 1500"));
	CU_ASSERT(has(text.data, "ci_janitor_apps_left 1"));
	CU_ASSERT(has(text.data, "ci_janitor_leftover_objects{app=\"#" HASH "\"} 1"));
	CU_ASSERT(has(text.data, "ci_janitor_removed_objects_total{kind=\"secret\"} 1"));
	CU_ASSERT(has(text.data, "ci_janitor_removed_objects_total{kind=\"volume\"} 0"));
	CU_ASSERT(has(text.data, "ci_janitor_killed_processes_total 2"));
	CU_ASSERT(has(text.data, "ci_janitor_reaped_apps_total 1"));
	CU_ASSERT(has(text.data, "# TYPE ci_janitor_removed_objects_total counter"));
	CU_ASSERT_PTR_NULL(strstr(text.data, "last_success"));
}

static void test_counters_go_on(void)
{
	CLEANUP(metrics_release) struct metrics metrics;
	CLEANUP_TEXT struct text earlier = { 0 };
	CLEANUP_TEXT struct text text = { 0 };

	fill(&metrics);
	metrics.succeeded = 1999;
	metrics_render(&metrics, &earlier);
	metrics_release(&metrics);
	fill(&metrics);
	metrics_add_earlier(&metrics, earlier.data);
	metrics_render(&metrics, &text);
	CU_ASSERT(has(text.data, "ci_janitor_sweeps_total 2"));
	CU_ASSERT(has(text.data, "ci_janitor_sweep_failures_total 2"));
	CU_ASSERT(has(text.data, "ci_janitor_killed_processes_total 4"));
	CU_ASSERT(has(text.data, "ci_janitor_removed_objects_total{kind=\"secret\"} 2"));
	CU_ASSERT(has(text.data, "ci_janitor_last_success_timestamp_seconds 1999"));
	/* Gauges are of this sweep alone. */
	CU_ASSERT(has(text.data, "ci_janitor_locks{state=\"held\"} 2"));
}

static void test_foreign_files(void)
{
	static const char *const texts[] = {
		"",
		"ci_janitor_sweeps_total",
		"ci_janitor_sweeps_total \n",
		"ci_janitor_sweeps_total nan\n",
		"xci_janitor_sweeps_total 7\n",
		"ci_janitor_sweeps_total{a=\"b\"} 7\n",
		"# ci_janitor_sweeps_total 7\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct metrics metrics = { .sweeps = 1 };

		metrics_add_earlier(&metrics, texts[i]);
		CHECK_NUMBER(metrics.sweeps, 1);
	}
}

static void test_file(void)
{
	const char *dir = temp_dir();
	CLEANUP_FREE char *path = xasprintf("%s/ci-janitor.prom", dir);
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct error err = { .kind = ERROR_NONE };
	struct stat status;

	for (int i = 0; i < 3; i++) {
		CLEANUP(metrics_release) struct metrics metrics;

		fill(&metrics);
		CHECK_NUMBER(metrics_write(path, &metrics, &err), 0);
	}
	run_command(&result, "cat %s", path);
	CU_ASSERT(has(result.output, "ci_janitor_sweeps_total 3"));
	CHECK_NUMBER(stat(path, &status), 0);
	CHECK_NUMBER(status.st_mode & 07777, 0644);
	run_command(&result, "ls -A %s", dir);
	CHECK_TEXT(result.output, "ci-janitor.prom\n");

	/* A killed sweep's file of the same pid is in nobody's way. */
	run_command(&result, "echo torn >%s/.ci-janitor.prom.%d", dir, (int)getpid());
	{
		CLEANUP(metrics_release) struct metrics metrics;

		fill(&metrics);
		CHECK_NUMBER(metrics_write(path, &metrics, &err), 0);
	}
	run_command(&result, "cd %s && ls -A && grep -c torn *", dir);
	CHECK_TEXT(result.output, "ci-janitor.prom\n0\n");

	/* What stands there is replaced, never followed or written into. */
	run_command(&result, "cd %s && echo precious >victim && ln -sf victim ci-janitor.prom",
		    dir);
	{
		CLEANUP(metrics_release) struct metrics metrics;

		fill(&metrics);
		CHECK_NUMBER(metrics_write(path, &metrics, &err), 0);
	}
	run_command(&result, "cd %s && cat victim && test ! -L ci-janitor.prom && ls -A", dir);
	CHECK_TEXT(result.output, "precious\nci-janitor.prom\nvictim\n");
}

/* As when the engine can't be reached: all that is dead is left. */
static void test_file_of_many_leftovers(void)
{
	CLEANUP_FREE char *path = xasprintf("%s/ci-janitor.prom", temp_dir());
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct app_result left = { .hash = { HASH }, .outcome = APP_LEFT };

	for (int i = 0; i < 2; i++) {
		CLEANUP(metrics_release) struct metrics metrics = { .sweeps = 1 };

		for (int k = 0; k < 20000; k++)
			metrics_add_result(&metrics, &left);
		CHECK_NUMBER(metrics_write(path, &metrics, NULL), 0);
	}
	run_command(&result, "grep -v leftover %s", path);
	CU_ASSERT(has(result.output, "ci_janitor_apps_left 20000"));
	CU_ASSERT(has(result.output, "ci_janitor_sweeps_total 2"));
}

static void test_no_directory(void)
{
	CLEANUP(metrics_release) struct metrics metrics;
	struct error err = { .kind = ERROR_NONE };

	fill(&metrics);
	CHECK_NUMBER(metrics_write("/nonexistent/x.prom", &metrics, &err), -1);
	CHECK_TEXT(err.message, "unable to open the directory of metrics file /nonexistent/x.prom: "
				"No such file or directory");
}

/* Nothing that watches asks for a metric that no sweep writes. */
static void check_names(const char *path, const char *written)
{
	CLEANUP_COMMAND struct command_result file = { 0 };
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
	size_t count = 0;

	CHECK_NUMBER(run_command(&file, "cat %s/packaging/%s", SOURCE_DIR, path), 0);
	for (const char *at = file.output; (at = strstr(at, "ci_janitor_")); count++) {
		int length = (int)strspn(at, letters);
		char line[128];

		snprintf(line, sizeof(line), "\n# TYPE %.*s ", length, at);
		if (!strstr(written, line))
			printf("\n%s: no metric %.*s", path, length, at);
		CU_ASSERT_PTR_NOT_NULL(strstr(written, line));
		at += length;
	}
	CU_ASSERT(count >= 5);
}

static void test_watchers(void)
{
	CLEANUP(metrics_release) struct metrics metrics;
	CLEANUP_TEXT struct text text = { 0 };

	fill(&metrics);
	metrics.succeeded = 1;
	metrics_render(&metrics, &text);
	check_names("prometheus/ci-janitor.rules.yml", text.data);
	check_names("grafana/ci-janitor.json", text.data);
}

static const struct test tests[] = {
	{ "a file's text", test_render },
	{ "counters go on where the earlier file ended", test_counters_go_on },
	{ "foreign and broken files add nothing", test_foreign_files },
	{ "the file is replaced at once", test_file },
	{ "a file of many leftovers", test_file_of_many_leftovers },
	{ "no directory", test_no_directory },
	{ "alerts and dashboard name what is written", test_watchers },
	{ NULL, NULL },
};
TEST_SUITE(metrics, tests)
