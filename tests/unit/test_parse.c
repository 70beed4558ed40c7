#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "harness/harness.h"

#define BAD INT64_MIN

static const struct {
	const char *text;
	int64_t ms;
} durations[] = {
	{ "0", 0 },
	{ "90", 90000 },
	{ "90s", 90000 },
	{ "15m", 900000 },
	{ "15min", 900000 },
	{ "1h30m", 5400000 },
	{ "1h30min", 5400000 },
	{ "250ms", 250 },
	{ "1s250ms", 1250 },
	{ "2d", 172800000 },
	{ "1d2h3m4s5ms", 93784005 },
	{ "90m", 5400000 },
	{ "365d", INT64_C(31536000000) },
	{ "8760h", INT64_C(31536000000) },
	{ "31536000", INT64_C(31536000000) },
	{ "", BAD },
	{ " ", BAD },
	{ " 90", BAD },
	{ "90 ", BAD },
	{ "90 s", BAD },
	{ "1h 30m", BAD },
	{ "-1", BAD },
	{ "+1", BAD },
	{ "1.5h", BAD },
	{ "1,5", BAD },
	{ "0x10", BAD },
	{ "s", BAD },
	{ "ms", BAD },
	{ "h1", BAD },
	{ "1x", BAD },
	{ "1S", BAD },
	{ "1hour", BAD },
	{ "1w", BAD },
	{ "1h30", BAD },
	{ "30m1h", BAD },
	{ "1m1m", BAD },
	{ "1m1min", BAD },
	{ "1ms1s", BAD },
	{ "infinity", BAD },
	{ "366d", BAD },
	{ "365d1ms", BAD },
	{ "31536001", BAD },
	{ "9223372036854775807", BAD },
	{ "9223372036854775807d", BAD },
	{ "9223372036854775808", BAD },
	{ "18446744073709551616", BAD },
	{ "18446744073709551617s", BAD },
	{ "99999999999999999999999999d", BAD },
	/* 2^64 / 86400000 days and a bit: a product that wraps to something small */
	{ "213503982335d", BAD },
};

static void test_durations(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		struct error err = { 0 };
		int64_t ms = -77;
		int result = parse_duration(durations[i].text, &ms, &err);

		if ((result < 0) != (durations[i].ms == BAD))
			CHECK_TEXT(durations[i].text, result < 0 ? "accepted" : "refused");
		CHECK_NUMBER(ms, durations[i].ms == BAD ? -77 : durations[i].ms);
		CHECK_NUMBER(err.kind != ERROR_NONE, durations[i].ms == BAD);
	}
}

static const struct {
	const char *text;
	int64_t min, max, number;
} numbers[] = {
	{ "0", 0, 10, 0 },
	{ "10", 0, 10, 10 },
	{ "64", 1, 64, 64 },
	{ "9223372036854775807", 0, INT64_MAX, INT64_MAX },
	{ "11", 0, 10, BAD },
	{ "0", 1, 10, BAD },
	{ "", 0, 10, BAD },
	{ " 1", 0, 10, BAD },
	{ "1 ", 0, 10, BAD },
	{ "+1", 0, 10, BAD },
	{ "-1", -5, 10, BAD },
	{ "-0", 0, 10, BAD },
	{ "01", 0, 10, BAD },
	{ "00", 0, 10, BAD },
	{ "0x1", 0, 10, BAD },
	{ "1e1", 0, 10, BAD },
	{ "1.0", 0, 10, BAD },
	{ "1a", 0, 10, BAD },
	{ "\xd9\xa1", 0, 10, BAD },
	{ "9223372036854775808", 0, INT64_MAX, BAD },
	{ "18446744073709551617", 0, 10, BAD },
	{ "99999999999999999999999999", 0, INT64_MAX, BAD },
};

static void test_numbers(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		struct error err = { 0 };
		int64_t number = -77;
		int result = parse_number(numbers[i].text, numbers[i].min, numbers[i].max, &number,
					  &err);

		if ((result < 0) != (numbers[i].number == BAD))
			CHECK_TEXT(numbers[i].text, result < 0 ? "accepted" : "refused");
		CHECK_NUMBER(number, numbers[i].number == BAD ? -77 : numbers[i].number);
		CHECK_NUMBER(err.kind != ERROR_NONE, numbers[i].number == BAD);
	}
}

static void test_bools(void)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };
	static const char *const bad[] = { "", "y", "2", "yes ", " yes", "maybe", "01", "-1" };
	bool value;

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		value = false;
		CHECK_NUMBER(parse_bool(yes[i], &value, NULL), 0);
		CHECK_NUMBER(value, true);
	}
	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		value = true;
		CHECK_NUMBER(parse_bool(no[i], &value, NULL), 0);
		CHECK_NUMBER(value, false);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct error err = { 0 };

		value = true;
		CHECK_NUMBER(parse_bool(bad[i], &value, &err), -1);
		CHECK_NUMBER(value, true);
		CHECK_NUMBER(err.kind != ERROR_NONE, true);
	}
}

static void test_the_message_shows_value_and_range(void)
{
	struct error err = { 0 };
	int64_t number;

	(void)parse_number("65", 1, 64, &number, &err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "65"));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "64"));
	(void)parse_duration("soon", &number, &err);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "soon"));
}

static const struct {
	int64_t ms;
	const char *text;
} formats[] = {
	{ 90, "90ms" },	      { 2500, "2.5s" },	   { 90000, "1m30s" },
	{ 5400000, "1h30m" }, { 172800000, "2d" },
};

static void test_formats(void)
{
	char buffer[32];

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		CHECK_TEXT(format_duration(formats[i].ms, buffer, sizeof(buffer)), formats[i].text);
}

static const struct test tests[] = {
	{ "durations", test_durations },
	{ "numbers", test_numbers },
	{ "yes and no", test_bools },
	{ "messages show the value and what would be right",
	  test_the_message_shows_value_and_range },
	{ "durations for people", test_formats },
	{ NULL, NULL },
};
TEST_SUITE(parse, tests)
