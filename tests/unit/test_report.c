#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "capture.h"

#define RULE "com.docker.stack.namespace=shop"

static void add(struct app_result *result, enum resource_kind kind, const char *name,
		const char *rule, enum action_outcome outcome, const char *reason)
{
	action_set_outcome(app_result_add(result, kind, "id1", name, rule), outcome, reason);
}

static void fill(struct app_result *result)
{
	*result = (struct app_result){ .hash = { HASH }, .app = "shop", .took_ms = 145 };
	add(result, RESOURCE_SERVICE, "shop_web", RULE, ACTION_REMOVED, NULL);
	add(result, RESOURCE_CONTAINER, NULL, RULE, ACTION_ALREADY_GONE, NULL);
	add(result, RESOURCE_NETWORK, "net", NULL, ACTION_KEPT, "protected by its label");
	add(result, RESOURCE_VOLUME, "data", RULE, ACTION_FAILED, "volume is in use");
	result->outcome = APP_LEFT;
	result->killed = 1;
	(void)error_set(&result->error, ERROR_ENGINE, "1 object is left");
}

static void test_app_text(void)
{
	CLEANUP(app_result_release) struct app_result result;
	struct capture capture;

	fill(&result);
	begin(&capture, false);
	CHECK_NUMBER(report_app(&capture.report, &result, NULL), 0);
	end(&capture, "shop: removed service shop_web (" RULE ")\n"
		      "shop: container id1 was already gone (" RULE ")\n"
		      "shop: kept network net id1: protected by its label\n"
		      "shop: unable to remove volume data: volume is in use (" RULE ")\n"
		      "shop: left: 1 object removed, 1 process killed, 0.14 s: 1 object is left\n");
}

static void test_app_json(void)
{
	CLEANUP(app_result_release) struct app_result result;
	struct capture capture;

	fill(&result);
	begin(&capture, true);
	CHECK_NUMBER(report_app(&capture.report, &result, NULL), 0);
	end(&capture,
	    "{\"schema\":\"ci-janitor/1\",\"type\":\"app\",\"app\":\"shop\",\"hash\":\"" HASH "\","
	    "\"outcome\":\"left\",\"actions\":["
	    "{\"kind\":\"service\",\"outcome\":\"removed\",\"id\":\"id1\",\"name\":\"shop_web\","
	    "\"rule\":\"" RULE "\",\"reason\":null},"
	    "{\"kind\":\"container\",\"outcome\":\"already-gone\",\"id\":\"id1\",\"name\":null,"
	    "\"rule\":\"" RULE "\",\"reason\":null},"
	    "{\"kind\":\"network\",\"outcome\":\"kept\",\"id\":\"id1\",\"name\":\"net\","
	    "\"rule\":null,\"reason\":\"protected by its label\"},"
	    "{\"kind\":\"volume\",\"outcome\":\"failed\",\"id\":\"id1\",\"name\":\"data\","
	    "\"rule\":\"" RULE "\",\"reason\":\"volume is in use\"}],"
	    "\"killed\":1,\"scratch\":0,\"kept_until\":null,"
	    "\"took_ms\":145,\"orphan\":false,\"matched_nothing\":false,"
	    "\"error\":\"1 object is left\"}\n");
}

static void test_quiet(void)
{
	CLEANUP(app_result_release) struct app_result result;
	struct app_result live = { .app = "live", .outcome = APP_LIVE };
	struct capture capture;

	fill(&result);
	begin(&capture, false);
	capture.report.quiet = true;
	CHECK_NUMBER(report_app(&capture.report, &result, NULL), 0);
	CHECK_NUMBER(report_app(&capture.report, &live, NULL), 0);
	end(&capture, "shop: unable to remove volume data: volume is in use (" RULE ")\n"
		      "shop: left: 1 object removed, 1 process killed, 0.14 s: 1 object is left\n");
}

static const struct {
	struct app_result result;
	const char *line;
} outcomes[] = {
	{ { .outcome = APP_REAPED, .took_ms = 140 }, "shop: reaped: 0 objects removed, 0.14 s\n" },
	{ { .outcome = APP_REAPED, .killed = 2, .took_ms = 61009, .matched_nothing = true },
	  "shop: reaped: dead, and the engine has nothing of it, 2 processes killed, 61.00 s\n" },
	{ { .outcome = APP_PLANNED }, "shop: would be reaped: 0 objects\n" },
	{ { .outcome = APP_PLANNED, .matched_nothing = true },
	  "shop: would be reaped: dead, and the engine has nothing of it\n" },
	{ { .outcome = APP_LIVE }, "shop: live: left alone\n" },
	{ { .outcome = APP_REAPING }, "shop: another janitor is reaping it: left alone\n" },
	{ { .outcome = APP_PROTECTED }, "shop: protected: left alone\n" },
	{ { .outcome = APP_KEPT, .kept_until = 1767225600 },
	  "shop: kept until 2026-01-01T00:00:00Z: left alone\n" },
	{ { .outcome = APP_REAPED, .scratch = 1, .took_ms = 10 },
	  "shop: reaped: 0 objects removed, 1 scratch directory removed, 0.01 s\n" },
};

static void test_outcomes(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(outcomes); i++) {
		struct app_result result = outcomes[i].result;
		struct capture capture;

		(void)snprintf(result.app, sizeof(result.app), "shop");
		begin(&capture, false);
		CHECK_NUMBER(report_app(&capture.report, &result, NULL), 0);
		end(&capture, outcomes[i].line);
	}
}

static void test_dry_run(void)
{
	CLEANUP(app_result_release)
	struct app_result result = { .app = "shop", .outcome = APP_PLANNED };
	struct capture capture;

	add(&result, RESOURCE_SECRET, "shop_key", RULE, ACTION_PLANNED, NULL);
	begin(&capture, false);
	CHECK_NUMBER(report_app(&capture.report, &result, NULL), 0);
	end(&capture, "shop: would remove secret shop_key id1 (" RULE ")\n"
		      "shop: would be reaped: 1 object\n");
}

static void test_unnamed_app(void)
{
	struct app_result result = { .hash = { HASH }, .outcome = APP_LIVE };
	struct capture capture;

	begin(&capture, false);
	CHECK_NUMBER(report_app(&capture.report, &result, NULL), 0);
	end(&capture, "#" HASH ": live: left alone\n");
	begin(&capture, true);
	CHECK_NUMBER(report_app(&capture.report, &result, NULL), 0);
	end(&capture,
	    "{\"schema\":\"ci-janitor/1\",\"type\":\"app\",\"app\":null,\"hash\":\"" HASH "\","
	    "\"outcome\":\"live\",\"actions\":[],\"killed\":0,\"scratch\":0,\"kept_until\":null,"
	    "\"took_ms\":0,"
	    "\"orphan\":false,\"matched_nothing\":false,\"error\":null}\n");
}

static void test_hostile_app(void)
{
	CLEANUP(app_result_release)
	struct app_result result = { .app = "shop", .outcome = APP_LEFT };
	struct capture capture;

	add(&result, RESOURCE_VOLUME, HOSTILE, HOSTILE, ACTION_FAILED, HOSTILE);
	(void)error_set(&result.error, ERROR_ENGINE, "%s", HOSTILE);
	begin(&capture, false);
	CHECK_NUMBER(report_app(&capture.report, &result, NULL), 0);
	end(&capture,
	    "shop: unable to remove volume " HOSTILE_TEXT ": " HOSTILE_TEXT " (" HOSTILE_TEXT ")\n"
	    "shop: left: 0 objects removed, 0.00 s: " HOSTILE_TEXT "\n");
	begin(&capture, true);
	CHECK_NUMBER(report_app(&capture.report, &result, NULL), 0);
	end(&capture,
	    "{\"schema\":\"ci-janitor/1\",\"type\":\"app\",\"app\":\"shop\",\"hash\":null,"
	    "\"outcome\":\"left\",\"actions\":[{\"kind\":\"volume\",\"outcome\":\"failed\","
	    "\"id\":\"id1\",\"name\":\"" HOSTILE_JSON "\",\"rule\":\"" HOSTILE_JSON "\","
	    "\"reason\":\"" HOSTILE_JSON "\"}],\"killed\":0,\"scratch\":0,\"kept_until\":null,"
	    "\"took_ms\":0,"
	    "\"orphan\":false,\"matched_nothing\":false,\"error\":\"" HOSTILE_JSON "\"}\n");
}

/* jansson takes no such text at all: each byte of it is replaced. */
static void test_invalid_utf8_in_json(void)
{
	static const char *const invalid[] = {
		"\xc0\xaf",	    "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xed\xa0\x80",
		"\xf4\x90\x80\x80", "\xf5\x80",	    "\xe2\x82",
	};

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++) {
		CLEANUP(app_result_release) struct app_result result = { .app = "shop" };
		CLEANUP_TEXT struct text expected = { 0 };
		struct report report = { .json = true };
		CLEANUP_FREE char *bytes = NULL;
		size_t size;

		text_append(&expected, "\"name\":\"");
		for (size_t j = 0; j < strlen(invalid[i]); j++)
			text_append(&expected, "\\uFFFD");
		text_append(&expected, "\",");
		add(&result, RESOURCE_VOLUME, invalid[i], NULL, ACTION_REMOVED, NULL);
		report.out = open_memstream(&bytes, &size);
		CHECK_NUMBER(report_app(&report, &result, NULL), 0);
		(void)fclose(report.out);
		if (!strstr(bytes, text_get(&expected)))
			CHECK_TEXT(bytes, text_get(&expected));
	}
}

/* The runners of CI systems look for commands in any line, JSON or not. */
static void test_no_commands_in_json(void)
{
	static const char name[] = "a##[b##VSO[c#[d[";
	CLEANUP(app_result_release) struct app_result result = { .app = "shop" };
	struct report report = { .json = true };
	CLEANUP_FREE char *bytes = NULL;
	json_t *document, *action;
	size_t size;

	add(&result, RESOURCE_VOLUME, name, NULL, ACTION_REMOVED, NULL);
	report.out = open_memstream(&bytes, &size);
	CHECK_NUMBER(report_app(&report, &result, NULL), 0);
	(void)fclose(report.out);
	CU_ASSERT_PTR_NOT_NULL(strstr(bytes, "\"a##\\u005bb##VSO\\u005bc#[d[\""));
	document = json_loads(bytes, 0, NULL);
	action = json_array_get(json_object_get(document, "actions"), 0);
	CHECK_TEXT(json_string_value(json_object_get(action, "name")), name);
	json_decref(document);
}

/* Whatever bytes a name has, the JSON parses and is one line of printable ASCII. */
static void test_json_of_any_bytes(void)
{
	unsigned seed = 1;

	for (int round = 0; round < 2000; round++) {
		CLEANUP(app_result_release) struct app_result result = { .app = "shop" };
		struct report report = { .json = true };
		char name[16], *bytes = NULL;
		size_t size, bad = 0;
		json_t *document;

		for (size_t i = 0; i < sizeof(name); i++) {
			seed = seed * 1103515245 + 12345;
			/* Mostly bytes that start or continue a sequence. */
			name[i] = (char)(seed >> 16 | (seed >> 24) % 3 << 6 | 1);
		}
		name[sizeof(name) - 1] = '\0';
		add(&result, RESOURCE_VOLUME, name, NULL, ACTION_REMOVED, NULL);
		report.out = open_memstream(&bytes, &size);
		CHECK_NUMBER(report_app(&report, &result, NULL), 0);
		(void)fclose(report.out);
		for (size_t i = 0; i + 1 < size; i++)
			bad += bytes[i] < ' ' || bytes[i] > '~';
		CHECK_NUMBER(bad, 0);
		document = json_loads(bytes, 0, NULL);
		CU_ASSERT_PTR_NOT_NULL(document);
		json_decref(document);
		free(bytes);
	}
}

static const struct {
	struct sweep_result result;
	const char *line;
} summaries[] = {
	{ { 0 }, "0 locks: 0 live, 0 reaped (0 objects), 0 left; 0.00 s\n" },
	{ { .locks = 3, .live = 1, .reaped = 2, .removed = 12, .took_ms = 412 },
	  "3 locks: 1 live, 2 reaped (12 objects), 0 left; 0.41 s\n" },
	{ { .locks = 1, .reaped = 1, .removed = 1, .killed = 1, .took_ms = 12345 },
	  "1 lock: 0 live, 1 reaped (1 object, 1 process killed), 0 left; 12.34 s\n" },
	{ { .locks = 2, .reaped = 1, .removed = 6, .dry_run = true },
	  "2 locks: 0 live, 1 would be reaped (6 objects), 0 left; 0.00 s\n" },
	{ { .locks = 4, .left = 2, .unusable = 1, .engine_unreachable = true },
	  "4 locks: 0 live, 0 reaped (0 objects), 2 left, 1 unusable; 0.00 s; "
	  "the engine can't be reached\n" },
	{ { .locks = 4, .left = 2, .killed = 3, .interrupted = true },
	  "4 locks: 0 live, 0 reaped (0 objects, 3 processes killed), 2 left; 0.00 s; "
	  "interrupted\n" },
};

static void test_summaries(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(summaries); i++) {
		const struct sweep_result *result = &summaries[i].result;
		bool needs_attention = result->left || result->unusable;
		struct capture capture;

		begin(&capture, false);
		CHECK_NUMBER(report_summary(&capture.report, result, NULL), 0);
		end(&capture, summaries[i].line);
		begin(&capture, false);
		capture.report.quiet = true;
		CHECK_NUMBER(report_summary(&capture.report, result, NULL), 0);
		end(&capture, needs_attention ? summaries[i].line : "");
	}
}

static void test_summary_json(void)
{
	struct sweep_result result = { .locks = 9,
				       .live = 1,
				       .reaped = 2,
				       .left = 3,
				       .unusable = 4,
				       .removed = 5,
				       .killed = 6,
				       .took_ms = 7,
				       .dry_run = true };
	struct capture capture;

	begin(&capture, true);
	CHECK_NUMBER(report_summary(&capture.report, &result, NULL), 0);
	end(&capture, "{\"schema\":\"ci-janitor/1\",\"type\":\"summary\",\"locks\":9,\"live\":1,\"deleted\":0,"
		      "\"reaped\":2,\"left\":3,\"unusable\":4,\"ignored\":0,\"removed\":5,\"killed\":6,"
		      "\"took_ms\":7,\"engine_unreachable\":false,\"interrupted\":false,"
		      "\"dry_run\":true,\"orphan_error\":null}\n");
}

static void test_full_disk(void)
{
	struct sweep_result result = { 0 };
	struct report report = { .out = fopen("/dev/full", "w") };
	struct error err = { 0 }, later = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(report.out);
	CHECK_NUMBER(report_summary(&report, &result, &err), -1);
	CHECK_TEXT(err.message, "unable to write the output: No space left on device");
	CHECK_NUMBER(report_finish(&report, &later), -1);
	CHECK_NUMBER(later.kind, ERROR_SYSTEM);
	(void)fclose(report.out);
}

static const struct test tests[] = {
	{ "an app as text", test_app_text },
	{ "an app as JSON", test_app_json },
	{ "quiet", test_quiet },
	{ "every outcome", test_outcomes },
	{ "a dry run", test_dry_run },
	{ "an app that nobody names", test_unnamed_app },
	{ "hostile texts of an app", test_hostile_app },
	{ "invalid UTF-8 in JSON", test_invalid_utf8_in_json },
	{ "no commands in JSON", test_no_commands_in_json },
	{ "JSON of any bytes is one line of ASCII", test_json_of_any_bytes },
	{ "summaries", test_summaries },
	{ "a summary as JSON", test_summary_json },
	{ "a full disk is an error", test_full_disk },
	{ NULL, NULL },
};
TEST_SUITE(report, tests)
