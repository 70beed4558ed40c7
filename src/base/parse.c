#include "base/parse.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define DURATION_MAX_MS (INT64_C(365) * 86400000)

/* Largest first; names of one size are one unit. */
static const struct unit {
	const char *name;
	int64_t ms;
} units[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "min", 60000 },
	{ "m", 60000 },	   { "s", 1000 },    { "ms", 1 },
};

/* Reads digits up to max and moves *text behind them; false without any, or above max. */
static bool take_digits(const char **text, int64_t max, int64_t *ret)
{
	const char *c = *text;
	int64_t number = 0;

	for (; *c >= '0' && *c <= '9'; c++) {
		int digit = *c - '0';

		if (number > (max - digit) / 10)
			return false;
		number = number * 10 + digit;
	}
	if (c == *text)
		return false;
	*text = c;
	*ret = number;
	return true;
}

static int64_t take_unit(const char **text)
{
	size_t length = strspn(*text, "abcdefghijklmnopqrstuvwxyz");

	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strlen(units[i].name) == length && !memcmp(*text, units[i].name, length)) {
			*text += length;
			return units[i].ms;
		}
	return 0;
}

static bool read_duration(const char *text, int64_t *ret)
{
	int64_t total = 0, number, last_unit = INT64_MAX;

	do {
		int64_t unit = 0;

		if (!take_digits(&text, DURATION_MAX_MS, &number))
			return false;
		if (!*text && last_unit == INT64_MAX)
			unit = 1000;
		else
			unit = take_unit(&text);
		if (!unit || unit >= last_unit || number > (DURATION_MAX_MS - total) / unit)
			return false;
		total += number * unit;
		last_unit = unit;
	} while (*text);
	*ret = total;
	return true;
}

int parse_duration(const char *text, int64_t *ret_ms, struct error *err)
{
	if (!read_duration(text, ret_ms))
		return error_set(err, ERROR_USAGE, "\"%s\" is not a duration like 90s or 1h30m",
				 text);
	return 0;
}

int parse_number(const char *text, int64_t min, int64_t max, int64_t *ret, struct error *err)
{
	const char *end = text;
	int64_t number;

	if (!take_digits(&end, max, &number) || *end || number < min || (text[0] == '0' && text[1]))
		return error_set(err, ERROR_USAGE,
				 "\"%s\" is not a number from %" PRId64 " to %" PRId64, text, min,
				 max);
	*ret = number;
	return 0;
}

int parse_bool(const char *text, bool *ret, struct error *err)
{
	static const char *const words[][2] = {
		{ "no", "yes" },
		{ "false", "true" },
		{ "off", "on" },
		{ "0", "1" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (int value = 0; value < 2; value++)
			if (!strcmp(text, words[i][value])) {
				*ret = value;
				return 0;
			}
	return error_set(err, ERROR_USAGE, "\"%s\" is neither yes nor no", text);
}

/* Seconds with tenths, rounded down, the tenths only where there are any. */
static void format_seconds(int64_t ms, char *buffer, unsigned size)
{
	int64_t tenths = ms / 100 % 10;

	if (tenths)
		(void)snprintf(buffer, size, "%" PRId64 ".%" PRId64 "s", ms / 1000, tenths);
	else
		(void)snprintf(buffer, size, "%" PRId64 "s", ms / 1000);
}

const char *format_duration(int64_t ms, char *buffer, unsigned size)
{
	static const struct unit shown[] = {
		{ "d", 86400000 },
		{ "h", 3600000 },
		{ "m", 60000 },
		{ "s", 1000 },
	};
	size_t length = 0;

	if (ms < 1000) {
		(void)snprintf(buffer, size, "%" PRId64 "ms", ms);
		return buffer;
	}
	if (ms < 60000) {
		format_seconds(ms, buffer, size);
		return buffer;
	}
	for (size_t i = 0; i < ARRAY_SIZE(shown) && length < size; i++) {
		if (ms >= shown[i].ms)
			length += (size_t)snprintf(buffer + length, size - length, "%" PRId64 "%s",
						   ms / shown[i].ms, shown[i].name);
		ms %= shown[i].ms;
	}
	return buffer;
}
