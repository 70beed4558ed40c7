/* What a dry run and `list --resources` say is exactly what then goes: ids, not names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

/* Sorted lines "KIND ID" of the JSON's objects with one of these outcomes (a regular expression).
 */
static char *objects_in(const char *json, const char *outcome)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, json, COMMAND_TIMEOUT_MS,
			 "grep -oE '\"kind\":\"[a-z]*\",\"outcome\":\"(%s)\",\"id\":\"[^\"]*\"' |"
			 " sed 's/^\"kind\":\"\\([a-z]*\\)\".*:\"\\([^\"]*\\)\"$/\\1 \\2/' |"
			 " LC_ALL=C sort",
			 outcome);
	return strdup(result.output);
}

/* The same of all that the engine has, by docker's own word. */
static char *objects_on_engine(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "set -e\n"
			     "all=$(docker service ls -q | xargs -r docker service inspect"
			     " --format 'service {{.ID}}'\n"
			     "docker ps -aq --no-trunc | sed 's/^/container /'\n"
			     "docker secret ls -q | sed 's/^/secret /'\n"
			     "docker config ls -q | sed 's/^/config /'\n"
			     "docker network ls -q --no-trunc | sed 's/^/network /'\n"
			     "docker volume ls -q | sed 's/^/volume /')\n"
			     "printf '%%s\\n' \"$all\" | LC_ALL=C sort");
	if (result.status)
		fprintf(stderr, "\n%s", result.errors);
	return strdup(result.output);
}

static char *lines_missing(const char *before, const char *after)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	setenv("BEFORE", before, 1);
	setenv("AFTER", after, 1);
	run_command(&result, "printf '%%s' \"$BEFORE\" | while IFS= read -r line; do\n"
			     "	printf '%%s' \"$AFTER\" | grep -qxF \"$line\" || echo \"$line\"\n"
			     "done");
	unsetenv("BEFORE");
	unsetenv("AFTER");
	return strdup(result.output);
}

static char *planned_by(const char *arguments)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, JANITOR " --json %s", arguments);
	CHECK_STATUS(&result, 0);
	return objects_in(result.output, "planned");
}

static void make_dead_app(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CU_ASSERT_TRUE(swarm_dead_run("plan", "stubborn"));
	run_command(&result, "set -e\n"
			     "docker volume create --label ci-janitor.app=plan"
			     " --label ci-janitor.protect=true plan_database\n"
			     "docker volume create plan_unlabelled\n"
			     "docker network create --label ci-janitor.app=plan-2 plan-2_net\n"
			     "echo 1 | docker secret create plan_external_v1 -\n"
			     "echo 1 | docker config create plan_external_v1 -\n");
	CHECK_STATUS(&result, 0);
}

static void test_plan_is_what_goes(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *before, *after, *gone, *plan, *other, *said;

	swarm_new_lock_dir();
	make_dead_app();
	before = objects_on_engine();
	plan = planned_by("sweep --dry-run");
	other = planned_by("reap --dry-run plan");
	CHECK_TEXT(other, plan);
	free(other);
	other = planned_by("list --resources");
	CHECK_TEXT(other, plan);
	free(other);
	after = objects_on_engine();
	CHECK_TEXT(after, before);
	free(after);
	CHECK_NUMBER(swarm_lockfiles(), 1);

	run_command(&result, JANITOR " --json sweep");
	CHECK_STATUS(&result, 0);
	said = objects_in(result.output, "removed|already-gone");
	after = objects_on_engine();
	gone = lines_missing(before, after);
	CHECK_TEXT(said, plan);
	CHECK_TEXT(gone, plan);
	CHECK_OBJECTS("plan", "network plan-2_net\n"
			      "volume plan_database\n"
			      "volume plan_unlabelled\n");
	free(before);
	free(after);
	free(plan);
	free(said);
	free(gone);
	CHECK_NUMBER(swarm_tear_down(), 0);
}

/* The living show what is theirs as well, and nothing of it is promised to anybody. */
static void test_resources_of_the_living(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_run(&run, "alive", "alive", "", swarm_stack_file("polite")));
	run_command(&result, JANITOR " list --resources alive nobody");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "alive: service alive_web "));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "(com.docker.stack.namespace=alive)"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "nobody: the engine has nothing of it"));
	CU_ASSERT_PTR_NULL(strstr(result.output, "would"));
	CU_ASSERT_TRUE(process_is_running(&run));
	background_signal(&run, SIGTERM);
	CHECK_NUMBER(process_wait(&run, 60000, NULL), 143);
	CHECK_NOTHING_LEFT("");
}

static const struct test tests[] = {
	{ "dry runs and list --resources name exactly the ids that then go",
	  test_plan_is_what_goes },
	{ "list --resources shows a live app's objects", test_resources_of_the_living },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_plan, tests, swarm_set_up, swarm_tear_down);
