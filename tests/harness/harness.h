/*
 * CUnit with suites that register themselves. A test file ends with
 *
 *	static struct test tests[] = { { "what it shows", function }, { NULL, NULL } };
 *	TEST_SUITE(lock_protocol, tests);
 *
 * and needs no entry anywhere else. The program takes suite names as arguments to run only those.
 * With TEST_LIMIT=SECONDS in the environment a test that takes longer is named, and ends the
 *program.
 */
#ifndef HARNESS_HARNESS_H
#define HARNESS_HARNESS_H

#include <CUnit/CUnit.h>

struct test {
	const char *name;
	void (*function)(void);
};

/* set_up and tear_down may be NULL; both return 0 for success. */
void harness_register(const char *suite, const struct test *tests, int (*set_up)(void),
		      int (*tear_down)(void));

#define TEST_SUITE_WITH(name, tests, set_up, tear_down)                                            \
	__attribute__((constructor)) static void register_##name(void)                             \
	{                                                                                          \
		harness_register(#name, tests, set_up, tear_down);                                 \
	}
#define TEST_SUITE(name, tests) TEST_SUITE_WITH(name, tests, NULL, NULL)

/* What a failed test's output is to tell besides its last commands; on stdout. */
void harness_explain_with(void (*explain)(void));

/* Says in the failure list what was expected and what came. */
#define CHECK_TEXT(actual, expected) check_text(actual, expected, #actual, __FILE__, __LINE__)
#define CHECK_NUMBER(actual, expected)                                                             \
	check_number((long long)(actual), (long long)(expected), #actual, __FILE__, __LINE__)
void check_text(const char *actual, const char *expected, const char *what, const char *file,
		unsigned line);
void check_number(long long actual, long long expected, const char *what, const char *file,
		  unsigned line);

#endif
