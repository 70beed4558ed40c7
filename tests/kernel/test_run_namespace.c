/* `run --pid-namespace` and `run --hold-lock`. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/refuse.h"
#include "run_fixture.h"

/* An ordinary user gets no new /proc where the one that is there is covered in part, as a
 * container's. */
#define AS_NOBODY                                                                                  \
	"exec unshare --mount sh -c 'mount -t proc proc /proc && exec \"$@\"' sh setpriv --reuid " \
	"65534 --regid 65534 --clear-groups "
#define IN_NAMESPACE "%s --lock-dir %s run --no-fresh --no-teardown --pid-namespace "

static const char *const users[] = { "exec ", AS_NOBODY };

static size_t user_count(void)
{
	return geteuid() == 0 ? 2 : 1;
}

static void statuses(void)
{
	static const struct {
		const char *command;
		int status;
	} rows[] = {
		{ "true", 0 },
		{ "sh -c 'exit 7'", 7 },
		{ "sh -c 'exit 255'", 255 },
		{ "sh -c 'kill -KILL $$'", 137 },
		{ "sh -c 'kill -SEGV $$'", 139 },
		{ "/nonexistent", 127 },
		{ "/etc/passwd", 126 },
	};

	for (size_t i = 0; i < user_count() * 7; i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };

		CHECK_NUMBER(run_command(&result, "%s" IN_NAMESPACE "shop -- %s", users[i / 7],
					 program_for_all(), open_dir(), rows[i % 7].command),
			     rows[i % 7].status);
	}
}

/* CMD is itself, in a /proc of its own, with nobody else in it. */
static void what_is_seen_inside(void)
{
	for (size_t i = 0; i < user_count(); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		char expected[64];

		snprintf(expected, sizeof(expected), "%d %d 2\n1\n2\n", i ? 65534 : (int)geteuid(),
			 i ? 65534 : (int)getegid());
		CHECK_NUMBER(
			run_command(&result,
				    "%s" IN_NAMESPACE "shop -- sh -c 'echo $(id -u) $(id -g) $$;"
				    " cd /proc; for p in [0-9]*; do test -d $p && echo $p; done'",
				    users[i], program_for_all(), open_dir()),
			0);
		CHECK_TEXT(result.output, expected);
	}
}

/* A stop reaches every process once, any other signal only CMD. */
static void signals(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = open_dir();
	struct process process;

	CHECK_NUMBER(run_command(&result,
				 "cat >%s/script <<'EOF'\n"
				 "#!/bin/sh\n"
				 "trap 'echo got; sleep 0.1; exit' TERM\n"
				 "trap 'echo usr' USR1\n"
				 "case $1 in '') setsid $0 2 & env -i setsid $0 3 & esac\n"
				 "echo ready\n"
				 "while :; do sleep 0.02; done\n"
				 "EOF\n"
				 "chmod 755 %s/script",
				 dir, dir),
		     0);
	process_start(&process, "exec " IN_NAMESPACE "shop -- %s/script", PROGRAM, dir, dir);
	CU_ASSERT(wait_for_output(&process, "ready\nready\nready"));
	kill(process.pid, SIGUSR1);
	CU_ASSERT(wait_for_output(&process, "usr"));
	kill(process.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 143);
	CHECK_NUMBER(count_of(result.output, "usr"), 1);
	CU_ASSERT(count_of(result.output, "got") >= 1 && count_of(result.output, "got") <= 3);
}

/* Daemons with neither marker nor session nor descriptors: the kernel ends them with the init. */
static void sigkill_ends_them_all(void)
{
	for (size_t i = 0; i < user_count(); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = open_dir();
		struct process process;
		char name[64];

		snprintf(name, sizeof(name), "6%d%zu", (int)getpid(), i);
		process_start(&process,
			      "%s" IN_NAMESPACE
			      "shop -- sh -c 'env -i setsid sh -c \"sleep %s >&- 2>&- <&- & "
			      "sleep %s >&- 2>&- <&- &\" & echo ready; wait; sleep %s'",
			      users[i], program_for_all(), dir, name, name, name);
		CU_ASSERT(wait_for_output(&process, "ready"));
		CHECK_NUMBER(run_command(&result,
					 "for i in $(seq 200); do test $(pgrep -cfx 'sleep %s') = 3"
					 " && exit 0; sleep 0.05; done; exit 1",
					 name),
			     0);
		kill(process.pid, SIGKILL);
		CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 137);
		CHECK_NUMBER(
			run_command(
				&result,
				"for i in $(seq 200); do pgrep -fx 'sleep %s' >/dev/null || exit 0;"
				" sleep 0.05; done; exit 1",
				name),
			0);
		CU_ASSERT(lockfile_is_free(dir, "shop"));
		lockfile_drop_cgroup(dir, "shop");
	}
}

/* The init waits for whoever ends up with it. */
static void orphans_are_waited_for(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(
		run_command(
			&result,
			"exec " IN_NAMESPACE
			"shop -- sh -c 'for i in 1 2 3 4 5 6 7 8 9; do (true & true) & done; wait;"
			" for i in $(seq 200); do grep -ls \"^State:.Z\" /proc/[0-9]*/status"
			" >/dev/null || exit 0; sleep 0.05; done; echo zombies'",
			PROGRAM, open_dir()),
		0);
	CHECK_TEXT(result.output, "");
}

/* As a container's filter does. CMD doesn't start without what was asked for. */
static void where_it_is_not_allowed(void)
{
	static const struct refused_call calls[] = {
		{ .call = SYS_clone3, .errnum = ENOSYS },
		{ .call = SYS_clone, .errnum = EPERM, REFUSE_BITS(CLONE_NEWPID) },
	};
	CLEANUP_COMMAND struct command_result result = { 0 };

	commands_refuse(calls, 2);
	CHECK_NUMBER(
		run_command(&result, "exec " IN_NAMESPACE "shop -- echo ran", PROGRAM, open_dir()),
		77);
	commands_refuse(NULL, 0);
	CHECK_TEXT(result.output, "");
	CU_ASSERT(strstr(result.errors, "PID namespace") != NULL);
}

/* The lock lives as long as any process that has it. */
static void hold_lock(void)
{
	const char *dir = open_dir();
	struct process process;
	char *output;
	pid_t daemon;

	process_start(&process,
		      RUN "--hold-lock shop -- sh -c 'env -i setsid sleep 600 & echo pid $!.; echo "
			  "ready; wait'",
		      dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	output = process_output(&process);
	daemon = (pid_t)number_after(output, "pid ");
	free(output);
	CU_ASSERT_FATAL(daemon > 0);
	kill(process.pid, SIGKILL);
	CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 137);
	CU_ASSERT(!lockfile_is_free(dir, "shop"));
	kill(daemon, SIGKILL);
	CU_ASSERT(wait_for_end(daemon));
	/* CMD had it, too, and its own SIGKILL may take a moment. */
	for (int i = 0; i < 500 && !lockfile_is_free(dir, "shop"); i++)
		usleep(20000);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	lockfile_drop_cgroup(dir, "shop");
}

/* Without it the same daemon holds nothing. */
static void without_hold_lock(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = open_dir();

	CHECK_NUMBER(run_command(&result, RUN "shop -- sh -c 'ls -l /proc/self/fd | grep -c lock$'",
				 dir),
		     1);
	CHECK_NUMBER(run_command(&result,
				 RUN
				 "--hold-lock shop -- sh -c 'ls -l /proc/self/fd | grep -c lock$'",
				 dir),
		     0);
	CHECK_NUMBER(run_command(&result,
				 RUN "--hold-lock --pid-namespace shop -- sh -c"
				     " 'ls -l /proc/1/fd | grep -c lock$'",
				 dir),
		     1);
}

static struct test tests[] = {
	{ "exit statuses from a PID namespace", statuses },
	{ "CMD is who it was, alone with its init", what_is_seen_inside },
	{ "a stop for all, other signals for CMD", signals },
	{ "SIGKILL of the supervisor ends every daemon", sigkill_ends_them_all },
	{ "the init waits for orphans", orphans_are_waited_for },
	{ "refused where the kernel refuses", where_it_is_not_allowed },
	{ "--hold-lock: held while any process lives", hold_lock },
	{ "who has the lock's descriptor", without_hold_lock },
	{ NULL, NULL },
};
TEST_SUITE(run_namespace, tests);
