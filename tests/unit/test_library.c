#include <jansson.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/library.h"
#include "harness/harness.h"

#define SONAME "libjansson.so.4"

static LIBRARY_FUNCTION(json_true);
static void (*sym_no_such_function)(void);

static void test_loads(void)
{
	static const struct library_symbol symbols[] = { LIBRARY_SYMBOL(json_true) };
	struct error err = { 0 };

	sym_json_true = NULL;
	CHECK_NUMBER(library_load(SONAME, symbols, ARRAY_SIZE(symbols), &err), 0);
	CHECK_TEXT(err.message, "");
	CU_ASSERT_PTR_NOT_NULL_FATAL((void *)sym_json_true);
	CU_ASSERT(json_is_true(sym_json_true()));
}

static void test_missing_library(void)
{
	struct error err = { 0 };

	CHECK_NUMBER(library_load("libno-such-library.so.0", NULL, 0, &err), -1);
	CHECK_NUMBER(err.kind, ERROR_SYSTEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "libno-such-library.so.0"));
}

static void test_missing_function(void)
{
	static const struct library_symbol symbols[] = {
		LIBRARY_SYMBOL(json_true),
		LIBRARY_SYMBOL(no_such_function),
	};
	struct error err = { 0 };

	CHECK_NUMBER(library_load(SONAME, symbols, ARRAY_SIZE(symbols), &err), -1);
	CHECK_NUMBER(err.kind, ERROR_SYSTEM);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, SONAME));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "no_such_function"));
	CU_ASSERT_PTR_NULL((void *)sym_no_such_function);
}

static const struct test tests[] = {
	{ "a function of a library", test_loads },
	{ "no such library is named", test_missing_library },
	{ "no such function is named", test_missing_function },
	{ NULL, NULL },
};
TEST_SUITE(library, tests)
