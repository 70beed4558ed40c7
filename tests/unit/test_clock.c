#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "harness/harness.h"

static void test_deadlines(void)
{
	int64_t before = clock_now_ms();
	int64_t deadline = clock_deadline(60000);
	int64_t after = clock_now_ms();

	CU_ASSERT(deadline >= before + 60000 && deadline <= after + 60000);
	CHECK_NUMBER(clock_deadline(CLOCK_NEVER), CLOCK_NEVER);
	CHECK_NUMBER(clock_deadline(-1), CLOCK_NEVER);
	CU_ASSERT(clock_deadline(CLOCK_NEVER - 1) > after);
	CHECK_NUMBER(clock_left(CLOCK_NEVER), -1);
	CHECK_NUMBER(clock_left(before - 1), 0);
	CHECK_NUMBER(clock_left(INT64_MIN), 0);
	CHECK_NUMBER(clock_left(CLOCK_NEVER - 1), INT_MAX);
	CHECK_NUMBER(clock_left(after + (INT64_C(1) << 40)), INT_MAX);
	CU_ASSERT(clock_left(deadline) > 0 && clock_left(deadline) <= 60000);
}

static void test_format(void)
{
	static const struct {
		int64_t second;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00Z" },
		{ 951782400, "2000-02-29T00:00:00Z" },
		{ 1767225599, "2025-12-31T23:59:59Z" },
		{ INT64_C(253402300799), "9999-12-31T23:59:59Z" },
	};
	char buffer[32];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_TEXT(clock_format(cases[i].second, buffer, sizeof(buffer)), cases[i].text);
	/* A second that no calendar has must still yield a text. */
	CU_ASSERT(strlen(clock_format(INT64_MAX, buffer, sizeof(buffer))) < sizeof(buffer));
}

static void test_wall_clock(void)
{
	int64_t before = (int64_t)time(NULL);
	int64_t wall = clock_wall_seconds();

	/* time(2) may lag the finer clocks by a tick */
	CU_ASSERT(wall >= before && wall <= (int64_t)time(NULL) + 1);
}

static void ignore(int signal)
{
	(void)signal;
}

static void test_sleep_outlasts_signals(void)
{
	struct sigaction action = { .sa_handler = ignore }, old;
	struct itimerval timer = { { 0, 10000 }, { 0, 10000 } }, none = { { 0, 0 }, { 0, 0 } };
	int64_t begun;

	CHECK_NUMBER(sigaction(SIGALRM, &action, &old), 0);
	CHECK_NUMBER(setitimer(ITIMER_REAL, &timer, NULL), 0);
	begun = clock_now_ms();
	clock_sleep_ms(100);
	CU_ASSERT(clock_now_ms() - begun >= 99);
	CHECK_NUMBER(setitimer(ITIMER_REAL, &none, NULL), 0);
	CHECK_NUMBER(sigaction(SIGALRM, &old, NULL), 0);
}

static const struct test tests[] = {
	{ "deadlines", test_deadlines },
	{ "wall-clock seconds as text", test_format },
	{ "the wall clock", test_wall_clock },
	{ "a sleep outlasts signals", test_sleep_outlasts_signals },
	{ NULL, NULL },
};
TEST_SUITE(clock, tests)
