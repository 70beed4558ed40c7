#include <string.h>

#include "base/cleanup.h"
#include "harness/harness.h"
#include "model/app.h"
#include "model/settings.h"

static void test_words(void)
{
	struct word_list list = { 0 };

	CHECK_NUMBER(word_list_contains(&list, "one"), false);
	CHECK_NUMBER(word_list_matches(&list, "one"), false);
	for (int i = 0; i < 100; i++)
		word_list_append(&list, "one two", 3);
	word_list_append(&list, "two", 3);
	CHECK_NUMBER(list.count, 101);
	CHECK_TEXT(list.words[0], "one");
	CHECK_TEXT(list.words[100], "two");
	CHECK_NUMBER(word_list_contains(&list, "two"), true);
	CHECK_NUMBER(word_list_contains(&list, "tw"), false);
	CHECK_NUMBER(word_list_contains(&list, "one two"), false);
	word_list_release(&list);
	CHECK_NUMBER(list.count, 0);
}

static void test_globs(void)
{
	static const struct {
		const char *glob;
		const char *text;
		bool matches;
	} cases[] = {
		{ "shop", "shop", true },	   { "shop", "shop-2", false },
		{ "shop-*", "shop-2", true },	   { "shop-*", "shop", false },
		{ "*", "anything.at-all_", true }, { "*", ".hidden", true },
		{ "prod?", "prod1", true },	   { "prod?", "prod", false },
		{ "[ab]*", "bcd", true },	   { "[ab]*", "cde", false },
		{ "Shop", "shop", false },	   { "", "shop", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(word_list_release) struct word_list globs = { 0 };

		word_list_append(&globs, "no-such-name", strlen("no-such-name"));
		word_list_append(&globs, cases[i].glob, strlen(cases[i].glob));
		if (word_list_matches(&globs, cases[i].text) != cases[i].matches)
			CHECK_TEXT(cases[i].text, cases[i].glob);
	}
}

/* What a wrong default would cost is somebody's production. */
static void test_defaults_are_careful(void)
{
	CLEANUP(settings_release) struct settings settings;

	settings_init(&settings);
	CHECK_TEXT(settings.lock_dir, "/run/lock");
	CHECK_NUMBER(settings.trusted_owners.count, 0);
	CU_ASSERT_PTR_NULL(settings.lock_group);
	CHECK_NUMBER(word_list_contains(&settings.app_labels, "com.docker.stack.namespace"), true);
	CHECK_NUMBER(word_list_contains(&settings.app_labels, "com.docker.compose.project"), true);
	CHECK_NUMBER(word_list_contains(&settings.app_labels, "ci-janitor.app"), true);
	CHECK_NUMBER(settings.app_labels.count, 3);
	CHECK_TEXT(settings.protect_label, "ci-janitor.protect=true");
	CHECK_NUMBER(word_list_contains(&settings.volume_drivers, "local"), true);
	CHECK_NUMBER(settings.volume_drivers.count, 1);
	CHECK_NUMBER(settings.stack_name, STACK_NAME_APP);
	CHECK_NUMBER(settings.jobs, 8);
	CHECK_NUMBER(settings.connect_timeout_ms, 2000);
	CHECK_NUMBER(settings.read_timeout_ms, 10000);
	CHECK_NUMBER(settings.write_timeout_ms, 30000);
	CHECK_NUMBER(settings.kill_grace_ms, 30000);
	CU_ASSERT(settings.app_timeout_ms > settings.write_timeout_ms);
	CU_ASSERT(settings.teardown_timeout_ms > settings.write_timeout_ms);
}

static void test_stack_names(void)
{
	CLEANUP(settings_release) struct settings settings;
	char stack[APP_NAME_MAX + 1];

	settings_init(&settings);
	settings_stack_name(&settings, "shop.example.org", stack, sizeof(stack));
	CHECK_TEXT(stack, "shop.example.org");
	settings.stack_name = STACK_NAME_DOTS_TO_UNDERSCORES;
	settings_stack_name(&settings, "shop.example.org", stack, sizeof(stack));
	CHECK_TEXT(stack, "shop_example_org");
}

static const struct test tests[] = {
	{ "word lists", test_words },
	{ "globs", test_globs },
	{ "the defaults are careful", test_defaults_are_careful },
	{ "stack names", test_stack_names },
	{ NULL, NULL },
};
TEST_SUITE(settings, tests)
