#include <string.h>

#include "base/cleanup.h"
#include "harness/harness.h"
#include "model/app.h"

#define TEN "1234567890"
#define NAME_OF_128 TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "12345678"
#define HASH "8838ed282b4230859cd662eb5a8ade35"

static const struct {
	const char *name;
	bool valid;
} names[] = {
	{ "a", true },
	{ "0", true },
	{ "shop-pr-7", true },
	{ "app.example.org", true },
	{ "A_b.C-d", true },
	{ "a..b", true },
	{ "a-", true },
	{ NAME_OF_128, true },
	{ NAME_OF_128 "9", false },
	{ "", false },
	{ ".", false },
	{ "..", false },
	{ ".a", false },
	{ "-a", false },
	{ "_a", false },
	{ "a/b", false },
	{ "../a", false },
	{ "a b", false },
	{ " a", false },
	{ "a ", false },
	{ "a\n", false },
	{ "a\x1b[m", false },
	{ "a:b", false },
	{ "a@b", false },
	{ "a*", false },
	{ "a%s", false },
	{ "caf\xc3\xa9", false },
	{ "a\xff", false },
};

static void test_grammar(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct error err = { 0 };

		if (app_name_is_valid(names[i].name) != names[i].valid)
			CHECK_TEXT(names[i].name, names[i].valid ? "accepted" : "refused");
		CHECK_NUMBER(app_name_check(names[i].name, &err), names[i].valid ? 0 : -1);
		CHECK_NUMBER(err.kind, names[i].valid ? ERROR_NONE : ERROR_USAGE);
	}
}

static void test_every_byte(void)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	for (int byte = 1; byte < 256; byte++) {
		const char first[] = { (char)byte, 'a', '\0' };
		const char second[] = { 'a', (char)byte, '\0' };
		bool alphanumeric = strchr(allowed, byte) != NULL;

		if (app_name_is_valid(first) != alphanumeric)
			CHECK_NUMBER(byte, -1);
		if (app_name_is_valid(second) !=
		    (alphanumeric || byte == '.' || byte == '_' || byte == '-'))
			CHECK_NUMBER(byte, -2);
	}
}

/* As `printf %s NAME | sha256sum | cut -c1-32` says. */
static void test_hashes(void)
{
	static const struct {
		const char *name;
		const char *hex;
	} known[] = {
		{ "shop-pr-7", HASH },
		{ "a", "ca978112ca1bbdcafac231b39a23dc4d" },
		{ "0", "5feceb66ffc86f38d952786c6d696c79" },
		{ "app.example.org", "b0bf13b620397f0e7a46a5e699551280" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		CHECK_TEXT(app_hash_of(known[i].name).hex, known[i].hex);
}

static void test_equality(void)
{
	struct app_hash a = app_hash_of("a"), b = app_hash_of("b"), again = app_hash_of("a");

	CHECK_NUMBER(app_hash_equal(&a, &again), true);
	CHECK_NUMBER(app_hash_equal(&a, &b), false);
}

static void test_lockfile_names(void)
{
	struct app_hash hash = app_hash_of("shop-pr-7"), back = { "" };
	char buffer[APP_LOCKFILE_NAME_SIZE];

	CHECK_TEXT(app_lockfile_name(&hash, buffer), "ci-app-" HASH ".lock");
	CHECK_NUMBER(app_hash_from_lockfile_name(buffer, &back), true);
	CHECK_TEXT(back.hex, HASH);
}

static void test_foreign_file_names(void)
{
	static const char *const foreign[] = {
		"",
		".",
		"..",
		"ci-app-.lock",
		"ci-app-" HASH,
		"ci-app-" HASH ".lock ",
		"ci-app-" HASH ".lock\n",
		"ci-app-" HASH ".lock~",
		" ci-app-" HASH ".lock",
		"ci-app-" HASH "0.lock",
		"ci-app-" HASH ".LOCK",
		"Ci-app-" HASH ".lock",
		"ci-app-8838ED282B4230859CD662EB5A8ADE35.lock",
		"ci-app-8838ed282b4230859cd662eb5a8ade3g.lock",
		"ci-app-8838ed282b4230859cd662eb5a8ade3.lock",
		"ci-app-../../../../etc/passwd/aaaaaaaaa.lock",
	};

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
		struct app_hash hash = { "untouched" };

		if (app_hash_from_lockfile_name(foreign[i], &hash))
			CHECK_TEXT(foreign[i], "no lockfile's name");
		CHECK_TEXT(hash.hex, "untouched");
	}
}

static void test_dots(void)
{
	char stack[APP_NAME_MAX + 1];

	app_name_dots_to_underscores("shop.example.org", stack);
	CHECK_TEXT(stack, "shop_example_org");
	app_name_dots_to_underscores("a-b_c", stack);
	CHECK_TEXT(stack, "a-b_c");
	app_name_dots_to_underscores(NAME_OF_128, stack);
	CHECK_TEXT(stack, NAME_OF_128);
}

static const struct test tests[] = {
	{ "the grammar of names", test_grammar },
	{ "every byte, first and later", test_every_byte },
	{ "hashes are as sha256sum says", test_hashes },
	{ "equality", test_equality },
	{ "lockfile names, there and back", test_lockfile_names },
	{ "other file names are nobody's", test_foreign_file_names },
	{ "dots to underscores", test_dots },
	{ NULL, NULL },
};
TEST_SUITE(app, tests)
