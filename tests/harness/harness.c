#include "harness/harness.h"

#include "harness/limit.h"
#include "harness/transcript.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SUITES 64

struct suite {
	const char *name;
	const struct test *tests;
	int (*set_up)(void);
	int (*tear_down)(void);
};

static struct suite suites[MAX_SUITES];
static size_t suite_count;

void harness_register(const char *suite, const struct test *tests, int (*set_up)(void),
		      int (*tear_down)(void))
{
	if (suite_count == MAX_SUITES)
		abort();
	suites[suite_count++] = (struct suite){ suite, tests, set_up, tear_down };
}

void check_text(const char *actual, const char *expected, const char *what, const char *file,
		unsigned line)
{
	char message[2048];
	CU_BOOL same = actual && expected ? !strcmp(actual, expected) : actual == expected;

	snprintf(message, sizeof(message), "%s is \"%s\", expected \"%s\"", what,
		 actual ? actual : "(null)", expected ? expected : "(null)");
	CU_assertImplementation(same, line, message, file, "", CU_FALSE);
}

void check_number(long long actual, long long expected, const char *what, const char *file,
		  unsigned line)
{
	char message[512];

	snprintf(message, sizeof(message), "%s is %lld, expected %lld", what, actual, expected);
	CU_assertImplementation(actual == expected, line, message, file, "", CU_FALSE);
}

static int is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc < 2;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct suite *)a)->name, ((const struct suite *)b)->name);
}

/* nohup(1), a shell's "&" and Python hand down ignored signals, and ci-janitor passes on what it
 * got: the tests' commands start as from a login shell, whatever started the tests. */
static void forget_inherited_signals(void)
{
	struct sigaction now;
	sigset_t none;

	for (int i = 1; i <= SIGRTMAX; i++)
		if (!sigaction(i, NULL, &now) && now.sa_handler == SIG_IGN)
			(void)signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void (*explain)(void);
static unsigned failures_before;

void harness_explain_with(void (*function)(void))
{
	explain = function;
}

static void begin_test(void)
{
	failures_before = CU_get_number_of_failures();
	transcript_forget();
	limit_begin(CU_get_current_suite()->pName, CU_get_current_test()->pName);
}

static void end_test(void)
{
	long long took_ms = limit_end();

	if (CU_get_number_of_failures() == failures_before)
		return;
	printf("\n    failed after %lld ms\n", took_ms);
	transcript_show();
	if (explain)
		explain();
}

int main(int argc, char **argv)
{
	unsigned failures;

	forget_inherited_signals();
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return CU_get_error();
	qsort(suites, suite_count, sizeof(suites[0]), by_name);
	for (size_t i = 0; i < suite_count; i++) {
		CU_pSuite suite;

		if (!is_wanted(suites[i].name, argc, argv))
			continue;
		suite = CU_add_suite_with_setup_and_teardown(suites[i].name, suites[i].set_up,
							     suites[i].tear_down, begin_test,
							     end_test);
		for (const struct test *test = suites[i].tests; suite && test->name; test++)
			if (!CU_add_test(suite, test->name, test->function))
				return CU_get_error();
		if (!suite)
			return CU_get_error();
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
	if (CU_get_number_of_tests_run() == 0)
		failures++;
	CU_cleanup_registry();
	transcript_forget();
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
