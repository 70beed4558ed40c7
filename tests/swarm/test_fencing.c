/* What a killed run leaves running is killed before anything of it is removed, in whatever phase it
 * died; what it leaves in files goes too, and what it asked to keep stays. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "kernel/process.h"
#include "swarm/fixture.h"

#define SOON_MS 60000
/* In a mount namespace in which no cgroup is to be had: then only the marker leads to it. */
#define WITHOUT_CGROUP                                                                             \
	"exec unshare --mount sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"' sh "

/* A daemon as hard to find as an honest one gets: own session, forked twice, no descriptor, another
 * argv. Two seconds after its run was killed it would deploy the app again. */
static const char *daemon_script(const char *stack_file, const char *app)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	static char path[512];

	snprintf(path, sizeof(path), "%s/daemon", temp_dir());
	run_command(&result,
		    "cat >%s <<'EOF'\n"
		    "#!/bin/bash\n"
		    "case $1 in\n"
		    "'') setsid \"$0\" 1 <&- >&- 2>&- & exit ;;\n"
		    "1) (exec -a '[kworker/0:1H]' bash \"$0\" 2 <&- >&- 2>&-) & exit ;;\n"
		    "2) touch \"$0.started\"; until test -e \"$0.killed\"; do sleep 0.1;"
		    " done; sleep 2; " STACK_DEPLOY
		    " %s %s >\"$0.log\" 2>&1; touch \"$0.ended\" ;;\n"
		    "esac\n"
		    "EOF\n"
		    "chmod 755 %s",
		    path, stack_file, app, path);
	CHECK_NUMBER(result.status, 0);
	return path;
}

static bool file_is_there(void *data)
{
	return access(data, F_OK) == 0;
}

static bool wait_for_file(const char *path, const char *ending)
{
	char whole[600];

	snprintf(whole, sizeof(whole), "%s%s", path, ending);
	return wait_until(file_is_there, whole, SOON_MS);
}

/* The engine child of a killed run may still be at work, under the lock. */
static bool sweeps_clean(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	(void)data;
	run_command(&result, JANITOR " sweep");
	return swarm_lockfiles() == 0;
}

/* From here on the daemon counts its two seconds. */
static void note_killed(const char *daemon)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(run_command(&result, "touch %s.killed", daemon), 0);
}

static void check_nothing_comes_back(const char *app, const char *daemon)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CU_ASSERT_TRUE(wait_until(sweeps_clean, NULL, SOON_MS));
	CHECK_NUMBER(run_command(&result, "pgrep -f '%s [2]$'", daemon), 1);
	CHECK_NOTHING_LEFT(app);
	usleep(3000000);
	CHECK_NOTHING_LEFT(app);
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

/* Running: prefix is how the run is started. */
static void killed_while_running(const char *app, const char *prefix)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *stack_file = swarm_stack_file("stubborn");
	const char *daemon = daemon_script(stack_file, app);
	struct process run;

	swarm_new_lock_dir();
	process_start(&run,
		      "%s" JANITOR " run %s -- sh -c '%s; " STACK_DEPLOY " %s %s && sleep 600'",
		      prefix, app, daemon, stack_file, app);
	CU_ASSERT_TRUE(wait_for_file(daemon, ".started"));
	CU_ASSERT_TRUE(swarm_wait_for_container(app));
	note_killed(daemon);
	process_kill(&run);
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT(app);
	check_nothing_comes_back(app, daemon);
}

static void test_running(void)
{
	killed_while_running("fenced", "exec ");
}

static void test_running_without_cgroup(void)
{
	killed_while_running("marked", WITHOUT_CGROUP);
}

/* In a PID namespace of its own, as in a container, a sweep sees nothing of what runs on the host.
 */
static void test_out_of_sight(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *stack_file = swarm_stack_file("stubborn");
	const char *daemon = daemon_script(stack_file, "unseen");
	struct process run;

	swarm_new_lock_dir();
	process_start(&run,
		      "exec " JANITOR " run unseen -- sh -c '%s; " STACK_DEPLOY
		      " %s unseen && sleep 600'",
		      daemon, stack_file);
	CU_ASSERT_TRUE(wait_for_file(daemon, ".started"));
	CU_ASSERT_TRUE(swarm_wait_for_container("unseen"));
	process_kill(&run);
	run_command(&result, "unshare --pid --fork --mount-proc " JANITOR " sweep");
	if (process_sees_all()) {
		CHECK_STATUS(&result, 1);
		CU_ASSERT_PTR_NOT_NULL(
			strstr(result.output, "unable to tell what still runs of the run"));
		CHECK_NUMBER(swarm_lockfiles(), 1);
		CU_ASSERT_TRUE(swarm_wait_for_container("unseen"));
	} else {
		/* All this is in a container: its runs are no host's. */
		CHECK_STATUS(&result, 0);
	}
	note_killed(daemon);
	check_nothing_comes_back("unseen", daemon);
}

static bool has_phase(const char *app, const char *phase)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	int64_t end = now_ms() + SOON_MS;

	while (now_ms() < end) {
		run_command(&result, JANITOR " status %s", app);
		if (strstr(result.output, phase))
			return true;
		usleep(20000);
	}
	return false;
}

static void test_stopping(void)
{
	const char *stack_file = swarm_stack_file("stubborn");
	const char *daemon = daemon_script(stack_file, "stopped");
	struct process run;

	swarm_new_lock_dir();
	process_start(&run,
		      "exec " JANITOR " run stopped --kill-grace 10m -- sh -c '" STACK_DEPLOY
		      " %s stopped; trap \"%s\" TERM; touch %s.ready; while :; do sleep 0.1; done'",
		      stack_file, daemon, daemon);
	CU_ASSERT_TRUE(wait_for_file(daemon, ".ready"));
	background_signal(&run, SIGTERM);
	CU_ASSERT_TRUE(wait_for_file(daemon, ".started"));
	CU_ASSERT_TRUE(has_phase("stopped", "stopping"));
	note_killed(daemon);
	process_kill(&run);
	check_nothing_comes_back("stopped", daemon);
}

/* The engine stands still, so that the run can be killed just there. Its engine child goes on. */
static void test_teardown(void)
{
	const char *stack_file = swarm_stack_file("stubborn");
	const char *daemon = daemon_script(stack_file, "torn");
	struct process run;

	swarm_new_lock_dir();
	process_start(&run,
		      "exec " JANITOR " run torn -- sh -c '" STACK_DEPLOY
		      " %s torn; %s; touch %s.ready; sleep 600'",
		      stack_file, daemon, daemon);
	CU_ASSERT_TRUE(wait_for_file(daemon, ".ready"));
	CHECK_NUMBER(swarm_engine("pause-engine"), 0);
	background_signal(&run, SIGTERM);
	CU_ASSERT_TRUE(has_phase("torn", "teardown"));
	note_killed(daemon);
	background_signal(&run, SIGKILL);
	CHECK_NUMBER(process_wait(&run, SOON_MS, NULL), 137);
	CHECK_NUMBER(swarm_engine("resume-engine"), 0);
	check_nothing_comes_back("torn", daemon);
}

static void test_fresh_start(void)
{
	const char *daemon = daemon_script(swarm_stack_file("stubborn"), "again");
	struct process run;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("again", "stubborn"));
	CHECK_NUMBER(swarm_engine("pause-engine"), 0);
	process_start(&run, "exec " JANITOR " run again -- %s", daemon);
	CU_ASSERT_TRUE(has_phase("again", "held "));
	background_signal(&run, SIGKILL);
	CHECK_NUMBER(process_wait(&run, SOON_MS, NULL), 137);
	CHECK_NUMBER(swarm_engine("resume-engine"), 0);
	check_nothing_comes_back("again", daemon);
}

/* Who dies in the queue leaves nothing, and takes nothing from the holder. */
static void test_waiting(void)
{
	struct process holder, waiter;
	char *errors;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_run(&holder, "queue", "queue", "", swarm_stack_file("stubborn")));
	process_start(&waiter, "exec " JANITOR " run queue -- true");
	for (int i = 0; i < 500; i++) {
		errors = process_errors(&waiter);
		if (strstr(errors, "waiting for")) {
			free(errors);
			break;
		}
		free(errors);
		usleep(20000);
	}
	background_signal(&waiter, SIGKILL);
	CHECK_NUMBER(process_wait(&waiter, SOON_MS, NULL), 137);
	CU_ASSERT_TRUE(has_phase("queue", "running"));
	background_signal(&holder, SIGTERM);
	CHECK_NUMBER(process_wait(&holder, SOON_MS, NULL), 143);
	CHECK_NOTHING_LEFT("queue");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

/* By the teardown, by a sweep, and by the next run. */
static void test_scratch(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process run;

	swarm_new_lock_dir();
	run_command(
		&result,
		"mkdir -m 700 %s/scratch; printf '[run]\\nscratch_dir = %s/scratch\\n' >%s/conf",
		dir, dir, dir);
	run_command(&result,
		    "exec " JANITOR " -c %s/conf run scratchy --scratch -- sh -c"
		    " 'cd $CI_JANITOR_SCRATCH && mkdir -p a/b && ln -s / a/root && pwd'",
		    dir);
	CHECK_STATUS(&result, 0);
	CU_ASSERT_TRUE(strstr(result.output, "/scratch/") != NULL);
	CHECK_NUMBER(run_command(&result, "ls -A %s/scratch", dir), 0);
	CHECK_TEXT(result.output, "");

	for (int i = 0; i < 2; i++) {
		process_start(
			&run,
			"exec " JANITOR " -c %s/conf run scratchy --no-fresh --scratch -- sh -c"
			" 'cd $CI_JANITOR_SCRATCH && mkdir -p a/b && touch %s/ready%d; sleep 600'",
			dir, dir, i);
		CU_ASSERT_TRUE(wait_for_file(dir, i ? "/ready1" : "/ready0"));
		process_kill(&run);
		CHECK_NUMBER(run_command(&result, "ls -A %s/scratch | grep -c .", dir), 0);
		if (i == 0) {
			run_command(&result, "exec " JANITOR " -c %s/conf sweep", dir);
			CHECK_STATUS(&result, 0);
			CU_ASSERT_TRUE(strstr(result.output, "1 scratch directory") != NULL);
		} else {
			run_command(&result,
				    "exec " JANITOR " -c %s/conf run scratchy -- ls -A %s/scratch",
				    dir, dir);
			CHECK_STATUS(&result, 0);
			CHECK_TEXT(result.output, "");
		}
		CHECK_NUMBER(run_command(&result, "ls -A %s/scratch", dir), 0);
		CHECK_TEXT(result.output, "");
	}
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

/* A failed run's objects stay for those who want to look at them; by hand they go all the same. */
static void test_kept(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *before;

	swarm_new_lock_dir();
	run_command(&result,
		    JANITOR " run kept --keep-on-failure 1h -- sh -c '" STACK_DEPLOY
			    " %s kept; exit 5'",
		    swarm_stack_file("stubborn"));
	CHECK_STATUS(&result, 5);
	CU_ASSERT_TRUE(swarm_wait_for_container("kept"));
	before = swarm_objects("kept");
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_TRUE(strstr(result.output, "kept: kept until 2") != NULL);
	CHECK_OBJECTS("kept", before);
	CHECK_NUMBER(swarm_lockfiles(), 1);
	free(before);
	/* The next run neither waits nor begins on it. */
	run_command(&result, JANITOR " run kept --if-held=fail --keep-on-failure 1h -- sh -c"
				     " 'docker service ls -q; docker volume ls -q; exit 6'");
	CHECK_STATUS(&result, 6);
	CHECK_TEXT(result.output, "");
	run_command(&result, JANITOR " reap kept");
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("kept");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static const struct test tests[] = {
	{ "killed while running, a daemon about to deploy again", test_running },
	{ "the same without a cgroup", test_running_without_cgroup },
	{ "a sweep that can't see the run's processes leaves it", test_out_of_sight },
	{ "killed while stopping", test_stopping },
	{ "killed in its teardown", test_teardown },
	{ "killed in its fresh start", test_fresh_start },
	{ "killed while waiting", test_waiting },
	{ "scratch directories go with their runs", test_scratch },
	{ "--keep-on-failure: kept from sweeps only", test_kept },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_fencing, tests, swarm_set_up, swarm_tear_down);
