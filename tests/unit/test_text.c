#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "harness/harness.h"

static void test_empty(void)
{
	struct text text = { 0 };

	CHECK_TEXT(text_get(&text), "");
	text_append(&text, "");
	CHECK_TEXT(text_get(&text), "");
	CHECK_NUMBER(text.length, 0);
	text_release(&text);
	text_release(&text);
	CHECK_TEXT(text_get(&text), "");
}

static void test_growth(void)
{
	CLEANUP_TEXT struct text text = { 0 };

	for (int i = 0; i < 10000; i++) {
		text_append(&text, "ab");
		text_append_bytes(&text, "cd", 1);
		text_appendf(&text, "%d", i % 10);
	}
	CHECK_NUMBER(text.length, 40000);
	CHECK_NUMBER(strlen(text_get(&text)), 40000);
	CU_ASSERT(!strncmp(text_get(&text), "abc0abc1abc2", 12));
	CU_ASSERT(!strcmp(text_get(&text) + 39996, "abc9"));
}

static void test_long_format(void)
{
	CLEANUP_TEXT struct text text = { 0 };

	text_appendf(&text, "%5000s|%d", "x", 7);
	CHECK_NUMBER(text.length, 5002);
	CU_ASSERT(!strcmp(text_get(&text) + 4999, "x|7"));
}

static const struct {
	const char *raw;
	const char *escaped;
} escapes[] = {
	{ "", "" },
	{ "plain text ~!", "plain text ~!" },
	{ "a\nb\tc\r", "a\\x0ab\\x09c\\x0d" },
	{ "\x1b[2J", "\\x1b[2J" },
	{ "\x7f\x01", "\\x7f\\x01" },
	/* What would open a command for a CI system's runner. */
	{ "##[x", "##\\x5bx" },
	{ "a##vso[##Vso[", "a##vso\\x5b##Vso\\x5b" },
	{ "[#[#vso[vso[##vs[", "[#[#vso[vso[##vs[" },
	{ "back\\slash", "back\\\\slash" },
	{ "\\x0a", "\\\\x0a" },
	{ "caf\xc3\xa9", "caf\xc3\xa9" },
	{ "\xe2\x82\xac", "\xe2\x82\xac" },
	{ "\xf0\x9f\x90\xb3", "\xf0\x9f\x90\xb3" },
	{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
	/* C1 control characters drive terminals as well as ESC does. */
	{ "\xc2\x9b", "\\xc2\\x9b" },
	/* A stray continuation, a cut sequence, a byte that never occurs. */
	{ "\x80", "\\x80" },
	{ "\xc3", "\\xc3" },
	{ "\xc3z", "\\xc3z" },
	{ "\xe2\x82", "\\xe2\\x82" },
	{ "\xe2\x82z", "\\xe2\\x82z" },
	{ "\xff", "\\xff" },
	/* Overlong forms, surrogates, above U+10FFFF. */
	{ "\xc0\xaf", "\\xc0\\xaf" },
	{ "\xc1\xbf", "\\xc1\\xbf" },
	{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },
	{ "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
	{ "\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf" },
	{ "\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
	{ "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80" },
};

static void test_escapes(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(escapes); i++) {
		CLEANUP_TEXT struct text text = { 0 };

		text_append_escaped(&text, escapes[i].raw);
		CHECK_TEXT(text_get(&text), escapes[i].escaped);
	}
}

/* No single byte, and no pair of bytes, leaves a control character in the output. */
static void test_no_control_survives(void)
{
	for (int first = 1; first < 256; first++)
		for (int second = 1; second < 256; second++) {
			CLEANUP_TEXT struct text text = { 0 };
			const char raw[] = { (char)first, (char)second, '\0' };

			text_append_escaped(&text, raw);
			for (const char *c = text_get(&text); *c; c++)
				if ((*c > 0 && *c < ' ') || *c == 0x7f)
					CHECK_NUMBER(*c, first);
		}
}

static const struct test tests[] = {
	{ "empty", test_empty },
	{ "growth", test_growth },
	{ "a long format", test_long_format },
	{ "escapes", test_escapes },
	{ "no control character survives", test_no_control_survives },
	{ NULL, NULL },
};
TEST_SUITE(text, tests)
