/* Many who want one app, janitors in between, and a holder whose clocks nobody can trust. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "lock/app_lock.h"
#include "process_support.h"
#include "run_fixture.h"

#define WAITERS 20
#define JANITORS 3
#define PATIENCE_MS 120000
/* The sanitizer's library wants to be the first, which doesn't matter here. */
#define PRELOAD "ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=%s/clock.so"
#define OFFLINE "-H unix:///nonexistent/socket "

/* A janitor's probes as fast as they go: what a storm of sweeps does to the lock. */
static void __attribute__((noreturn)) probe_for_ever(const char *path)
{
	uid_t uids[] = { 0, geteuid() };
	const struct lock_trust trust = { .uids = uids, .uid_count = 2, .group = (gid_t)-1 };
	struct app_hash hash = app_hash_of("shop");
	struct error err = { .kind = ERROR_NONE };
	struct lock_dir dir;

	if (lock_dir_open(&dir, path, &trust, &err) < 0)
		_exit(1);
	for (;;) {
		struct app_lock lock = APP_LOCK_NONE;

		if (app_lock_probe(&dir, &hash, &lock, &err) == LOCK_FREE)
			app_lock_release(&lock);
	}
}

/* Each gets its turn, one at a time: the directory can be made by one only. */
static void twenty_waiters_in_a_storm(void)
{
	struct process waiters[WAITERS], sweeps;
	char *dir = strdup(temp_dir());
	pid_t janitors[JANITORS];
	int64_t begin = now_ms();
	struct command_result result = { 0 };
	int fd = lockfile_hold(dir, "shop");

	lockfile_companion(fd, 0, F_WRLCK);
	for (size_t i = 0; i < WAITERS; i++)
		process_start(&waiters[i],
			      RUN
			      "shop -- sh -c 'mkdir %s/inside && sleep 0.05 && rmdir %s/inside &&"
			      " echo turn >>%s/turns'",
			      dir, dir, dir, dir);
	for (size_t i = 0; i < WAITERS; i++)
		CU_ASSERT(wait_for_errors(&waiters[i], "waiting for"));
	for (size_t i = 0; i < JANITORS; i++) {
		janitors[i] = fork();
		if (janitors[i] == 0) {
			close(fd);
			probe_for_ever(dir);
		}
	}
	/* And whole sweeps, which find no engine and leave what they found. */
	process_start(&sweeps,
		      "while :; do " PROGRAM " --lock-dir %s -q " OFFLINE "sweep; done 2>/dev/null",
		      dir);
	close(fd);
	for (size_t i = 0; i < WAITERS; i++)
		CHECK_NUMBER(process_wait(&waiters[i], PATIENCE_MS, NULL), 0);
	process_kill(&sweeps);
	for (size_t i = 0; i < JANITORS; i++) {
		kill(janitors[i], SIGKILL);
		waitpid(janitors[i], NULL, 0);
	}
	CHECK_NUMBER(run_command(&result, "grep -c turn %s/turns", dir), 0);
	CHECK_TEXT(result.output, "20\n");
	printf("(%lld ms) ", (long long)(now_ms() - begin));
	command_result_release(&result);
	free(dir);
}

/* Everybody's word about the app, under that prefix. */
static void is_alive_for(const char *dir, const char *prefix)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(run_command(&result, "%s" PROGRAM " --lock-dir %s status shop", prefix, dir),
		     0);
	CHECK_NUMBER(strncmp(result.output, "held ", 5), 0);
	CHECK_NUMBER(
		run_command(&result, "%s" PROGRAM " --lock-dir %s " OFFLINE "sweep", prefix, dir),
		0);
	CU_ASSERT(strstr(result.output, "1 live, 0 reaped") != NULL);
	CHECK_NUMBER(run_command(&result, "%s" PROGRAM " --lock-dir %s " OFFLINE "reap shop",
				 prefix, dir),
		     75);
	CHECK_NUMBER(run_command(&result,
				 "%s" PROGRAM " --lock-dir %s run --if-held=fail shop -- true",
				 prefix, dir),
		     75);
}

/* A holder that doesn't move is alive, whatever the clocks of those who look at it say: the wall
 * clock by a preloaded library, the others by a time namespace. */
static void a_stopped_holder_lives(void)
{
	static const char *const clocks[] = {
		"",
		"WALL_SHIFT=-400000000 " PRELOAD " ",
		"WALL_SHIFT=400000000 " PRELOAD " ",
		"unshare --time --monotonic 90000000 --boottime 90000000 ",
		"unshare --time --boottime -1 ",
	};
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *dir = strdup(temp_dir());
	struct process holder;
	char prefix[1024];

	CHECK_NUMBER(run_command(&result,
				 "cat >%s/clock.c <<'EOF'\n"
				 "#define _GNU_SOURCE\n"
				 "#include <stdlib.h>\n"
				 "#include <sys/syscall.h>\n"
				 "#include <time.h>\n"
				 "#include <unistd.h>\n"
				 "int clock_gettime(clockid_t id, struct timespec *now)\n"
				 "{\n"
				 "	int result = (int)syscall(SYS_clock_gettime, id, now);\n"
				 "	if (id == CLOCK_REALTIME) now->tv_sec += "
				 "atol(getenv(\"WALL_SHIFT\"));\n"
				 "	return result;\n"
				 "}\n"
				 "time_t time(time_t *ret)\n"
				 "{\n"
				 "	struct timespec now;\n"
				 "	clock_gettime(CLOCK_REALTIME, &now);\n"
				 "	if (ret) *ret = now.tv_sec;\n"
				 "	return now.tv_sec;\n"
				 "}\n"
				 "EOF\n"
				 "cc -shared -fPIC -o %s/clock.so %s/clock.c",
				 dir, dir, dir),
		     0);
	process_start(&holder, RUN "shop -- sh -c 'echo ready; exec sleep 600'", dir);
	CU_ASSERT(wait_for_output(&holder, "ready"));
	kill(holder.pid, SIGSTOP);
	for (size_t i = 0; i < (geteuid() == 0 ? 5 : 3); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(prefix, sizeof(prefix), clocks[i], dir);
#pragma GCC diagnostic pop
		is_alive_for(dir, prefix);
	}
	/* The library does what it says. */
	CHECK_NUMBER(run_command(&result,
				 "WALL_SHIFT=400000000 " PRELOAD " " PROGRAM " --lock-dir %s list",
				 dir, dir),
		     0);
	CU_ASSERT(strstr(result.output, "4629d") != NULL);
	kill(holder.pid, SIGCONT);
	CU_ASSERT(process_is_running(&holder));
	kill(holder.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&holder, SOON_MS, NULL), 143);
	free(dir);
}

static struct test tests[] = {
	{ "20 waiters in a storm of janitors", twenty_waiters_in_a_storm },
	{ "a stopped holder lives, whatever the clocks", a_stopped_holder_lives },
	{ NULL, NULL },
};
TEST_SUITE(run_queue, tests);
