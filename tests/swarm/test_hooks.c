/* Commands before and after an app's removal, under its lock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

#define END_MS 60000

static char dir[512];

static int set_up(void)
{
	snprintf(dir, sizeof(dir), "%s", temp_dir());
	return swarm_set_up();
}

/* Writes the hook as a script, which finds its folder in $DIR. */
static void write_hook(const char *name, const char *body)
{
	char path[600];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "#!/bin/sh\nDIR=%s\n%s\n", dir, body);
	fclose(file);
	CU_ASSERT(chmod(path, 0755) == 0);
}

static void configure(const char *before, const char *after, const char *more)
{
	char path[600];
	FILE *file;

	snprintf(path, sizeof(path), "%s/hooks.conf", dir);
	file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "[reap]\n");
	if (before)
		fprintf(file, "before = %s/%s one two\n", dir, before);
	if (after)
		fprintf(file, "after = %s/%s\n", dir, after);
	fprintf(file, "%s\n", more);
	fclose(file);
}

static void sweep(struct command_result *result)
{
	run_command(result, JANITOR " -c %s/hooks.conf sweep", dir);
}

static char *read_note(const char *name)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "cat %s/%s", dir, name);
	return strdup(result.output);
}

/* Only now is the hook told of: the run's own fresh start must not meet it. */
static void make_dead(const char *app)
{
	char what[256];

	snprintf(what, sizeof(what), "docker volume create --label ci-janitor.app=%s %s_data\n",
		 app, app);
	CU_ASSERT_TRUE(swarm_dead_run_of(app, "--holder somebody --stack the-stack", what));
}

/* Nobody may have waited for it yet, and a loaded machine takes a moment to carry SIGKILL out. */
static void check_ended(const char *note)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result,
		    "pid=$(cat %s/%s) && for i in $(seq 200); do\n"
		    "	grep -q '^State:.[^ZX]' /proc/$pid/status 2>/dev/null || exit 0\n"
		    "	sleep 0.05\n"
		    "done; cat /proc/$pid/status; exit 1",
		    dir, note);
	CHECK_STATUS(&result, 0);
}

#define HAS(text, part) CU_ASSERT_PTR_NOT_NULL(strstr(text, part))

static void test_environment_and_order(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *before, *after;

	swarm_new_lock_dir();
	write_hook("before", "{ env; echo args $*; docker volume ls -q; cat; ls -l /proc/$$/fd;\n"
			     "grep -E 'NoNewPrivs|CapEff|SigBlk' /proc/self/status;\n"
			     "echo \"status $(" JANITOR " status $CI_JANITOR_APP)\";\n"
			     "} >$DIR/note-before; echo said");
	write_hook("after", "{ env; echo volumes $(docker volume ls -q); } >$DIR/note-after");
	configure("before", "after", "");
	make_dead("hooked");
	sweep(&result);
	CHECK_STATUS(&result, 0);
	HAS(result.errors, "ci-janitor: hooked: before: said\n");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	before = read_note("note-before");
	HAS(before, "CI_JANITOR_HOOK=before\n");
	HAS(before, "CI_JANITOR_APP=hooked\n");
	HAS(before, "CI_JANITOR_HOLDER=somebody\n");
	HAS(before, "CI_JANITOR_STACK=the-stack\n");
	HAS(before, "args one two\n");
	HAS(before, "hooked_data\n");
	HAS(before, "status reaping");
	HAS(before, "NoNewPrivs:\t1");
	HAS(before, "CapEff:\t0000000000000000");
	HAS(before, "SigBlk:\t0000000000000000");
	HAS(before, "0 -> /dev/null");

	CU_ASSERT_PTR_NULL(strstr(before, "CI_JANITOR_RESULT"));
	CU_ASSERT_PTR_NULL(strstr(before, "ci-app-"));
	CU_ASSERT_PTR_NULL(strstr(before, "socket:["));
	after = read_note("note-after");
	HAS(after, "CI_JANITOR_HOOK=after\n");
	HAS(after, "CI_JANITOR_RESULT=reaped\n");
	HAS(after, "CI_JANITOR_REMOVED=1\n");
	HAS(after, "volumes\n");
	free(before);
	free(after);
}

static void test_failures(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	write_hook("fails", "exit 3");
	write_hook("dies", "kill -9 $$");
	make_dead("failed");
	configure("fails", NULL, "");
	sweep(&result);
	CHECK_STATUS(&result, 1);
	HAS(result.output, "/fails, ended with 3");
	configure("dies", NULL, "");
	sweep(&result);
	CHECK_STATUS(&result, 1);
	HAS(result.output, "/dies, died by signal 9");
	configure("no-such-program", NULL, "");
	sweep(&result);
	CHECK_STATUS(&result, 1);
	HAS(result.output, "/no-such-program: No such file or directory");
	CHECK_OBJECTS("", "volume failed_data\n");
	CHECK_NUMBER(swarm_lockfiles(), 1);
	/* The objects go, the lockfile stays, and the hook gets its second chance. */
	configure(NULL, "fails", "");
	sweep(&result);
	CHECK_STATUS(&result, 1);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 1);
	configure(NULL, "fails", "hook_failure = ignore");
	sweep(&result);
	CHECK_STATUS(&result, 0);
	HAS(result.errors, "failed: after: the hook \"after\"");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static void test_failure_ignored(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	make_dead("ignored");
	configure("fails", "dies", "hook_failure = ignore");
	sweep(&result);
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

/* One that hangs, with children of its own, is ended with them; the other app doesn't wait for it.
 */
static void test_time_limit(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *note;

	swarm_new_lock_dir();
	write_hook("hangs",
		   "[ $CI_JANITOR_APP = hanging ] || { date +%s%N >$DIR/note-quick; exit 0; }\n"
		   "sleep 3417 & echo $! >$DIR/note-pid; trap '' TERM; sleep 3417");
	write_hook("notes", "[ $CI_JANITOR_APP = hanging ] || date +%s%N >$DIR/note-done");
	make_dead("hanging");
	make_dead("quick");
	configure("hangs", "notes", "hook_timeout = 8s");
	sweep(&result);
	CHECK_STATUS(&result, 1);
	HAS(result.output, "/hangs, was killed after 8s");
	HAS(result.output, "quick: reaped");
	CU_ASSERT_PTR_NULL(strstr(result.output, "hanging: reaped"));
	CU_ASSERT(result.took_ms >= 8000);
	check_ended("note-pid");
	run_command(&result, "test $(($(cat %s/note-done) - $(cat %s/note-quick))) -lt 7000000000",
		    dir, dir);
	CHECK_STATUS(&result, 0);
	note = swarm_objects("");
	CHECK_TEXT(note, "volume hanging_data\n");
	free(note);
	CHECK_NUMBER(swarm_lockfiles(), 1);
	configure(NULL, NULL, "");
	sweep(&result);
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("");
}

static void test_output_is_bounded(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	write_hook("talks", "printf 'evil\\033[2J\\nshop: reaped\\n'; head -c 500000 /dev/zero | "
			    "tr '\\0' x; echo; echo end >&2");
	make_dead("talking");
	configure("talks", NULL, "");
	sweep(&result);
	CHECK_STATUS(&result, 0);
	HAS(result.errors, "ci-janitor: talking: before: evil\\x1b[2J\n");
	HAS(result.errors, "talking: before: (the rest of its output is not shown)\n");
	CU_ASSERT(strlen(result.errors) < 80000);
}

/* Whatever the environment says, a hook's docker talks to the engine that is being swept. */
static void test_same_engine(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *note;

	swarm_new_lock_dir();
	write_hook("asks", "{ env | grep ^DOCKER_; docker volume ls -q; } >$DIR/note-engine");
	make_dead("elsewhere");
	configure("asks", NULL, "");
	run_command(&result,
		    "here=$DOCKER_HOST; export DOCKER_HOST=unix:///nowhere "
		    "DOCKER_CONTEXT=nobody\n" JANITOR " -H $here -c %s/hooks.conf sweep",
		    dir);
	CHECK_STATUS(&result, 0);
	note = read_note("note-engine");
	HAS(note, "elsewhere_data\n");
	CU_ASSERT_PTR_NULL(strstr(note, "nowhere"));
	CU_ASSERT_PTR_NULL(strstr(note, "nobody"));
	free(note);
	CHECK_NOTHING_LEFT("");
}

static bool is_noted(void *data)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, (const char *)data);
	return access(path, R_OK) == 0;
}

/* A janitor that is killed leaves its hook's children behind: the next one's fencing finds them. */
static void test_janitor_is_killed(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process janitor;
	char note[] = "note-began";

	swarm_new_lock_dir();
	write_hook("once", "[ ! -e $DIR/note-began ] || exit 0\n"
			   "echo $$ >$DIR/note-hook; sleep 3418 & echo $! >$DIR/note-child\n"
			   ": >$DIR/note-began; wait");
	make_dead("twice");
	configure("once", NULL, "");
	process_start(&janitor, "exec " JANITOR " -c %s/hooks.conf sweep", dir);
	CU_ASSERT_TRUE(wait_until(is_noted, note, END_MS));
	background_signal(&janitor, SIGKILL);
	CHECK_NUMBER(process_wait(&janitor, END_MS, NULL), 128 + SIGKILL);
	/* The hook itself dies with its janitor. */
	check_ended("note-hook");
	sweep(&result);
	CHECK_STATUS(&result, 0);
	HAS(result.output, "twice: reaped");
	HAS(result.output, "1 process killed");
	check_ended("note-child");
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

/* Told to stop: the hook is ended, and all stays for the next sweep. */
static void test_janitor_is_told_to_stop(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process janitor;
	char note[] = "note-waits";

	swarm_new_lock_dir();
	write_hook("waits", "[ ! -e $DIR/note-waits ] || exit 0\n"
			    "sleep 3419 & echo $! >$DIR/note-waiter; : >$DIR/note-waits; wait");
	make_dead("stopped");
	configure("waits", NULL, "");
	process_start(&janitor, "exec " JANITOR " -c %s/hooks.conf sweep", dir);
	CU_ASSERT_TRUE(wait_until(is_noted, note, END_MS));
	background_signal(&janitor, SIGTERM);
	CHECK_NUMBER(process_wait(&janitor, END_MS, &result), 1);
	HAS(result.output, "stopped: left");
	HAS(result.output, "told to stop");
	check_ended("note-waiter");
	CHECK_OBJECTS("", "volume stopped_data\n");
	CHECK_NUMBER(swarm_lockfiles(), 1);
	sweep(&result);
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static const struct test tests[] = {
	{ "environment, order, privileges; the lock is held and not inherited",
	  test_environment_and_order },
	{ "a failing hook keeps the app for the next sweep", test_failures },
	{ "unless its failure is ignored", test_failure_ignored },
	{ "the time limit ends it and its children, and delays no other app", test_time_limit },
	{ "its docker finds the same engine", test_same_engine },
	{ "output is escaped and bounded", test_output_is_bounded },
	{ "a janitor told to stop meanwhile: it ends the hook", test_janitor_is_told_to_stop },
	{ "a janitor killed meanwhile: the hook's children are fenced", test_janitor_is_killed },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_hooks, tests, set_up, swarm_tear_down);
