/* `ci-janitor run` meeting a lock that somebody holds. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "run_fixture.h"

#define BYTE_RUN 0
#define BYTE_JANITOR 1

static void start_holder(struct process *holder, const char *dir)
{
	process_start_with_pipe(
		holder, RUN "--holder alice shop -- sh -c 'echo ready; read x; exit 0'", dir);
	CU_ASSERT(wait_for_output(holder, "ready"));
}

static void end_holder(struct process *holder)
{
	close(holder->stdin_fd);
	holder->stdin_fd = -1;
	CHECK_NUMBER(process_wait(holder, SOON_MS, NULL), 0);
}

static void fail_and_skip(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process holder;

	start_holder(&holder, dir);
	CHECK_NUMBER(run_command(&result, RUN "--if-held=fail shop -- echo ran", dir), 75);
	CU_ASSERT(strstr(result.errors, "alice") != NULL);
	CHECK_TEXT(result.output, "");
	CHECK_NUMBER(run_command(&result, RUN "--if-held=fail -E 9 shop -- echo ran", dir), 9);
	CHECK_NUMBER(run_command(&result, RUN "--if-held=skip shop -- echo ran", dir), 0);
	CU_ASSERT(strstr(result.errors, "alice") != NULL);
	CHECK_TEXT(result.output, "");
	CHECK_NUMBER(run_command(&result, RUN "other-app -- echo ran", dir), 0);
	end_holder(&holder);
}

static void wait_is_bounded(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process holder;

	start_holder(&holder, dir);
	CHECK_NUMBER(run_command(&result, RUN "--wait 400ms shop -- echo ran", dir), 75);
	CU_ASSERT(result.took_ms >= 400);
	CHECK_TEXT(result.output, "");
	CHECK_NUMBER(run_command(&result, RUN "--wait 0 -E 7 shop -- echo ran", dir), 7);
	end_holder(&holder);
}

static void wait_names_the_holder_and_gets_the_lock(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process holder, waiter;
	char expected[64];

	start_holder(&holder, dir);
	snprintf(expected, sizeof(expected), "alice (pid %d, phase running, since ", holder.pid);
	process_start(&waiter, RUN "shop -- echo ran", dir);
	CU_ASSERT(wait_for_errors(&waiter, expected));
	CU_ASSERT(process_is_running(&waiter));
	end_holder(&holder);
	CHECK_NUMBER(process_wait(&waiter, SOON_MS, &result), 0);
	CHECK_TEXT(result.output, "ran\n");
	CHECK_NUMBER(count_of(result.errors, "waiting for"), 1);
}

static bool said_twice(void *waiter)
{
	char *errors = process_errors(waiter);
	bool result = count_of(errors, "waiting for") == 2;

	free(errors);
	return result;
}

/* A minute is over when this library's clock says so, and any signal makes the run look at it. */
static void it_says_so_every_minute(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process waiter;
	int fd = lockfile_hold(dir, "shop");

	lockfile_companion(fd, BYTE_RUN, F_WRLCK);
	CHECK_NUMBER(run_command(&result,
				 "cat >%s/clock.c <<'EOF'\n"
				 "#define _GNU_SOURCE\n"
				 "#include <sys/syscall.h>\n"
				 "#include <time.h>\n"
				 "#include <unistd.h>\n"
				 "int clock_gettime(clockid_t id, struct timespec *now)\n"
				 "{\n"
				 "	int result = (int)syscall(SYS_clock_gettime, id, now);\n"
				 "	if (!access(\"%s/later\", F_OK)) now->tv_sec += 61;\n"
				 "	return result;\n"
				 "}\n"
				 "EOF\n"
				 "cc -shared -fPIC -o %s/clock.so %s/clock.c",
				 dir, dir, dir, dir),
		     0);
	process_start(&waiter,
		      "export ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=%s/clock.so; " RUN
		      "shop -- true",
		      dir, dir);
	CU_ASSERT(wait_for_errors(&waiter, "waiting for"));
	kill(waiter.pid, SIGUSR1);
	usleep(100000);
	CHECK_NUMBER(run_command(&result, "touch %s/later", dir), 0);
	kill(waiter.pid, SIGUSR1);
	CU_ASSERT(wait_until(said_twice, &waiter, SOON_MS));
	kill(waiter.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&waiter, SOON_MS, &result), 143);
	CHECK_NUMBER(count_of(result.errors, "waiting for"), 2);
	close(fd);
}

/* The deadline counts from the command's start, not from the queue. */
static void the_queue_is_not_the_deadline(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process holder, waiter;

	start_holder(&holder, dir);
	process_start(&waiter, RUN "--deadline 4s shop -- echo ran", dir);
	CU_ASSERT(wait_for_errors(&waiter, "waiting for"));
	usleep(4200000);
	end_holder(&holder);
	CHECK_NUMBER(process_wait(&waiter, SOON_MS, &result), 0);
	CHECK_TEXT(result.output, "ran\n");
}

static void signals_end_the_wait(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	const char *dir = temp_dir();
	struct process waiter;
	int fd = lockfile_hold(dir, "shop");

	lockfile_companion(fd, BYTE_RUN, F_WRLCK);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		process_start(&waiter, RUN "shop -- echo ran", dir);
		CU_ASSERT(wait_for_errors(&waiter, "waiting for"));
		kill(waiter.pid, signals[i]);
		CHECK_NUMBER(process_wait(&waiter, SOON_MS, NULL), 128 + signals[i]);
	}
	close(fd);
	/* No helper that waited for the lock is left to keep it. */
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
}

static void an_unnamed_holder_is_busy_after_a_grace(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	int fd = lockfile_hold(dir, "shop");

	CHECK_NUMBER(run_command(&result, RUN "--if-held=fail shop -- echo ran", dir), 75);
	CU_ASSERT(result.took_ms >= 240);
	close(fd);
}

static void a_momentary_holder_is_not_busy(void)
{
	const char *dir = temp_dir();
	struct process process;
	int64_t begin;
	int status, fd;

	/* Again, if this test itself was held up for longer than the grace. */
	do {
		fd = lockfile_hold(dir, "shop");
		begin = now_ms();
		process_start(&process, RUN "--if-held=fail shop -- echo ran", dir);
		usleep(80000);
		close(fd);
		begin = now_ms() - begin;
		status = process_wait(&process, SOON_MS, NULL);
	} while (status == 75 && begin >= 240);
	CHECK_NUMBER(status, 0);
}

static void a_janitor_is_waited_for_in_every_mode(void)
{
	static const char *const modes[] = { "wait", "fail", "skip" };

	for (size_t i = 0; i < 3; i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = temp_dir();
		struct process process;
		int fd = lockfile_hold(dir, "shop");

		lockfile_companion(fd, BYTE_JANITOR, F_WRLCK);
		process_start(&process, RUN "--wait 100ms --if-held=%s shop -- echo ran", dir,
			      modes[i]);
		CU_ASSERT(wait_for_errors(&process, "janitor"));
		usleep(600000);
		CU_ASSERT(process_is_running(&process));
		close(fd);
		CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 0);
		CHECK_TEXT(result.output, "ran\n");
	}
}

/* A run that was quicker than we after the janitor is a run all the same. */
static void a_janitor_followed_by_a_run(void)
{
	const char *dir = temp_dir();
	struct process process;
	int fd = lockfile_hold(dir, "shop");

	lockfile_companion(fd, BYTE_JANITOR, F_WRLCK);
	process_start(&process, RUN "--if-held=fail shop -- echo ran", dir);
	CU_ASSERT(wait_for_errors(&process, "janitor"));
	lockfile_companion(fd, BYTE_RUN, F_WRLCK);
	lockfile_companion(fd, BYTE_JANITOR, F_UNLCK);
	CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 75);
	close(fd);
}

/* The holder removes its lockfile as it goes: whoever wakes up on it holds nothing. */
static void a_lockfile_that_was_removed(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process process;
	int fd = lockfile_hold(dir, "shop");

	lockfile_companion(fd, BYTE_RUN, F_WRLCK);
	process_start(&process, RUN "shop -- sh -c 'test -f \"$CI_APP_LOCK\" && echo ran'", dir);
	CU_ASSERT(wait_for_errors(&process, "waiting for"));
	unlink(lockfile_path(dir, "shop"));
	close(fd);
	CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 0);
	CHECK_TEXT(result.output, "ran\n");
}

static void hostile_record_is_escaped(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	int fd = lockfile_hold(dir, "shop");
	static const char text[] = "\033[31m\nholder = x\033]0;evil\a\n";

	CU_ASSERT(write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
	lockfile_companion(fd, BYTE_RUN, F_WRLCK);
	CHECK_NUMBER(run_command(&result, RUN "--if-held=fail shop -- true", dir), 75);
	CU_ASSERT(strchr(result.errors, '\033') == NULL);
	CU_ASSERT(strstr(result.errors, "unknown holder") != NULL);
	close(fd);
}

static void one_at_a_time(void)
{
	struct process processes[8];
	const char *dir = temp_dir();

	for (size_t i = 0; i < 8; i++)
		process_start(&processes[i],
			      RUN "shop -- sh -c 'mkdir %s/inside && sleep 0.03 && rmdir "
				  "%s/inside'",
			      dir, dir, dir);
	for (size_t i = 0; i < 8; i++)
		CHECK_NUMBER(process_wait(&processes[i], SOON_MS, NULL), 0);
}

static struct test tests[] = {
	{ "fail and skip name the holder", fail_and_skip },
	{ "--wait bounds the wait", wait_is_bounded },
	{ "wait names the holder, then gets the lock", wait_names_the_holder_and_gets_the_lock },
	{ "whom it waits for, every minute", it_says_so_every_minute },
	{ "the deadline doesn't count the queue", the_queue_is_not_the_deadline },
	{ "a signal ends the wait", signals_end_the_wait },
	{ "an unnamed holder is busy after a grace", an_unnamed_holder_is_busy_after_a_grace },
	{ "a momentary holder is not busy", a_momentary_holder_is_not_busy },
	{ "a janitor is waited for in every mode", a_janitor_is_waited_for_in_every_mode },
	{ "a janitor followed by a run is busy", a_janitor_followed_by_a_run },
	{ "a lockfile removed by its holder", a_lockfile_that_was_removed },
	{ "a hostile record is escaped", hostile_record_is_escaped },
	{ "one run at a time", one_at_a_time },
	{ NULL, NULL },
};
TEST_SUITE(run_wait, tests);
