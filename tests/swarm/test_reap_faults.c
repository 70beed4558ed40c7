/* The engine answers, and an object doesn't go, or comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

#define END_MS 60000
#define CRASHES_MS 180000 /* Swarm starts a crashed container anew after some seconds */

static void write_config(char *path, size_t size, const char *content)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	snprintf(path, size, "%s/test.conf", getenv("CI_JANITOR_LOCK_DIR"));
	run_command_with(&result, content, 1000, "cat >'%s'", path);
}

static void sweep_to_the_end(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

/* A stranger's container holds the app's volume: the app's own time ends its reap, another app is
 * done meanwhile, and once the stranger has gone the next sweep finishes. */
static void test_volume_in_use(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char config[512];

	swarm_new_lock_dir();
	write_config(config, sizeof(config), "[reap]\ntimeout = 7s\n");
	CU_ASSERT_TRUE(swarm_dead_run("held", "stubborn"));
	CU_ASSERT_TRUE(swarm_dead_run("loose", "stubborn"));
	run_command(&result, "docker create --name stranger -v held_data:/data %s", swarm_image());
	CHECK_STATUS(&result, 0);
	run_command(&result, JANITOR " --config '%s' sweep --jobs 1", config);
	CHECK_STATUS(&result, 1);
	CU_ASSERT_TRUE(result.took_ms >= 7000 && result.took_ms < 40000);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "loose: reaped"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "volume is in use"));
	CHECK_OBJECTS("held", "volume held_data\n");
	CHECK_NOTHING_LEFT("loose");
	CHECK_NUMBER(swarm_lockfiles(), 1);
	run_command(&result, "docker rm stranger");
	CHECK_STATUS(&result, 0);
	sweep_to_the_end();
	CHECK_NOTHING_LEFT("");
}

/* With its shim stopped a container can't be killed, and the engine doesn't answer its removal. */
static void test_container_that_cannot_be_killed(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char shim[32];

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("stuck", "stubborn"));
	CU_ASSERT_TRUE(swarm_dead_run("loose", "stubborn"));
	run_command(
		&result,
		"id=$(docker ps -q --no-trunc --filter label=com.docker.stack.namespace=stuck)\n"
		"pgrep -f \"^[^ ]*containerd-shim[^ ]* .*-id $id\"");
	CHECK_STATUS(&result, 0);
	snprintf(shim, sizeof(shim), "%d", atoi(result.output));
	run_command(&result, "kill -STOP %s", shim);
	CHECK_STATUS(&result, 0);

	run_command(&result, JANITOR " sweep --timeout 8s");
	CHECK_STATUS(&result, 1);
	CU_ASSERT_TRUE(result.took_ms < 30000);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "loose: reaped"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "the time of the sweep was up"));
	CHECK_NOTHING_LEFT("loose");
	CHECK_NUMBER(swarm_lockfiles(), 1);
	run_command(&result, "test -e '%s'", swarm_lockfile("stuck"));
	CHECK_STATUS(&result, 0);

	run_command(&result, "kill -CONT %s", shim);
	CHECK_STATUS(&result, 0);
	sweep_to_the_end();
	CHECK_NOTHING_LEFT("");
}

static void test_crash_loop(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;
	const char *file = swarm_stack_file("crash");

	swarm_new_lock_dir();
	process_start(&run,
		      "exec " JANITOR " run loop -- sh -c '" STACK_DEPLOY " %s loop; sleep 600'",
		      file);
	run_command_with(&result, NULL, CRASHES_MS,
			 "until [ $(docker ps -aq --filter status=exited --filter "
			 "label=com.docker.stack.namespace=loop | wc -l) -ge 2 ]; do sleep 0.1; "
			 "done");
	CHECK_STATUS(&result, 0);
	background_signal(&run, SIGKILL);
	CHECK_NUMBER(process_wait(&run, END_MS, NULL), 128 + SIGKILL);
	sweep_to_the_end();
	CHECK_NOTHING_LEFT("");
	sleep(1);
	CHECK_NOTHING_LEFT("");
}

/* Somebody else removes the same objects at the same time. */
static void test_removed_by_another(void)
{
	swarm_new_lock_dir();
	for (unsigned round = 0; round < 4; round++) {
		struct process other;

		CU_ASSERT_TRUE(swarm_dead_run("shared", "stubborn"));
		process_start(&other,
			      "docker service rm shared_web\n"
			      "docker ps -aq --filter label=com.docker.stack.namespace=shared |"
			      " xargs -r docker rm -fv\n"
			      "docker secret rm shared_token; docker config rm shared_settings\n"
			      "docker volume rm shared_data; docker network rm shared_back\n");
		usleep(round * 40000);
		sweep_to_the_end();
		CHECK_NOTHING_LEFT("");
		CU_ASSERT(process_wait(&other, END_MS, NULL) >= 0);
		CHECK_NOTHING_LEFT("");
	}
}

/* Somebody without a lock deploys the dead app again and again while it is swept. The sweep ends by
 * its limit; as long as anything is there, so is the lockfile. */
static void test_deployed_meanwhile(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process outsider;
	const char *file = swarm_stack_file("polite"), *dir = swarm_new_lock_dir();

	CU_ASSERT_TRUE(swarm_dead_run("again", "polite"));
	process_start(&outsider, "until [ -e %s/enough ]; do " STACK_DEPLOY " %s again; done", dir,
		      file);
	usleep(200000);
	run_command(&result, JANITOR " sweep --timeout 5s");
	CU_ASSERT_TRUE(result.took_ms < 30000);
	CU_ASSERT_TRUE(result.status == 0 || result.status == 1);
	CHECK_NUMBER(swarm_lockfiles(), result.status);
	/* Not killed: the engine could still carry out what it has asked for. */
	run_command(&result, "touch %s/enough", dir);
	CU_ASSERT(process_wait(&outsider, END_MS, NULL) >= 0);
	run_command(&result, JANITOR " reap again");
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

/* Not a byte left where the engine keeps its data: what can't be removed is said and stays listed
 * as work to do. */
static void test_disk_full(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *left;

	swarm_new_lock_dir();
	if (swarm_second_engine("ENGINE_DATA_SIZE=96m")) {
		CU_FAIL("no second engine");
		return;
	}
	CU_ASSERT_TRUE(swarm_dead_run("full", "polite"));
	CHECK_NUMBER(swarm_engine("fill-disk"), 0);
	run_command(&result, JANITOR " sweep --timeout 10s");
	printf("(%d after %lld ms) ", result.status, (long long)result.took_ms);
	CU_ASSERT_TRUE(result.took_ms < 40000);
	CHECK_NUMBER(swarm_engine("clear-disk"), 0);
	if (result.status) {
		CU_ASSERT_TRUE(*result.output || *result.errors);
		CHECK_NUMBER(swarm_lockfiles(), 1);
		/* The swarm's log doesn't come back to life by itself. */
		CHECK_NUMBER(swarm_engine("kill-engine"), 0);
		CHECK_NUMBER(swarm_engine("start-engine"), 0);
	}
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(swarm_lockfiles(), 0);
	left = swarm_objects("");
	CHECK_TEXT(left, "");
	free(left);
	swarm_back_to_first();
}

static const struct test tests[] = {
	{ "a volume that a stranger uses", test_volume_in_use },
	{ "a container that can't be killed", test_container_that_cannot_be_killed },
	{ "a crash-looping service", test_crash_loop },
	{ "objects that somebody else removes, 4 rounds", test_removed_by_another },
	{ "deployed again and again meanwhile", test_deployed_meanwhile },
	{ "the engine's disk is full", test_disk_full },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_reap_faults, tests, swarm_set_up, swarm_tear_down);
