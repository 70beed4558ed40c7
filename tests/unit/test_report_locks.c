#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "capture.h"

#define SINCE_TEXT "2026-01-01T00:00:00Z"
#define SINCE 1767225600

#define NO_NEWS                                                                                    \
	"\"holders\":[],\"holder_count\":0,\"other_pid_namespace\":false,"                         \
	"\"run_ended\":false,\"deleted\":false,\"doubtful\":false,"

static void fill_views(struct lock_view views[3])
{
	views[0] = (struct lock_view){
		.hash = { HASH },
		.state = LOCK_VIEW_HELD,
		.pid = 42,
		.record = { .known = true,
			    .app = "shop",
			    .holder = HOSTILE,
			    .pid = 41,
			    .phase = RUN_PHASE_RUNNING },
	};
	views[1] = (struct lock_view){
		.hash = { HASH },
		.state = LOCK_VIEW_DEAD,
		.record = { .known = true,
			    .app = "a-longer-name",
			    .holder = "caf\xc3\xa9",
			    .pid = 7 },
	};
	views[2] = (struct lock_view){ .hash = { HASH }, .state = LOCK_VIEW_UNKNOWN };
	(void)error_set(&views[2].error, ERROR_LOCK, "it is a FIFO\n");
}

/* Fills a shorter HOLDER up to the 52 columns of HOSTILE_TEXT. */
#define GAP "                                          "

static void test_list_text(void)
{
	struct lock_view views[3];
	struct capture capture;

	fill_views(views);
	begin(&capture, false);
	CHECK_NUMBER(report_list(&capture.report, "/run/lock", views, 3, NULL), 0);
	end(&capture, "APP            STATE    HOLDER" GAP "      PID  PHASE    SINCE  AGE\n"
		      "shop           held     " HOSTILE_TEXT "  42   running  -      -\n"
		      "a-longer-name  dead     caf\xc3\xa9" GAP "        7    -        -      -\n"
		      "#01234567\u2026     unknown  -" GAP "           -    -        -      -\n"
		      "#01234567\u2026: it is a FIFO\\x0a\n");
}

static void test_list_ages(void)
{
	static const struct {
		int64_t seconds;
		const char *age;
	} cases[] = {
		{ 3 * 3600 + 7 * 60 + 30, "3h7m" },
		{ 26 * 3600 + 7 * 60, "1d2h" },
		{ 3600 + 1, "1h" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int64_t since = clock_wall_seconds() - cases[i].seconds;
		struct lock_view view = { .state = LOCK_VIEW_HELD,
					  .record = { .known = true, .app = "a", .since = since } };
		CLEANUP_FREE char *expected = NULL;
		struct capture capture;
		char time[32];

		expected = xasprintf("APP  STATE  HOLDER  PID  PHASE  SINCE                 AGE\n"
				     "a    held   -       -    -      %s  %s\n",
				     clock_format(since, time, sizeof(time)), cases[i].age);
		begin(&capture, false);
		CHECK_NUMBER(report_list(&capture.report, "/run/lock", &view, 1, NULL), 0);
		end(&capture, expected);
	}
}

static void test_empty_list(void)
{
	struct capture capture;

	begin(&capture, false);
	CHECK_NUMBER(report_list(&capture.report, "/run/\x1block", NULL, 0, NULL), 0);
	end(&capture, "no locks in /run/\\x1block\n");
	begin(&capture, true);
	CHECK_NUMBER(report_list(&capture.report, "/run/lock", NULL, 0, NULL), 0);
	end(&capture, "{\"schema\":\"ci-janitor/1\",\"type\":\"list\",\"lock_dir\":\"/run/lock\","
		      "\"locks\":[]}\n");
}

#define ID "0123456789abcdef0123456789abcdef"

static void fill_resources(struct app_result *result)
{
	*result = (struct app_result){ .hash = { HASH }, .app = "shop" };
	(void)app_result_add(result, RESOURCE_SERVICE, ID, "shop_web", "key=" HOSTILE);
	(void)app_result_add(result, RESOURCE_VOLUME, "shop_data", "shop_data", NULL);
	action_set_outcome(app_result_add(result, RESOURCE_SECRET, "s1", "shop_key", "r"),
			   ACTION_KEPT, "protected");
}

static void test_resources_text(void)
{
	struct lock_view views[3];
	struct app_result results[3] = { { .hash = { HASH } }, { .hash = { HASH } } };
	struct capture capture;
	const char *told;

	fill_views(views);
	fill_resources(&results[0]);
	(void)error_set(&results[1].error, ERROR_UNREACHABLE, "no engine\n");
	results[2] = (struct app_result){ .app = "empty", .matched_nothing = true };
	for (size_t i = 0; i < 3; i++) {
		views[i].state = LOCK_VIEW_DEAD;
		views[i].resources = &results[i];
	}
	begin(&capture, false);
	CHECK_NUMBER(report_list(&capture.report, "/run/lock", views, 3, NULL), 0);
	CHECK_NUMBER(report_finish(&capture.report, NULL), 0);
	told = strstr(capture.bytes, "\nshop: ");
	CHECK_TEXT(told ? told + 1 : capture.bytes,
		   "shop: service shop_web 0123456789ab (key=" HOSTILE_TEXT ")\n"
		   "shop: volume shop_data\n"
		   "shop: secret shop_key s1: would be kept: protected (r)\n"
		   "#" HASH ": no engine\\x0a\n"
		   "empty: the engine has nothing of it\n");
	(void)fclose(capture.report.out);
	free(capture.bytes);
	app_result_release(&results[0]);
}

static void test_resources_json(void)
{
	struct lock_view views[3];
	struct app_result resources;
	struct capture capture;

	fill_views(views);
	fill_resources(&resources);
	views[0].resources = &resources;
	begin(&capture, true);
	CHECK_NUMBER(report_list(&capture.report, "/run/lock", views, 1, NULL), 0);
	CHECK_NUMBER(report_finish(&capture.report, NULL), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(
		capture.bytes,
		"\"resources\":[{\"kind\":\"service\",\"outcome\":\"planned\",\"id\":\"" ID
		"\",\"name\":\"shop_web\",\"rule\":\"key=" HOSTILE_JSON "\",\"reason\":null},"));
	CU_ASSERT_PTR_NOT_NULL(strstr(capture.bytes, "\"resources_error\":null"));
	(void)fclose(capture.report.out);
	free(capture.bytes);
	app_result_release(&resources);
}

static void test_list_json(void)
{
	struct lock_view views[3];
	struct capture capture;

	fill_views(views);
	begin(&capture, true);
	CHECK_NUMBER(report_list(&capture.report, "/run/lock", views, 1, NULL), 0);
	end(&capture,
	    "{\"schema\":\"ci-janitor/1\",\"type\":\"list\",\"lock_dir\":\"/run/lock\",\"locks\":["
	    "{\"app\":\"shop\",\"hash\":\"" HASH "\",\"state\":\"held\",\"pid\":42," NO_NEWS
	    "\"record_known\":true,\"holder\":\"" HOSTILE_JSON "\",\"holder_pid\":41,"
	    "\"run_id\":null,\"phase\":\"running\",\"since\":null,\"deadline\":null,"
	    "\"kept_until\":null,"
	    "\"stack\":null,\"job_url\":null,\"host\":null,\"engine\":null,\"error\":null}]}\n");
}

static void test_status(void)
{
	struct lock_view free = { .hash = { HASH }, .state = LOCK_VIEW_FREE };
	struct lock_view held = { .hash = { HASH },
				  .state = LOCK_VIEW_HELD,
				  .record = { .known = true,
					      .app = "shop",
					      .holder = "github:1:1",
					      .pid = 41,
					      .phase = RUN_PHASE_TEARDOWN,
					      .since = SINCE,
					      .deadline = SINCE } };
	struct lock_view views[3];
	struct capture capture;

	fill_views(views);
	begin(&capture, false);
	CHECK_NUMBER(report_status(&capture.report, "shop", &free, NULL), 0);
	CHECK_NUMBER(report_status(&capture.report, "shop", &held, NULL), 0);
	CHECK_NUMBER(report_status(&capture.report, "shop", &views[0], NULL), 0);
	CHECK_NUMBER(report_status(&capture.report, "shop", &views[2], NULL), 0);
	capture.report.quiet = true;
	CHECK_NUMBER(report_status(&capture.report, "shop", &held, NULL), 0);
	end(&capture, "free\n"
		      "held github:1:1 (pid 41, teardown, since " SINCE_TEXT ")\n"
		      "held " HOSTILE_TEXT " (pid 42, running)\n"
		      "unknown: it is a FIFO\\x0a\n");
	begin(&capture, true);
	CHECK_NUMBER(report_status(&capture.report, "shop", &held, NULL), 0);
	end(&capture,
	    "{\"schema\":\"ci-janitor/1\",\"type\":\"status\",\"app\":\"shop\",\"hash\":\"" HASH
	    "\",\"state\":\"held\",\"pid\":0," NO_NEWS
	    "\"record_known\":true,\"holder\":\"github:1:1\","
	    "\"holder_pid\":41,\"run_id\":null,\"phase\":\"teardown\","
	    "\"since\":\"" SINCE_TEXT "\",\"deadline\":\"" SINCE_TEXT "\",\"kept_until\":null,"
	    "\"stack\":null,"
	    "\"job_url\":null,\"host\":null,\"engine\":null,\"error\":null}\n");
}

static void test_findings(void)
{
	CLEANUP(finding_list_release) struct finding_list findings = { 0 };
	struct capture capture;

	finding_add(&findings, FINDING_OK, "config", NULL, "valid");
	finding_add(&findings, FINDING_WARNING, "locks", "do " HOSTILE, "%s", HOSTILE);
	begin(&capture, false);
	CHECK_NUMBER(report_findings(&capture.report, &findings, NULL), 0);
	end(&capture, "ok       config: valid\nwarning  locks: " HOSTILE_TEXT
		      "\n         -> do " HOSTILE_TEXT "\n0 problems, 1 warning\n");
	begin(&capture, false);
	capture.report.quiet = true;
	CHECK_NUMBER(report_findings(&capture.report, &findings, NULL), 0);
	end(&capture, "warning  locks: " HOSTILE_TEXT "\n         -> do " HOSTILE_TEXT
		      "\n0 problems, 1 warning\n");
	begin(&capture, true);
	CHECK_NUMBER(report_findings(&capture.report, &findings, NULL), 0);
	end(&capture, "{\"schema\":\"ci-janitor/1\",\"type\":\"doctor\",\"findings\":["
		      "{\"check\":\"config\",\"level\":\"ok\",\"message\":\"valid\","
		      "\"remedy\":null},{\"check\":\"locks\",\"level\":\"warning\","
		      "\"message\":\"" HOSTILE_JSON "\",\"remedy\":\"do " HOSTILE_JSON
		      "\"}],\"problems\":0,\"warnings\":1}\n");
}

static void check_note(const struct lock_view *view, const char *status, const char *json)
{
	struct capture capture;

	begin(&capture, false);
	CHECK_NUMBER(report_status(&capture.report, "shop", view, NULL), 0);
	end(&capture, status);
	begin(&capture, true);
	CHECK_NUMBER(report_status(&capture.report, "shop", view, NULL), 0);
	CHECK_NUMBER(fflush(capture.report.out), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(capture.bytes, json));
	fclose(capture.report.out);
	free(capture.bytes);
}

static void test_notes(void)
{
	struct lock_view view = {
		.state = LOCK_VIEW_HELD, .pid = 42, .holder_count = 1, .holders = { 42 }
	};

	check_note(&view, "held (pid 42)\n", "\"holders\":[42],\"holder_count\":1,");
	view.holders[view.holder_count++] = 57;
	check_note(&view, "held (pid 42)\nthe lock is shared by pids 42 57\n",
		   "\"holders\":[42,57],\"holder_count\":2,");
	view.holder_count = LOCK_VIEW_HOLDERS_MAX + 3;
	check_note(&view,
		   "held (pid 42)\nthe lock is shared by pids 42 57 0 0 0 0 0 0 and 3 more\n",
		   "\"holder_count\":11,");
	view.holder_count = 1;
	view.run_ended = true;
	check_note(&view,
		   "held (pid 42)\nthe run that the record names has ended; the lock is still "
		   "held, by pid 42\n",
		   "\"run_ended\":true");
	view.run_ended = false;
	view.deleted = true;
	check_note(&view,
		   "held (pid 42)\nsomebody has deleted the lockfile; the lock is still held, by "
		   "pid 42\n",
		   "\"deleted\":true");
	view = (struct lock_view){ .state = LOCK_VIEW_HELD,
				   .elsewhere = true,
				   .record = { .known = true, .pid = 42 } };
	check_note(&view, "held\nheld by a process of another PID namespace\n",
		   "\"other_pid_namespace\":true");
	view = (struct lock_view){ .state = LOCK_VIEW_DEAD, .doubtful = true };
	check_note(&view,
		   "dead\nas seen from this PID namespace: what is dead here may be held by a "
		   "program outside of it that is no ci-janitor\n",
		   "\"doubtful\":true");
}

static const struct test tests[] = {
	{ "findings", test_findings },
	{ "list --resources as text", test_resources_text },
	{ "list --resources as JSON", test_resources_json },
	{ "a list as a table", test_list_text },
	{ "ages", test_list_ages },
	{ "an empty list", test_empty_list },
	{ "a list as JSON", test_list_json },
	{ "a status", test_status },
	{ "what is unusual about a holder", test_notes },
	{ NULL, NULL },
};
TEST_SUITE(report_locks, tests)
