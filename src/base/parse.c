#include "base/parse.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

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

/* Exactly so many digits, then one of the characters in `after`, which is passed unless it is the
 * end. */
static bool take_part(const char **text, size_t digits, int64_t min, int64_t max, const char *after,
		      int *ret)
{
	const char *end = *text;
	int64_t number;

	if (strspn(*text, "0123456789") != digits || !take_digits(&end, max, &number) ||
	    number < min || !strchr(after, *end))
		return false;
	*ret = (int)number;
	*text = *end ? end + 1 : end;
	return true;
}

/* "Z", "+01:00"; the text is behind its sign already. */
static bool read_zone(char sign, const char *text, int64_t *ret_seconds)
{
	int hours = 0, minutes = 0;

	if (sign != 'Z' &&
	    (!take_part(&text, 2, 0, 23, ":", &hours) || !take_part(&text, 2, 0, 59, "", &minutes)))
		return false;
	*ret_seconds = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
	return !*text;
}

static bool read_time(const char *text, int64_t *ret)
{
	struct tm date = { 0 };
	int64_t zone;

	if (!take_part(&text, 4, 1, 9999, "-", &date.tm_year) ||
	    !take_part(&text, 2, 1, 12, "-", &date.tm_mon) ||
	    !take_part(&text, 2, 1, 31, "T", &date.tm_mday) ||
	    !take_part(&text, 2, 0, 23, ":", &date.tm_hour) ||
	    !take_part(&text, 2, 0, 59, ":", &date.tm_min) ||
	    !take_part(&text, 2, 0, 60, ".Z+-", &date.tm_sec))
		return false;
	if (text[-1] == '.') {
		size_t digits = strspn(text, "0123456789");

		if (!digits || !text[digits] || !strchr("Z+-", text[digits]))
			return false;
		text += digits + 1;
	}
	if (!read_zone(text[-1], text, &zone))
		return false;
	date.tm_year -= 1900;
	date.tm_mon--;
	*ret = (int64_t)timegm(&date) - zone;
	return true;
}

int parse_time(const char *text, int64_t *ret, struct error *err)
{
	int64_t second;

	if (!read_time(text, &second))
		return error_set(err, ERROR_USAGE, "\"%s\" is not a time like 2026-01-31T12:00:00Z",
				 text);
	*ret = second;
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
