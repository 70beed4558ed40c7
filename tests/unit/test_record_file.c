#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "harness/harness.h"
#include "lock/record_file.h"

#define RUN_ID "0123456789abcdef0123456789abcdef"
#define BOOT_ID "01234567-89ab-cdef-0123-456789abcdef"
#define TEN "1234567890"
#define FORTY TEN TEN TEN TEN
#define LONGEST FORTY FORTY FORTY FORTY /* RECORD_TEXT_MAX */

static const struct record full = {
	.known = true,
	.app = "shop-pr-7",
	.stack = "shop_pr_7",
	.run_id = RUN_ID,
	.holder = "github:123:1",
	.job_url = "https://ci.example.org/job?a=b#c:1",
	.host = "runner-1",
	.boot_id = BOOT_ID,
	.cgroup = "/ci-janitor/" RUN_ID,
	.engine = "unix:///run/user/1000/docker.sock",
	.engine_socket = "1a:2b3c:65920080.1dcd6500",
	.pid = 4242,
	.pid_namespace = 4026532512,
	.start_time = 987654321,
	.phase = RUN_PHASE_RUNNING,
	.since = 1767225600,
	.deadline = 1767229200,
};

static void check_same(const struct record *a, const struct record *b)
{
	CHECK_NUMBER(a->known, b->known);
	CHECK_TEXT(a->app, b->app);
	CHECK_TEXT(a->stack, b->stack);
	CHECK_TEXT(a->run_id, b->run_id);
	CHECK_TEXT(a->holder, b->holder);
	CHECK_TEXT(a->job_url, b->job_url);
	CHECK_TEXT(a->host, b->host);
	CHECK_TEXT(a->boot_id, b->boot_id);
	CHECK_TEXT(a->cgroup, b->cgroup);
	CHECK_TEXT(a->engine, b->engine);
	CHECK_TEXT(a->engine_socket, b->engine_socket);
	CHECK_NUMBER(a->pid, b->pid);
	CHECK_NUMBER(a->pid_namespace, b->pid_namespace);
	CHECK_NUMBER(a->start_time, b->start_time);
	CHECK_NUMBER(a->phase, b->phase);
	CHECK_NUMBER(a->since, b->since);
	CHECK_NUMBER(a->deadline, b->deadline);
}

static void check_round_trip(const struct record *record, const struct record *expected)
{
	char buffer[RECORD_FILE_SIZE];
	size_t length = record_format(record, buffer);
	struct record parsed;

	record_parse(buffer, length, &parsed);
	check_same(&parsed, expected);
}

static void test_round_trip(void)
{
	for (int phase = RUN_PHASE_WAITING; phase < RUN_PHASE_COUNT; phase++) {
		struct record record = full;

		record.phase = (enum run_phase)phase;
		check_round_trip(&record, &record);
	}
}

static void test_what_is_not_stated_stays_so(void)
{
	struct record record = { .known = true, .app = "shop" };

	check_round_trip(&record, &record);
}

static void test_longest(void)
{
	struct record record = full;
	char buffer[RECORD_FILE_SIZE];

	memset(record.app, 'a', APP_NAME_MAX);
	memset(record.stack, 'b', APP_NAME_MAX);
	memcpy(record.holder, LONGEST, sizeof(LONGEST));
	memcpy(record.job_url, LONGEST, sizeof(LONGEST));
	memcpy(record.cgroup, LONGEST, sizeof(LONGEST));
	memcpy(record.engine, LONGEST, sizeof(LONGEST));
	memset(record.engine_socket, 'f', sizeof(record.engine_socket) - 1);
	memset(record.host, 'h', sizeof(record.host) - 1);
	record.pid = 2147483647;
	record.start_time = INT64_MAX;
	record.phase = RUN_PHASE_FRESH_START;
	record.since = record.deadline = 253402300799;
	check_round_trip(&record, &record);
	CHECK_NUMBER(record_format(&record, buffer), record_format(&full, buffer));
}

static void test_fixed_length(void)
{
	struct record empty = { .app = "a" };
	char buffer[RECORD_FILE_SIZE];
	size_t length = record_format(&full, buffer);

	CU_ASSERT(length < RECORD_FILE_SIZE);
	CHECK_NUMBER(record_format(&empty, buffer), length);
	for (size_t i = strlen("[run]\napp=a\n[end]\n"); i < length; i++)
		if (buffer[i] != '\n')
			CHECK_NUMBER(buffer[i], '\n');
}

/* A short record in place of a long one must not leave any of it readable, nor the other way. */
static void test_overwritten_in_place(void)
{
	struct record empty = { .known = true, .app = "a" }, parsed;
	char file[RECORD_FILE_SIZE], buffer[RECORD_FILE_SIZE];
	size_t length = record_format(&full, file), written = record_format(&empty, buffer);

	memcpy(file, buffer, written);
	record_parse(file, length, &parsed);
	check_same(&parsed, &empty);
}

static void test_what_would_not_survive(void)
{
	struct record record = full, expected = full;

	(void)snprintf(record.holder, sizeof(record.holder),
		       "  a ;b\n[end]\x1b[m\tc\x7f \xc3\xa9 ");
	(void)snprintf(expected.holder, sizeof(expected.holder), "a ?b?[end]?[m?c? ??");
	(void)snprintf(record.host, sizeof(record.host), "   ");
	expected.host[0] = '\0';
	check_round_trip(&record, &expected);
}

static void test_torn(void)
{
	char buffer[RECORD_FILE_SIZE];
	size_t length = record_format(&full, buffer);
	size_t end = (size_t)(strstr(buffer, "[end]\n") + strlen("[end]\n") - buffer);
	struct record parsed;

	for (size_t cut = 0; cut < length; cut++) {
		/* Exactly as many bytes as were written: a read past them shows under ASan. */
		CLEANUP_FREE char *torn = xstrndup(buffer, cut);

		record_parse(torn, cut, &parsed);
		if (parsed.known != (cut >= end))
			CHECK_NUMBER(cut, end);
	}
}

#define BEGIN "[run]\napp=shop\n"
#define END "[end]\n"

static const struct {
	const char *text;
	bool known;
} foreign[] = {
	{ BEGIN END, true },
	{ BEGIN "later=1\n[else]\npid=x\n" END, true },
	{ BEGIN END "junk\n\x01\x02[run]\napp=other\n", true },
	{ BEGIN "\n\n# a comment\n; another\n" END, true },
	{ BEGIN "holder=a;b\n" END, true },
	{ "", false },
	{ "\n", false },
	{ END, false },
	{ "[run]\n" END, false },
	{ BEGIN, false },
	{ BEGIN "[end]", false },
	{ BEGIN "[end]x\n", false },
	{ BEGIN " [end]\n", false },
	{ "app=shop\n" END, false },
	{ "[runs]\napp=shop\n" END, false },
	{ BEGIN "app=shop\n" END, false },
	{ BEGIN "[run]\napp=shop\n" END, false },
	{ BEGIN "junk\n" END, false },
	{ BEGIN "app=other\n" END, false },
	{ BEGIN "pid=1\n 2\n" END, false },
	{ BEGIN "holder=a\n [end]\n", false },
	{ BEGIN "later=" LONGEST FORTY "\n" END, false },
	{ "[run]\napp=\n" END, false },
	{ "[run]\napp=-shop\n" END, false },
	{ "[run]\napp=sh op\n" END, false },
	{ "[run]\napp=../x\n" END, false },
	{ "[run]\napp=" FORTY FORTY FORTY TEN "\n" END, false },
	{ BEGIN "stack=../x\n" END, false },
	{ BEGIN "holder=\n" END, false },
	{ BEGIN "holder=" LONGEST "\n" END, true },
	{ BEGIN "holder=" LONGEST "x\n" END, false },
	{ BEGIN "holder=\x1b[2J\n" END, false },
	{ BEGIN "holder=\xc3\xa9\n" END, false },
	{ BEGIN "holder=a\rb\n" END, false },
	{ BEGIN "host=" FORTY TEN TEN TEN "\n" END, false },
	{ BEGIN "run_id=" RUN_ID "\n" END, true },
	{ BEGIN "run_id=" RUN_ID "0\n" END, false },
	{ BEGIN "run_id=0123\n" END, false },
	{ BEGIN "run_id=0123456789ABCDEF0123456789abcdef\n" END, false },
	{ BEGIN "boot_id=" BOOT_ID "\n" END, true },
	{ BEGIN "boot_id=" BOOT_ID "0\n" END, false },
	{ BEGIN "boot_id=x\n" END, false },
	{ BEGIN "pid=1\n" END, true },
	{ BEGIN "pid=0\n" END, false },
	{ BEGIN "pid=-1\n" END, false },
	{ BEGIN "pid=+1\n" END, false },
	{ BEGIN "pid=01\n" END, false },
	{ BEGIN "pid=2147483648\n" END, false },
	{ BEGIN "pid=99999999999999999999\n" END, false },
	{ BEGIN "start_time=0\n" END, false },
	{ BEGIN "start_time=18446744073709551616\n" END, false },
	{ BEGIN "phase=teardown\n" END, true },
	{ BEGIN "phase=unknown\n" END, false },
	{ BEGIN "phase=dead\n" END, false },
	{ BEGIN "since=253402300799\n" END, true },
	{ BEGIN "since=253402300800\n" END, false },
	{ BEGIN "deadline=1e9\n" END, false },
};

static void test_foreign(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		CLEANUP_FREE char *text = xstrdup(foreign[i].text);
		struct record parsed, nothing = { 0 };

		record_parse(text, strlen(text), &parsed);
		if (parsed.known != foreign[i].known)
			CHECK_TEXT(foreign[i].text, foreign[i].known ? "known" : "unknown");
		else if (parsed.known)
			CHECK_TEXT(parsed.app, "shop");
		else
			check_same(&parsed, &nothing);
	}
}

static void test_nul_bytes(void)
{
	static const char nul_in_value[] = "[run]\napp=shop\0\n[end]\n";
	static const char nul_after_end[] = "[run]\napp=shop\n[end]\n\0\0\0";
	struct record parsed;

	record_parse(nul_in_value, sizeof(nul_in_value) - 1, &parsed);
	CHECK_NUMBER(parsed.known, false);
	record_parse(nul_after_end, sizeof(nul_after_end) - 1, &parsed);
	CHECK_NUMBER(parsed.known, true);
}

/* Every byte of a good record replaced by every other: never a crash, and what is still known
 * is still well-formed, so that it survives being written again. */
static void test_every_byte_changed(void)
{
	char good[RECORD_FILE_SIZE], changed[RECORD_FILE_SIZE];
	size_t length = record_format(&full, good);
	size_t end = (size_t)(strstr(good, "[end]\n") + strlen("[end]\n") - good);
	struct record parsed, again;
	size_t known = 0;

	for (size_t i = 0; i < end; i++)
		for (int byte = 0; byte < 256; byte++) {
			char text[RECORD_FILE_SIZE];

			memcpy(changed, good, length);
			changed[i] = (char)byte;
			record_parse(changed, length, &parsed);
			if (!parsed.known)
				continue;
			known++;
			record_parse(text, record_format(&parsed, text), &again);
			if (!again.known || strcmp(parsed.app, again.app) != 0)
				CHECK_TEXT(changed, "a record that survives");
		}
	CU_ASSERT(known > end); /* each byte unchanged, and some harmless changes */
}

static const struct test tests[] = {
	{ "round trip in every phase", test_round_trip },
	{ "what is not stated stays so", test_what_is_not_stated_stays_so },
	{ "the longest record fits", test_longest },
	{ "the length is fixed and padded with newlines", test_fixed_length },
	{ "a record replaces another in place", test_overwritten_in_place },
	{ "what would not survive becomes '?'", test_what_would_not_survive },
	{ "torn at every byte is unknown", test_torn },
	{ "foreign and hostile texts", test_foreign },
	{ "NUL bytes", test_nul_bytes },
	{ "every byte changed to every other", test_every_byte_changed },
	{ NULL, NULL },
};
TEST_SUITE(record_file, tests)
