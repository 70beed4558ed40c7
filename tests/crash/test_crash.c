/*
 * Every system call of sweep, reap and run as the place where the process dies, and where the call
 * fails: CRASH=all for all of them, else a sample that has every system call of every process at
 * its first, middle and last place. tests/crash/README.md says more.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "syscalls.h"
#include "workers.h"

#define CALLS_MAX 20000
#define POINTS_MAX 120000
#define SHOWN_MAX 40
#define LIMIT_MS 60000

static const int errnums[] = { EIO, ENOSPC, EMFILE, EINTR, EACCES };
#define ERRNUMS (sizeof(errnums) / sizeof(errnums[0]))

struct plan {
	enum scenario scenario;
	struct trace_call *calls;
	size_t call_count;
	struct point *points;
	size_t count;
	size_t possible;
};

static bool wants_all(void)
{
	const char *how = getenv("CRASH");

	return how && !strcmp(how, "all");
}

static void add(struct plan *plan, const struct trace_call *call, enum trace_what what, int errnum)
{
	struct point *point = &plan->points[plan->count];

	if (plan->count == POINTS_MAX)
		abort();
	plan->count++;
	memset(point, 0, sizeof(*point));
	point->scenario = plan->scenario;
	point->syscall = call->syscall;
	point->fault = (struct trace_fault){ what, call->process, call->number, errnum };
}

static bool is_same(const struct trace_call *a, const struct trace_call *b)
{
	return a->process == b->process && a->syscall == b->syscall;
}

/* Is the call the first, the middle or the last of its kind? Returns the bits 1, 2 and 4. */
static int position(const struct plan *plan, size_t index)
{
	size_t before = 0, all = 0;

	for (size_t i = 0; i < plan->call_count; i++)
		if (is_same(&plan->calls[i], &plan->calls[index])) {
			before += i < index;
			all++;
		}
	return (before == 0) | (before == all / 2) << 1 | (before == all - 1) << 2;
}

/* With a late engine, what counts is where the process dies between its removals. */
static bool is_sampled_late(const struct trace_call *call)
{
	return call->syscall == SYS_sendto || (call->syscall == SYS_poll && call->number % 4 == 0);
}

static void add_call(struct plan *plan, size_t index)
{
	const struct trace_call *call = &plan->calls[index];
	bool memory = syscall_is_of_memory(call->syscall);
	bool late = scenarios[plan->scenario].late;
	bool brief = scenarios[plan->scenario].brief && !wants_all();
	bool kill_only = late || brief || syscall_can_not_fail(call->syscall);
	int at = position(plan, index);

	/* The command and the teardown over a dead one are as in any run. */
	if (!wants_all() && plan->scenario == SCENARIO_RUN_FRESH && call->process > 1)
		at = 0;
	if (brief)
		at &= 1 | 4;

	/* What a call for memory fails with makes no difference: one errno each, in turns. */
	plan->possible += kill_only ? 1 : 1 + (memory ? 1 : ERRNUMS);
	if (wants_all() || (late ? is_sampled_late(call) : at))
		add(plan, call, TRACE_KILL, 0);
	if (kill_only)
		return;
	for (size_t i = 0; i < ERRNUMS; i++) {
		bool turn = index % ERRNUMS == i;

		if (wants_all() ? !memory || turn : (at & 1 && !memory) || (at && turn))
			add(plan, call, TRACE_FAIL, errnums[i]);
	}
}

static void plan_init(struct plan *plan, enum scenario scenario)
{
	*plan = (struct plan){ .scenario = scenario };
	plan->calls = workers_alloc(CALLS_MAX * sizeof(*plan->calls));
	plan->points = workers_alloc(POINTS_MAX * sizeof(*plan->points));
	plan->call_count = workers_count_calls(scenario, plan->calls, CALLS_MAX);
	CU_ASSERT(plan->call_count > 300);
	for (size_t i = 0; i < plan->call_count; i++)
		add_call(plan, i);
}

static void plan_release(struct plan *plan)
{
	munmap(plan->calls, CALLS_MAX * sizeof(*plan->calls));
	munmap(plan->points, POINTS_MAX * sizeof(*plan->points));
}

static void describe(const struct point *point, char *text, size_t size)
{
	const struct trace_fault *fault = &point->fault;
	const char *name = syscall_name(point->syscall);

	if (fault->what == TRACE_KILL)
		snprintf(text, size, "%s, process %d killed at call %d (%s): %s",
			 scenarios[point->scenario].name, fault->process, fault->number, name,
			 point->problems);
	else
		snprintf(text, size, "%s, process %d, call %d (%s) fails with %s: %s",
			 scenarios[point->scenario].name, fault->process, fault->number, name,
			 strerrorname_np(fault->errnum), point->problems);
}

static size_t report(const struct plan *plan, int64_t took_ms)
{
	size_t wrong = 0, hit = 0, statuses[256] = { 0 };
	char text[1200];

	for (size_t i = 0; i < plan->count; i++) {
		const struct point *point = &plan->points[i];

		hit += point->hit;
		if (point->fault.what == TRACE_FAIL && WIFEXITED(point->status))
			statuses[WEXITSTATUS(point->status)]++;
		if (!*point->problems)
			continue;
		describe(point, text, sizeof(text));
		if (++wrong <= SHOWN_MAX)
			fprintf(stderr, "\n%s\n", text);
	}
	printf("\n    %s: %zu system calls; %zu of %zu points tried, %zu came; %zu wrong; %.0f s;"
	       " with a failed call, status",
	       scenarios[plan->scenario].name, plan->call_count, plan->count, plan->possible, hit,
	       wrong, (double)took_ms / 1000);
	for (size_t i = 0; i < 256; i++)
		if (statuses[i])
			printf(" %zu: %zu", i, statuses[i]);
	printf("\n");
	/* Polling loops make some rounds shorter than the one that was counted. */
	CU_ASSERT(hit * 2 > plan->count);
	return wrong;
}

static void all_holds(enum scenario scenario)
{
	int64_t began = now_ms();
	struct plan plan;

	plan_init(&plan, scenario);
	CU_ASSERT_TRUE(workers_play(plan.points, plan.count, BUILD_DIR "/ci-janitor"));
	CHECK_NUMBER(report(&plan, now_ms() - began), 0);
	plan_release(&plan);
}

static void test_sweep(void)
{
	all_holds(SCENARIO_SWEEP);
}

static void test_reap(void)
{
	all_holds(SCENARIO_REAP);
}

static void test_run(void)
{
	all_holds(SCENARIO_RUN);
}

static void test_run_fresh(void)
{
	all_holds(SCENARIO_RUN_FRESH);
}

static void test_namespace(void)
{
	all_holds(SCENARIO_NAMESPACE);
}

static void test_hooks(void)
{
	all_holds(SCENARIO_HOOKS);
}

static void test_orphans(void)
{
	all_holds(SCENARIO_ORPHANS);
}

static void test_lease(void)
{
	all_holds(SCENARIO_LEASE);
}

static void test_lease_run(void)
{
	all_holds(SCENARIO_LEASE_RUN);
}

static void test_late_sweep(void)
{
	all_holds(SCENARIO_LATE_SWEEP);
}

static void test_late_fresh(void)
{
	all_holds(SCENARIO_LATE_FRESH);
}

/* A round may come to its end at the number that another call was counted at. glibc 2.41 ends a
 * process whose exit_group is refused by a signal. */
static void test_exit_is_not_refused(void)
{
	char program[] = BUILD_DIR "/ci-janitor", option[] = "--version";
	char *argv[] = { program, option, NULL };
	struct trace_fault fault = { .what = TRACE_NOTHING };
	struct trace_calls calls = { 0 };
	struct trace_result result;

	trace_run(argv, &fault, LIMIT_MS, &result, &calls);
	trace_result_release(&result);
	CU_ASSERT_FATAL(calls.count > 0);
	CHECK_NUMBER(calls.items[calls.count - 1].syscall, SYS_exit_group);
	fault = (struct trace_fault){ TRACE_FAIL, 0, calls.items[calls.count - 1].number, EIO };
	trace_run(argv, &fault, LIMIT_MS, &result, NULL);
	CU_ASSERT_FALSE(result.hit);
	CHECK_NUMBER(result.status, 0);
	trace_result_release(&result);
	free(calls.items);
}

static struct test sweep_tests[] = {
	{ "sweep", test_sweep },
	{ "its exit is never refused", test_exit_is_not_refused },
	{ NULL, NULL },
};
TEST_SUITE(crash_sweep, sweep_tests);
static struct test reap_tests[] = { { "reap", test_reap }, { NULL, NULL } };
TEST_SUITE(crash_reap, reap_tests);
static struct test run_tests[] = { { "run", test_run }, { NULL, NULL } };
TEST_SUITE(crash_run, run_tests);
static struct test fresh_tests[] = { { "run over a dead one", test_run_fresh }, { NULL, NULL } };
TEST_SUITE(crash_run_fresh, fresh_tests);
static struct test more_tests[] = {
	{ "run in a PID namespace", test_namespace },
	{ "sweep with hooks", test_hooks },
	{ "sweep of orphans", test_orphans },
	{ NULL, NULL },
};
TEST_SUITE(crash_more, more_tests);
static struct test lease_tests[] = {
	{ "sweep that takes a lease over", test_lease },
	{ "run over a dead one's lease", test_lease_run },
	{ NULL, NULL },
};
TEST_SUITE(crash_leases, lease_tests);

/* A bridge network appears 100 to 220 ms after whoever asked for it has died (Docker 20.10). */
static void test_late_creations(void)
{
	static const int signals[] = { SIGTERM, SIGKILL };
	struct point *points = workers_alloc(10 * sizeof(*points));

	for (size_t i = 0; i < 10; i++)
		points[i].cut_off = signals[i % 2];
	CU_ASSERT_TRUE(workers_play(points, 10, BUILD_DIR "/ci-janitor"));
	for (size_t i = 0; i < 10; i++)
		CHECK_TEXT(points[i].problems, "");
	munmap(points, 10 * sizeof(*points));
}

static struct test late_tests[] = {
	{ "what a job that is killed has asked for", test_late_creations },
	{ "sweep, and a volume made again", test_late_sweep },
	{ "fresh start, and a volume made again", test_late_fresh },
	{ NULL, NULL },
};
TEST_SUITE(crash_late, late_tests);

/* With the mistake in it, the scenario's points must show at least one problem that says so. */
static void is_found(const char *mistake, enum scenario scenario, enum trace_what what, int syscall,
		     const char *says)
{
	struct plan plan;
	size_t found = 0;

	plan_init(&plan, scenario);
	plan.count = 0;
	for (size_t i = 0; i < plan.call_count; i++)
		if (syscall < 0 ? i % 10 == 0 : plan.calls[i].syscall == syscall)
			add(&plan, &plan.calls[i], what, EIO);
	CU_ASSERT(setenv("CRASH_BREAK", mistake, 1) == 0);
	CU_ASSERT_TRUE(workers_play(plan.points, plan.count, BUILD_DIR "/ci-janitor-crashing"));
	CU_ASSERT(unsetenv("CRASH_BREAK") == 0);
	for (size_t i = 0; i < plan.count; i++)
		found += strstr(plan.points[i].problems, says) != NULL;
	printf("\n    %s: found at %zu of %zu points\n", mistake, found, plan.count);
	CU_ASSERT(found > 0);
	plan_release(&plan);
}

static void test_forgets_early(void)
{
	is_found("forgets-early", SCENARIO_SWEEP, TRACE_KILL, -1, "forgotten: ");
}

static void test_blind(void)
{
	is_found("blind", SCENARIO_SWEEP, TRACE_FAIL, SYS_pread64, "forgotten: ");
}

/* A killed job's teardown that doesn't wait for what the job had asked for. */
static void test_does_not_settle(void)
{
	enum { ROUNDS = 8, BATCHES = 8 };
	struct point *points = workers_alloc(ROUNDS * sizeof(*points));
	size_t found = 0;
	int batch = 0;

	CU_ASSERT(setenv("CRASH_BREAK", "no-settling", 1) == 0);
	/* On a busy machine a teardown may come later than what it doesn't wait for. */
	for (; batch < BATCHES && found == 0; batch++) {
		memset(points, 0, ROUNDS * sizeof(*points));
		for (size_t i = 0; i < ROUNDS; i++)
			points[i].cut_off = SIGTERM;
		CU_ASSERT_TRUE(workers_play(points, ROUNDS, BUILD_DIR "/ci-janitor-crashing"));
		for (size_t i = 0; i < ROUNDS; i++)
			found += strstr(points[i].problems, "forgotten: ") != NULL;
	}
	CU_ASSERT(unsetenv("CRASH_BREAK") == 0);
	printf("\n    no-settling: found in %zu of %d rounds\n", found, batch * ROUNDS);
	CU_ASSERT(found > 0);
	munmap(points, ROUNDS * sizeof(*points));
}

static void test_no_mistake(void)
{
	struct plan plan;

	plan_init(&plan, SCENARIO_SWEEP);
	CU_ASSERT_TRUE(workers_play(plan.points, 60, BUILD_DIR "/ci-janitor-crashing"));
	for (size_t i = 0; i < 60; i++)
		CHECK_TEXT(plan.points[i].problems, "");
	plan_release(&plan);
}

static struct test broken_tests[] = {
	{ "a lockfile that goes before what it stands for", test_forgets_early },
	{ "a record that can not be read taken for an empty one", test_blind },
	{ "a teardown that doesn't settle", test_does_not_settle },
	{ "the same program without a mistake", test_no_mistake },
	{ NULL, NULL },
};
TEST_SUITE(crash_broken, broken_tests);
