/* Apps that no lockfile stands for, as after a reboot. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

static const char *config(const char *min_age)
{
	static char path[600];
	static const char *dir;
	FILE *file;

	if (!dir)
		dir = temp_dir();
	snprintf(path, sizeof(path), "%s/orphans.conf", dir);
	file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "[app]\nprotect = pr-keep\n[orphans]\napp_pattern = pr-*\nmin_age = %s\n",
		min_age);
	fclose(file);
	return path;
}

static void run_sweep(struct command_result *result, const char *min_age, const char *options)
{
	run_command(result, JANITOR " -v -c %s sweep %s", config(min_age), options);
}

#define LABELLED(app)                                                                              \
	"docker volume create --label com.docker.stack.namespace=" app " " app "_data\n"

static void make_orphan(const char *app)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, STACK_DEPLOY " %s %s", swarm_stack_file("polite"), app);
	CHECK_STATUS(&result, 0);
	CU_ASSERT_TRUE(swarm_wait_for_container(app));
}

static void test_only_what_matches(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	make_orphan("pr-7");
	run_command(&result,
		    "set -e\n" LABELLED("production") LABELLED(
			    "pr-keep") "echo 1 | docker secret create pr-7_external_v1 -\n");
	CHECK_STATUS(&result, 0);

	run_sweep(&result, "0", "");
	CHECK_STATUS(&result, 0);
	run_sweep(&result, "1h", "--orphans");
	CHECK_STATUS(&result, 0);
	run_command(&result, JANITOR " -c %s list --orphans", config("1h"));
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NULL(strstr(result.output, "pr-7"));
	run_sweep(&result, "0", "--orphans --dry-run");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "pr-7: orphan: would be reaped: 6 objects"));
	CHECK_NUMBER(swarm_lockfiles(), 0);
	run_command(&result, JANITOR " -c %s list --orphans --resources", config("0"));
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "pr-7  orphan"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "pr-7: secret pr-7_external_v1 "));
	CHECK_NUMBER(swarm_lockfiles(), 0);

	run_sweep(&result, "0", "--orphans");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "pr-7: orphan: reaped: 6 objects removed"));
	CHECK_OBJECTS("", "volume pr-keep_data\nvolume production_data\n");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	CHECK_NUMBER(swarm_tear_down(), 0);
}

static void test_live_runs_are_none(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process named, renamed;
	char *before, *after;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_run(&named, "pr-8", "pr-8", "", swarm_stack_file("polite")));
	CU_ASSERT_TRUE(swarm_run(&renamed, "shop.example.org", "pr-9", "--stack pr-9",
				 swarm_stack_file("polite")));
	before = swarm_objects("");
	run_sweep(&result, "0", "--orphans");
	CHECK_STATUS(&result, 0);
	/* Somebody deletes a live lockfile: only the kernel still knows of the run. */
	CU_ASSERT(unlink(swarm_lockfile("shop.example.org")) == 0);
	run_sweep(&result, "0", "--orphans");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NULL(strstr(result.output, "pr-9"));
	CHECK_NUMBER(swarm_lockfiles(), 1);
	after = swarm_objects("");
	CHECK_TEXT(after, before);
	free(before);
	free(after);
	background_signal(&named, SIGTERM);
	background_signal(&renamed, SIGTERM);
	CHECK_NUMBER(process_wait(&named, 60000, NULL), 143);
	CU_ASSERT(process_wait(&renamed, 60000, NULL) >= 0);
	CHECK_NUMBER(swarm_tear_down(), 0);
}

/* A program that knows only flock(2) writes no record: what its stack is called can't be known. */
static void test_lockfile_without_record(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process holder;
	const char *dir = swarm_new_lock_dir();

	run_command(&result, LABELLED("pr-10"));
	process_start(&holder, "exec flock %s sh -c 'echo ready; exec sleep 600'",
		      swarm_lockfile("unrecorded"));
	CU_ASSERT_TRUE(swarm_wait_for_line(&holder, "ready"));
	run_sweep(&result, "0", "--orphans");
	CHECK_STATUS(&result, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "does not say whose it is"));
	CHECK_OBJECTS("", "volume pr-10_data\n");
	process_kill(&holder);
	(void)dir;
	CHECK_NUMBER(swarm_tear_down(), 0);
}

/* A janitor dies between making the lockfile and the first removal. That must not make dead what is
 * none of a plain sweep's business. */
static void test_janitor_that_died(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	run_command(&result,
		    "set -e\numask 077\n" LABELLED(
			    "pr-11") "printf '[run]\\napp = pr-11\\nphase = orphan\\n"
				     "[end]\\n' >%s",
		    swarm_lockfile("pr-11"));
	CHECK_STATUS(&result, 0);
	run_command(&result, JANITOR " list --json");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "\"phase\":\"orphan\""));
	run_command(&result, JANITOR " sweep --dry-run");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NULL(strstr(result.output, "pr-11"));
	CHECK_NUMBER(swarm_lockfiles(), 1);
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_OBJECTS("", "volume pr-11_data\n");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	/* As a machine's units ask, whatever its configuration says. */
	run_command(&result, JANITOR " sweep --orphans");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "[orphans] app_pattern is empty"));
	CHECK_NUMBER(swarm_tear_down(), 0);
}

/* Nor may such a lockfile make files look like a dead one's when a run starts. */
static void test_files_before_a_run(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char path[600], env[600];
	const char *dir = temp_dir();
	FILE *file;

	swarm_new_lock_dir();
	snprintf(path, sizeof(path), "%s/files.conf", dir);
	snprintf(env, sizeof(env), "%s/pr-12.env", dir);
	file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "[app]\nfiles = %s/{app}.env\n", dir);
	fclose(file);
	run_command(&result,
		    "set -e\numask 077\n" LABELLED(
			    "pr-12") "touch %s; printf '[run]\\napp = pr-12\\nphase = orphan\\n"
				     "[end]\\n' >%s",
		    env, swarm_lockfile("pr-12"));
	CHECK_STATUS(&result, 0);
	run_command(&result,
		    JANITOR " -c %s run pr-12 -- sh -c 'test -e %s && ! docker volume inspect "
			    "pr-12_data'",
		    path, env);
	CHECK_STATUS(&result, 0);
	CU_ASSERT(access(env, F_OK) < 0);
	CHECK_NUMBER(swarm_lockfiles(), 0);
	CHECK_NUMBER(swarm_tear_down(), 0);
}

static const struct test tests[] = {
	{ "pattern, age, protection; dry run and list make no lockfile", test_only_what_matches },
	{ "a live run is none, not by its stack's name, not with its lockfile deleted",
	  test_live_runs_are_none },
	{ "a lockfile without a record keeps all orphans", test_lockfile_without_record },
	{ "a janitor that died before the first removal leaves no dead app",
	  test_janitor_that_died },
	{ "nor does it make files a dead one's when a run starts", test_files_before_a_run },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_orphans, tests, swarm_set_up, swarm_tear_down);
