/* How soon a dead holder is seen, and that looks and probes disturb nobody. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "app_lock_fixture.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "lock/deleted_lock.h"
#include "own_disk.h"
#include "process_support.h"
#include "run_fixture.h"

#define DEATHS 100
#define RUN_DEATHS 15
/* A probe that polled or slept would take longer; one that waits for a busy processor does not. */
#define SEEN_WITHIN_US 200000
#define STAMPEDE_MS 5000
#define STAMPEDE_ROUNDS 10 /* at least, on however busy a machine */

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int by_value(const void *a, const void *b)
{
	const int64_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Kills the holder; how long until a probe gets its lock. */
static int64_t time_of_death(struct lock_fixture *fixture, pid_t holder)
{
	struct app_lock lock = APP_LOCK_NONE;
	int64_t began = now_us(), end = began + (int64_t)SOON_MS * 1000;
	int result;

	CHECK_NUMBER(kill(holder, SIGKILL), 0);
	do
		result = app_lock_probe(&fixture->dir, &fixture->hash, &lock, NULL);
	while (result == LOCK_HELD && now_us() < end);
	CHECK_NUMBER(result, LOCK_FREE);
	app_lock_release(&lock);
	return now_us() - began;
}

static void check_times(int64_t *times, size_t count)
{
	qsort(times, count, sizeof(times[0]), by_value);
	printf("\n\tSIGKILL to the next probe's lock, %zu times: median %lld us, worst %lld us ",
	       count, (long long)times[count / 2], (long long)times[count - 1]);
	CU_ASSERT(times[count / 2] < SEEN_WITHIN_US);
}

static void a_dead_holder_is_seen(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	int64_t times[DEATHS];

	for (size_t i = 0; i < DEATHS; i++) {
		pid_t holder = fixture_start_holder(&fixture, LOCK_ROLE_RUN);

		times[i] = time_of_death(&fixture, holder);
		CHECK_NUMBER(waitpid(holder, NULL, 0), holder);
	}
	check_times(times, DEATHS);
	fixture_close(&fixture);
}

static void a_dead_run_is_seen(void)
{
	struct lock_fixture fixture = fixture_open("shop");
	int64_t times[RUN_DEATHS];

	for (size_t i = 0; i < RUN_DEATHS; i++) {
		struct process run;

		process_start(&run, RUN "shop -- sh -c 'echo ready; exec sleep 60'",
			      fixture.dir.path);
		CU_ASSERT(wait_for_output(&run, "ready"));
		times[i] = time_of_death(&fixture, run.pid);
		process_kill(&run);
		lockfile_drop_cgroup(fixture.dir.path, "shop");
	}
	check_times(times, RUN_DEATHS);
	fixture_close(&fixture);
}

/* A lockfile is born, forgotten, born again with the same inode's number, as fast as it goes. */
static pid_t start_births(struct lock_fixture *fixture)
{
	struct app_lock lock;
	bool created;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		EXPECT(app_lock_try(&fixture->dir, &fixture->hash, LOCK_ROLE_RUN, &fixture->record,
				    &lock, &created, NULL) == LOCK_FREE);
		EXPECT(app_lock_forget(&fixture->dir, &lock, NULL) == LOCK_FREE);
	}
}

static bool goes_on(int64_t began, size_t rounds)
{
	int64_t took = now_ms() - began;

	return took < STAMPEDE_MS || (rounds < STAMPEDE_ROUNDS && took < COMMAND_TIMEOUT_MS);
}

/* Beside other tests on the same file system: an app that nobody else has. */
static void births_are_no_deleted_holders(void)
{
	struct lock_fixture shop = fixture_open(strrchr(temp_dir(), '.') + 1);
	struct lock_fixture others[2] = { fixture_open_in("a", &shop),
					  fixture_open_in("b", &shop) };
	int64_t began = now_ms();
	pid_t births[2];
	size_t searches = 0;

	for (size_t i = 0; i < 2; i++)
		births[i] = start_births(&others[i]);
	while (goes_on(began, searches)) {
		struct error err = { 0 };
		pid_t pid = 0;

		CHECK_NUMBER(lock_find_deleted_holder(&shop.dir, &shop.hash, NULL, &pid, &err), 0);
		CHECK_TEXT(err.message, "");
		searches++;
	}
	CU_ASSERT(searches >= STAMPEDE_ROUNDS);
	for (size_t i = 0; i < 2; i++) {
		fixture_stop_holder(births[i]);
		fixture_close(&others[i]);
	}
	fixture_close(&shop);
}

#define LOOKS                                                                                      \
	"cd %s; while :; do for look in list 'status shop' doctor; do "                            \
	"$PROGRAM --lock-dir . --host unix:///none $look; done; done >/dev/null 2>&1"

static void start_looks(struct process *looks, size_t count, const char *dir)
{
	setenv("PROGRAM", PROGRAM, 1);
	for (size_t i = 0; i < count; i++)
		process_start(&looks[i], LOOKS, dir);
}

/* When a process got no processor for so long, a sweep may have been held up at the wrong moment
 * for longer than a run's patience. */
#define HELD_UP_MS 100
#define STATUS_HELD 75

struct watch {
	pid_t pid;
	_Atomic int64_t *held_up; /* when that was, for the last time */
};

static void watch_machine(struct watch *ret)
{
	ret->held_up = mmap(NULL, sizeof(*ret->held_up), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CU_ASSERT_FATAL(ret->held_up != MAP_FAILED);
	ret->pid = fork();
	if (ret->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int64_t before = now_ms(), now;; before = now) {
		usleep(5000);
		now = now_ms();
		if (now - before >= HELD_UP_MS)
			*ret->held_up = now;
	}
}

static void end_watch(struct watch *watch)
{
	fixture_stop_holder(watch->pid);
	munmap((void *)(uintptr_t)watch->held_up, sizeof(*watch->held_up));
}

/* One run after the other: whenever one starts, the lock is free. The engine can't be reached, so
 * that the dead run's lockfile stays. */
static void looks_and_probes_hold_nothing(void)
{
	const char *dir = temp_dir();
	int64_t began = now_ms();
	struct process looks[2], sweeps;
	struct watch watch;
	size_t runs = 0;

	start_looks(looks, 2, dir);
	process_start(&sweeps,
		      "while :; do " PROGRAM " --lock-dir %s --host unix://%s/none sweep; done "
		      ">/dev/null 2>&1",
		      dir, dir);
	watch_machine(&watch);
	while (goes_on(began, runs)) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		int64_t started = now_ms();

		run_command(&result, RUN "--if-held=fail shop -- true", dir);
		if (result.status == STATUS_HELD && *watch.held_up >= started)
			continue;
		CHECK_NUMBER(result.status, 0);
		runs++;
	}
	end_watch(&watch);
	CU_ASSERT(runs >= STAMPEDE_ROUNDS);
	process_kill(&looks[0]);
	process_kill(&looks[1]);
	process_kill(&sweeps);
}

/* A doctor has a lock of its own for a moment, of an app that is none. */
static void sweeps_count_no_look_as_alive(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct app_hash shop = app_hash_of("shop");
	char dead[128];
	const char *dir = temp_dir();
	int64_t began = now_ms();
	struct process looks[3];
	size_t sweeps = 0;

	snprintf(dead, sizeof(dead), "\"app\":\"shop\",\"hash\":\"%s\",\"outcome\":\"left\"",
		 shop.hex);
	CHECK_NUMBER(run_command(&result, RUN_WITH_ENGINE("none") "shop -- true", dir, dir), 0);
	start_looks(looks, 3, dir);
	while (goes_on(began, sweeps)) {
		run_command(&result, PROGRAM " --json --lock-dir %s --host unix://%s/none sweep",
			    dir, dir);
		CHECK_NUMBER(result.status, 69);
		CU_ASSERT(strstr(result.output, dead) != NULL);
		sweeps++;
	}
	CU_ASSERT(sweeps >= STAMPEDE_ROUNDS);
	for (size_t i = 0; i < 3; i++)
		process_kill(&looks[i]);
}

static const struct test tests[] = {
	{ "a dead holder is seen by the next probe", a_dead_holder_is_seen },
	{ "a dead run is seen by the next probe", a_dead_run_is_seen },
	{ "lockfiles that are born are no deleted holders", births_are_no_deleted_holders },
	{ "no run is told of a held lock by looks and probes", looks_and_probes_hold_nothing },
	{ "no sweep counts a look as alive", sweeps_count_no_look_as_alive },
	{ NULL, NULL },
};
TEST_SUITE_WITH(looks, tests, own_disk_mount, own_disk_unmount)
