#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "harness/harness.h"

static void test_set(void)
{
	struct error err = { 0 };

	CHECK_NUMBER(error_set(&err, ERROR_LOCK, "unable to %s %d", "count", 3), -1);
	CHECK_NUMBER(err.kind, ERROR_LOCK);
	CHECK_NUMBER(err.sys_errno, 0);
	CHECK_TEXT(err.message, "unable to count 3");
}

static void test_errno(void)
{
	static const struct {
		int errnum;
		enum error_kind kind;
		const char *message;
	} cases[] = {
		{ ENOENT, ERROR_LOCK, "unable to open x: No such file or directory" },
		{ EACCES, ERROR_PERMISSION, "unable to open x: Permission denied" },
		{ EPERM, ERROR_PERMISSION, "unable to open x: Operation not permitted" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };

		CHECK_NUMBER(error_set_errno(&err, ERROR_LOCK, cases[i].errnum, "unable to open %s",
					     "x"),
			     -1);
		CHECK_NUMBER(err.kind, cases[i].kind);
		CHECK_NUMBER(err.sys_errno, cases[i].errnum);
		CHECK_TEXT(err.message, cases[i].message);
	}
}

static void test_a_second_error_replaces(void)
{
	struct error err = { 0 };

	(void)error_set_errno(&err, ERROR_LOCK, ENOENT, "a long first message");
	(void)error_set(&err, ERROR_CONFIG, "short");
	CHECK_NUMBER(err.kind, ERROR_CONFIG);
	CHECK_NUMBER(err.sys_errno, 0);
	CHECK_TEXT(err.message, "short");
}

static void test_context(void)
{
	struct error err = { 0 };

	(void)error_set_errno(&err, ERROR_CONFIG, ENOENT, "unable to open x");
	CHECK_NUMBER(error_add_context(&err, "line %d", 7), -1);
	CHECK_TEXT(err.message, "line 7: unable to open x: No such file or directory");
	CHECK_NUMBER(err.kind, ERROR_CONFIG);
	CHECK_NUMBER(err.sys_errno, ENOENT);
}

/* A message that doesn't fit is cut, and stays a text. */
static void test_long_messages(void)
{
	struct error err = { 0 };
	char *is_long = calloc(1, 2000);

	CU_ASSERT_PTR_NOT_NULL_FATAL(is_long);
	memset(is_long, 'x', 1999);
	(void)error_set(&err, ERROR_LOCK, "%s", is_long);
	CHECK_NUMBER(strlen(err.message), sizeof(err.message) - 1);
	(void)error_set_errno(&err, ERROR_LOCK, ENOENT, "%s", is_long);
	CU_ASSERT(strlen(err.message) < sizeof(err.message));
	(void)error_set(&err, ERROR_LOCK, "%s", is_long);
	(void)error_add_context(&err, "where");
	CU_ASSERT(!strncmp(err.message, "where: xxx", 10));
	CU_ASSERT(strlen(err.message) < sizeof(err.message));
	(void)error_add_context(&err, "%s", is_long);
	CU_ASSERT(strlen(err.message) < sizeof(err.message));
	free(is_long);
}

static void test_nobody_asks(void)
{
	CHECK_NUMBER(error_set(NULL, ERROR_LOCK, "x"), -1);
	CHECK_NUMBER(error_set_errno(NULL, ERROR_LOCK, ENOENT, "x"), -1);
	CHECK_NUMBER(error_add_context(NULL, "x"), -1);
}

static void test_exit_statuses(void)
{
	static const struct {
		enum error_kind kind;
		int status;
	} cases[] = {
		{ ERROR_NONE, 0 },	   { ERROR_USAGE, 64 }, { ERROR_CONFIG, 78 },
		{ ERROR_PERMISSION, 77 },  { ERROR_LOCK, 73 },	{ ERROR_HELD, 75 },
		{ ERROR_UNREACHABLE, 69 }, { ERROR_ENGINE, 1 }, { ERROR_TIMEOUT, 1 },
		{ ERROR_BUG, 70 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		CHECK_NUMBER(error_exit_status(cases[i].kind), cases[i].status);
}

static const struct test tests[] = {
	{ "set", test_set },
	{ "with an errno", test_errno },
	{ "a second error replaces the first", test_a_second_error_replaces },
	{ "context goes before the message", test_context },
	{ "long messages are cut", test_long_messages },
	{ "a caller that wants only the -1", test_nobody_asks },
	{ "exit statuses", test_exit_statuses },
	{ NULL, NULL },
};
TEST_SUITE(error, tests)
