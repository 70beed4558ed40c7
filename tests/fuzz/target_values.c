/* What a person types: "KIND VALUE", KIND being d(uration), n(umber), t(ime), b(ool), e(scape). */
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/text.h"
#include "fuzz/fuzz.h"

#define UNTOUCHED INT64_C(-77)
#define YEAR_MS (INT64_C(365) * 86400000)

static void duration(const char *text)
{
	int64_t ms = UNTOUCHED, again = UNTOUCHED;
	char shown[32];

	if (parse_duration(text, &ms, NULL) < 0) {
		REQUIRE(ms == UNTOUCHED);
		return;
	}
	REQUIRE(ms >= 0 && ms <= YEAR_MS);
	(void)format_duration(ms, shown, sizeof(shown));
	REQUIRE(strlen(shown) > 1 && strlen(shown) + 1 < sizeof(shown));
	/* "2.5s" is for people only; a whole one reads back, but for what was too small to show. */
	if (strchr(shown, '.'))
		return;
	REQUIRE(parse_duration(shown, &again, NULL) == 0);
	REQUIRE(again <= ms && ms - again < (ms < 1000 ? 1 : ms < 60000 ? 100 : 1000));
}

static void number(const char *text)
{
	int64_t value = UNTOUCHED;
	char shown[32];

	if (parse_number(text, 0, INT64_MAX, &value, NULL) < 0) {
		REQUIRE(value == UNTOUCHED);
		return;
	}
	(void)snprintf(shown, sizeof(shown), "%lld", (long long)value);
	REQUIRE(!strcmp(shown, text));
	if (parse_number(text, 1, 64, &value, NULL) == 0)
		REQUIRE(value >= 1 && value <= 64);
}

static void moment(const char *text)
{
	int64_t second = UNTOUCHED;

	if (parse_time(text, &second, NULL) < 0)
		REQUIRE(second == UNTOUCHED);
	else
		REQUIRE(second > INT64_C(-62200000000) && second < INT64_C(253500000000));
}

static void yes_or_no(const char *text)
{
	bool value;

	if (parse_bool(text, &value, NULL) == 0)
		REQUIRE(strlen(text) <= 5);
}

/* What is escaped is safe to show: escaping it once more only doubles the backslashes. */
static void escape(const char *text)
{
	CLEANUP_TEXT struct text once = { 0 };
	CLEANUP_TEXT struct text twice = { 0 };
	size_t backslashes = 0;

	text_append_escaped(&once, text);
	for (const char *c = text_get(&once); *c; c++) {
		REQUIRE((unsigned char)*c >= ' ' && *c != 0x7f);
		backslashes += *c == '\\';
	}
	text_append_escaped(&twice, text_get(&once));
	REQUIRE(twice.length == once.length + backslashes);
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *text = fuzz_text(data, size);

	if (strlen(text) < 2)
		return;
	switch (text[0]) {
	case 'd':
		duration(text + 2);
		break;
	case 'n':
		number(text + 2);
		break;
	case 't':
		moment(text + 2);
		break;
	case 'b':
		yes_or_no(text + 2);
		break;
	default:
		escape(text + 2);
	}
}
FUZZ_TARGET(values, run)
