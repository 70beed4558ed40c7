/* `ci-janitor release`: who may, whom it hits, and what it says came of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/refuse.h"
#include "hold_fixture.h"

static void a_hold_is_released(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct record record;

	CHECK_NUMBER(run_command(&result, "%s/release shop", script), 0);
	CHECK_TEXT(result.output, "shop: nothing holds it\n");
	hold_start(dir, "shop", "--holder alice", &record);
	CHECK_NUMBER(run_command(&result, "%s/release shop", script), 77);
	CU_ASSERT(strstr(result.errors, "held by alice") != NULL);
	CHECK_NUMBER(run_command(&result, "%s/release --holder bob shop", script), 77);
	CHECK_NUMBER(run_command(&result, "%s/release --holder alic shop", script), 77);
	CU_ASSERT(hold_is_running(dir, "shop"));
	CHECK_NUMBER(run_command(&result, "%s/release --holder alice shop", script), 0);
	CU_ASSERT(strstr(result.output, "left to the next sweep") != NULL);
	CU_ASSERT(wait_for_end(record.pid));
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	/* Dead, with its lockfile there: nothing that release could end. */
	CHECK_NUMBER(run_command(&result, "%s/release --holder alice shop", script), 1);
	CHECK_NUMBER(run_command(&result, "%s/release ../shop", script), 64);
}

/* hold and release of one job, each in a step of its own. */
static void the_same_job_needs_no_id(void)
{
	static const char github[] = "GITHUB_ACTIONS=true GITHUB_RUN_ATTEMPT=1 GITHUB_RUN_ID";
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);

	CHECK_NUMBER(
		run_command(&result, "%s=7 %s/hold --pid %d shop", github, script, (int)getpid()),
		0);
	CHECK_NUMBER(run_command(&result, "%s=8 %s/release shop", github, script), 77);
	CHECK_NUMBER(run_command(&result, "%s=7 %s/release shop", github, script), 0);
	/* By hand: from the same shell. */
	CHECK_NUMBER(
		run_command(&result, "%s/hold --pid $$ hand && %s/release hand", script, script),
		0);
	/* More than a record keeps, and what it doesn't: cut and replaced alike on both sides. */
	CHECK_NUMBER(run_command(&result,
				 "export GITHUB_ACTIONS=true; export GITHUB_RUN_ID=$(printf "
				 "'a;\\001%%0200d' 0); %s/hold --pid $$ long && %s/release long",
				 script, script),
		     0);
}

static void a_run_is_stopped(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct process run;

	process_start(&run,
		      RUN "--holder alice shop -- sh -c 'trap \"exit 7\" TERM; echo ready; "
			  "while :; do sleep 0.05; done'",
		      dir);
	CU_ASSERT(wait_for_output(&run, "ready"));
	CHECK_NUMBER(run_command(&result, "%s/release shop", script), 77);
	CHECK_NUMBER(run_command(&result, "%s/release --holder alice shop", script), 0);
	CHECK_NUMBER(process_wait(&run, SOON_MS, NULL), 143);
}

static void many_at_once(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct process releases[8];
	struct record record;
	int ended = 0;

	hold_start(dir, "shop", "--holder alice", &record);
	for (size_t i = 0; i < 8; i++)
		process_start(&releases[i], "exec %s/release --holder alice shop", script);
	/* Who comes when it is over finds a dead lockfile: there was --no-teardown. */
	for (size_t i = 0; i < 8; i++) {
		int status = process_wait(&releases[i], SOON_MS, &result);

		CU_ASSERT(status == 0 || status == 1);
		ended += status == 0;
	}
	CU_ASSERT(ended > 0);
	CU_ASSERT(wait_for_end(record.pid));
}

static void a_paused_holder(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct record record;

	hold_start(dir, "shop", "--holder alice", &record);
	kill(record.pid, SIGSTOP);
	CHECK_NUMBER(run_command(&result, "%s/release --holder alice shop", script), 0);
	CU_ASSERT(wait_for_end(record.pid));
}

/* A fresh start or a teardown without end. */
#define HANGING "exec " PROGRAM " --lock-dir %s -H unix://%s/socket hold --holder alice "

static void during_the_fresh_start(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	int engine = listening_socket(dir, "socket");
	struct process hold;

	process_start(&hold, HANGING "--pid %d shop", dir, dir, (int)getpid());
	while (!lockfile_exists(dir, "shop") && process_is_running(&hold))
		usleep(5000);
	usleep(100000);
	run_command(&result, "%s/release --holder alice shop", script);
	/* Whether its lockfile has gone with it says whether a listing was ever answered. */
	CU_ASSERT(result.status == (lockfile_exists(dir, "shop") ? 1 : 0));
	CHECK_NUMBER(process_wait(&hold, SOON_MS, &result), 143);
	CHECK_TEXT(result.output, "");
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	close(engine);
}

/* Until the dead one is cleared away, the record is the dead one's: who holds can't be verified. */
static void during_the_fresh_start_after_a_dead_run(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	int engine = listening_socket(dir, "socket");
	struct process hold;

	CHECK_NUMBER(run_command(&result, RUN_WITH_ENGINE("socket") "--holder alice shop -- true",
				 dir, dir),
		     0);
	process_start(&hold, HANGING "--pid %d shop", dir, dir, (int)getpid());
	while (lockfile_is_free(dir, "shop") && process_is_running(&hold))
		usleep(5000);
	CHECK_NUMBER(run_command(&result, "%s/release --wait 700ms --holder alice shop", script),
		     75);
	CU_ASSERT(process_is_running(&hold));
	background_signal(&hold, SIGTERM);
	CHECK_NUMBER(process_wait(&hold, SOON_MS, NULL), 143);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	close(engine);
}

static void the_teardown_fails_or_takes_too_long(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	int engine = listening_socket(dir, "socket");
	struct record record;

	CHECK_NUMBER(run_command(&result, HANGING "--no-fresh --teardown-timeout 6s --pid %d shop",
				 dir, dir, (int)getpid()),
		     0);
	lockfile_record(dir, "shop", &record);
	CHECK_NUMBER(run_command(&result, "%s/release --wait 300ms --holder alice shop", script),
		     75);
	CU_ASSERT(strstr(result.errors, "in time") != NULL);
	CHECK_NUMBER(run_command(&result, "%s/release --holder alice shop", script), 1);
	CU_ASSERT(strstr(result.errors, "could not be removed") != NULL);
	CU_ASSERT(wait_for_end(record.pid));
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	close(engine);
}

static void the_holder_dies_meanwhile(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct process run, release;

	process_start(&run,
		      RUN "--holder alice shop -- sh -c 'trap : TERM; echo ready; while :; do "
			  "sleep 0.05; done'",
		      dir);
	CU_ASSERT(wait_for_output(&run, "ready"));
	process_start(&release, "exec %s/release --holder alice shop", script);
	CU_ASSERT(wait_for_phase(dir, "shop", RUN_PHASE_STOPPING));
	CU_ASSERT(process_is_running(&release));
	background_signal(&run, SIGKILL);
	CHECK_NUMBER(process_wait(&release, SOON_MS, &result), 1);
	CU_ASSERT(strstr(result.errors, "died") != NULL);
	process_wait(&run, SOON_MS, NULL);
	lockfile_drop_cgroup(dir, "shop");
}

/* Each look at what only has the flock reads /proc/locks, which holds up every other flock(2). */
static void a_process_of_the_dead_keeps_the_lock(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct process run, release;
	pid_t left;

	process_start(&run,
		      RUN "--hold-lock --holder alice shop -- sh -c 'trap : TERM; "
			  "setsid sh -c \"trap : TERM; echo pid \\$\\$.; while :; do sleep 0.05; "
			  "done\" & while :; do sleep 0.05; done'",
		      dir);
	CU_ASSERT_FATAL(wait_for_output(&run, "."));
	free(result.output);
	result.output = process_output(&run);
	left = (pid_t)number_after(result.output, "pid ");
	CU_ASSERT_FATAL(left > 1);
	process_start(&release,
		      "ASAN_OPTIONS=detect_leaks=0 exec strace -qq -e trace=openat -o %s/trace "
		      "%s/release --wait 4s --holder alice shop",
		      dir, script);
	CU_ASSERT(wait_for_phase(dir, "shop", RUN_PHASE_STOPPING));
	background_signal(&run, SIGKILL);
	CHECK_NUMBER(process_wait(&release, SOON_MS, &result), 75);
	CU_ASSERT(strstr(result.errors, "still holds") != NULL);
	CHECK_NUMBER(run_command(&result, "grep -c /proc/locks %s/trace", dir), 0);
	CU_ASSERT(atoi(result.output) >= 1 && atoi(result.output) <= 12);
	kill(left, SIGKILL);
	process_wait(&run, SOON_MS, NULL);
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
	lockfile_drop_cgroup(dir, "shop");
}

static void without_pidfds(void)
{
	static const struct refused_call calls[] = {
		{ .call = SYS_pidfd_open, .errnum = ENOSYS },
	};
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct record record;

	hold_start(dir, "shop", "--holder alice", &record);
	commands_refuse(calls, 1);
	run_command(&result, "%s/release --holder alice shop", script);
	commands_refuse(NULL, 0);
	CHECK_NUMBER(result.status, 1);
	CU_ASSERT(strstr(result.errors, "it takes Linux 5.3") != NULL);
	CU_ASSERT(hold_is_running(dir, "shop"));
	CHECK_NUMBER(run_command(&result, "%s/release --holder alice shop", script), 0);
}

static void no_run_behind_the_lock(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct record record;
	int fd;

	fd = lockfile_hold(dir, "shop");
	CHECK_NUMBER(run_command(&result, "%s/release --holder alice shop", script), 75);
	CU_ASSERT(strstr(result.errors, "another program") != NULL);
	close(fd);
	/* The dead one's record says alice; who has the lock and the companion lock now is us. */
	hold_start(dir, "shop", "--holder alice", &record);
	kill(record.pid, SIGKILL);
	CU_ASSERT(wait_for_end(record.pid));
	fd = lockfile_hold(dir, "shop");
	lockfile_companion(fd, 0, F_WRLCK);
	CHECK_NUMBER(run_command(&result, "%s/release --wait 600ms --holder alice shop", script),
		     75);
	close(fd);
}

static void another_pid_namespace(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct process inside;
	struct record record;

	/* From inside, the holder outside can't be seen. */
	hold_start(dir, "shop", "--holder alice", &record);
	CHECK_NUMBER(run_command(&result,
				 "unshare -pf --mount-proc --kill-child %s/release --holder alice "
				 "shop",
				 script),
		     75);
	CU_ASSERT(strstr(result.errors, "PID namespace") != NULL);
	CU_ASSERT(hold_is_running(dir, "shop"));
	CHECK_NUMBER(run_command(&result, "%s/release --holder alice shop", script), 0);
	/* From outside, the one inside has another number than its record says. */
	process_start(&inside,
		      "exec unshare -pf --mount-proc --kill-child sh -c '%s/hold --holder bob "
		      "--pid 1 box; echo ready; exec sleep 600'",
		      script);
	CU_ASSERT(wait_for_output(&inside, "ready"));
	CHECK_NUMBER(run_command(&result, "%s/release --holder alice box", script), 77);
	CHECK_NUMBER(run_command(&result, "%s/release --holder bob box", script), 0);
	process_kill(&inside);
}

/* The step that asks carries the run's mark, as its children do, and goes on; what an earlier step
 * left doesn't. */
static void the_asking_step_is_spared(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct process left;
	struct record record;

	hold_start(dir, "shop", "--holder alice", &record);
	process_start(&left, "CI_JANITOR_RUN_ID=%s exec sleep 600", record.run_id);
	CU_ASSERT(wait_for_mark(left.pid, record.run_id));
	CHECK_NUMBER(run_command(&result,
				 "CI_JANITOR_RUN_ID=%s sh -c 'sleep 600 & sh -c "
				 "\"%s/release --holder alice shop; echo \\$?\" | cat; "
				 "kill -0 $! && kill $! && echo went on'",
				 record.run_id, script),
		     0);
	CU_ASSERT(strstr(result.output, "\n0\nwent on\n") != NULL);
	CHECK_NUMBER(process_wait(&left, SOON_MS, NULL), 128 + SIGKILL);
}

static const struct test tests[] = {
	{ "a hold is released by its holder only", a_hold_is_released },
	{ "the same job needs no id", the_same_job_needs_no_id },
	{ "a run is stopped", a_run_is_stopped },
	{ "many at once", many_at_once },
	{ "a paused holder", a_paused_holder },
	{ "during the fresh start", during_the_fresh_start },
	{ "during the fresh start after a dead run", during_the_fresh_start_after_a_dead_run },
	{ "a teardown that fails, and one that takes too long",
	  the_teardown_fails_or_takes_too_long },
	{ "the holder dies meanwhile", the_holder_dies_meanwhile },
	{ "a process of the dead keeps the lock", a_process_of_the_dead_keeps_the_lock },
	{ "without pidfds: refused", without_pidfds },
	{ "no run behind the lock, or not the one of the record", no_run_behind_the_lock },
	{ "across PID namespaces", another_pid_namespace },
	{ "the asking step is spared, what others left isn't", the_asking_step_is_spared },
	{ NULL, NULL },
};
TEST_SUITE(release, tests)
