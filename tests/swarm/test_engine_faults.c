/* The engine goes away and comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

#define APPS 6

static void name_of(int number, char name[16])
{
	snprintf(name, 16, "app%d", number);
}

static void leave_dead_runs(void)
{
	char name[16];

	swarm_new_lock_dir();
	for (int i = 0; i < APPS; i++) {
		name_of(i, name);
		CU_ASSERT_TRUE(swarm_dead_run(name, "polite"));
	}
	CHECK_NUMBER(swarm_lockfiles(), APPS);
}

static void sweep_to_the_end(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	run_command(&result, "docker rm -f outsider");
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static void test_engine_away(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	leave_dead_runs();
	CHECK_NUMBER(swarm_engine("kill-engine"), 0);
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 69);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "docker.sock"));
	CHECK_NUMBER(swarm_lockfiles(), APPS);
	run_command(&result, JANITOR " run app0 -- true");
	CHECK_STATUS(&result, 69);
	CHECK_NUMBER(swarm_lockfiles(), APPS);

	CHECK_NUMBER(swarm_engine("start-engine"), 0);
	sweep_to_the_end();
}

static bool has_removed(void *data)
{
	(void)data;
	return swarm_lockfiles() < APPS;
}

/* Invariant 3: what is still there still has its lockfile. */
static void check_lockfiles_of_what_is_left(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char name[16];

	for (int i = 0; i < APPS; i++) {
		char *objects;

		name_of(i, name);
		objects = swarm_objects(name);
		run_command(&result, "test -e '%s'", swarm_lockfile(name));
		if (*objects)
			CHECK_STATUS(&result, 0);
		free(objects);
	}
}

/* A configuration with a hook that keeps the last app waiting until DIR/go is there. */
static void make_gate(const char *dir)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result,
		    "cd %s && printf '[reap]\nbefore = %s/gate\n' >conf && cat >gate <<'EOF'\n"
		    "#!/bin/sh\n[ $CI_JANITOR_APP = app%d ] || exit 0\n"
		    "until [ -e %s/go ]; do sleep 0.1; done\nEOF\nchmod 755 gate",
		    dir, dir, APPS - 1, dir);
	CHECK_STATUS(&result, 0);
}

static void end_in_mid_reap(const char *how, bool restart_at_once)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process sweep;

	make_gate(dir);
	leave_dead_runs();
	if (restart_at_once)
		process_start(&sweep, "exec " JANITOR " sweep --jobs 1 --timeout 20s");
	else
		process_start(&sweep, "exec " JANITOR " -c %s/conf sweep --jobs 1 --timeout 20s",
			      dir);
	CU_ASSERT_TRUE(wait_until(has_removed, NULL, 60000));
	CHECK_NUMBER(swarm_engine(how), 0);
	run_command(&result, "touch %s/go", dir);
	if (restart_at_once)
		CHECK_NUMBER(swarm_engine("start-engine"), 0);
	CU_ASSERT_TRUE(process_wait(&sweep, 120000, &result) >= 0);
	if (result.status == 0)
		CHECK_NUMBER(swarm_lockfiles(), 0);
	else
		CU_ASSERT_TRUE(result.status == 1 || result.status == 69);
	if (!restart_at_once) {
		CU_ASSERT_TRUE(result.status != 0);
		CU_ASSERT_TRUE(swarm_lockfiles() > 0);
		CHECK_NUMBER(swarm_engine("start-engine"), 0);
	}
	check_lockfiles_of_what_is_left();
	sweep_to_the_end();
}

static void test_killed_in_mid_reap(void)
{
	end_in_mid_reap("kill-engine", false);
}

static void test_restarted_in_mid_reap(void)
{
	end_in_mid_reap("stop-engine", true);
}

/* While a container makes the engine's end slow, it goes on to answer over the connections that it
 * has, and says that it is in no swarm. No service may be taken for gone by that. */
static void test_stopped_slowly_in_mid_reap(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "docker run -d --name outsider %s stubborn", swarm_image());
	CHECK_STATUS(&result, 0);
	end_in_mid_reap("stop-engine", true);
}

static const struct test tests[] = {
	{ "no engine: 69, every lockfile stays, and the next sweep reaps", test_engine_away },
	{ "the engine dies in mid-reap", test_killed_in_mid_reap },
	{ "the engine is restarted in mid-reap", test_restarted_in_mid_reap },
	{ "the engine takes its time to stop", test_stopped_slowly_in_mid_reap },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_engine_faults, tests, swarm_set_up, swarm_tear_down);
