/* The node's part in a swarm changes, or the engine is there and doesn't answer. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

#define END_MS 60000

/* What a compose-style app is made of. */
#define COMPOSE_APP                                                                                \
	"own=com.docker.compose.project=shop\n"                                                    \
	"docker network create --label $own shop_default\n"                                        \
	"docker volume create --label $own shop_data\n"                                            \
	"docker run -d --name shop-web-1 --label $own --network shop_default"                      \
	" -v shop_data:/data $IMAGE stubborn\n"

static void sweep_says(int status, const char *part)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, status);
	if (part && !strstr(result.output, part) && !strstr(result.errors, part))
		CHECK_TEXT(result.output, part);
}

/* The sweep fails as it should, says why, and everything stays. */
static void sweep_leaves_all(const char *why, int64_t limit_ms)
{
	int locks = swarm_lockfiles();
	int64_t began = now_ms();

	sweep_says(69, why);
	CU_ASSERT_TRUE(now_ms() - began < limit_ms);
	CHECK_NUMBER(swarm_lockfiles(), locks);
}

static void sweep_to_the_end(void)
{
	sweep_says(0, NULL);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static void must_run(const char *command)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "%s", command);
	CHECK_STATUS(&result, 0);
}

/* Nothing answers, then it goes on: the sweep ends by its own limit, not the engine's. */
static void test_paused(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("shop", "stubborn"));
	CHECK_NUMBER(swarm_engine("pause-engine"), 0);
	run_command(&result, JANITOR " sweep --timeout 1s");
	CHECK_STATUS(&result, 69);
	CU_ASSERT_TRUE(result.took_ms >= 1000 && result.took_ms < 120000);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "has not answered in time"));
	CHECK_NUMBER(swarm_lockfiles(), 1);
	CHECK_NUMBER(swarm_engine("resume-engine"), 0);
	sweep_to_the_end();
}

/* The engine stops answering while removals are under way. */
static void test_paused_in_mid_reap(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process sweep;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("shop", "stubborn"));
	process_start(&sweep, "exec " JANITOR " sweep --timeout 2s");
	usleep(80000);
	CHECK_NUMBER(swarm_engine("pause-engine"), 0);
	CU_ASSERT_TRUE(process_wait(&sweep, END_MS, &result) >= 0);
	if (result.status)
		CHECK_NUMBER(swarm_lockfiles(), 1);
	CHECK_NUMBER(swarm_engine("resume-engine"), 0);
	sweep_to_the_end();
}

/* It has the lock, and SIGTERM is an event to it by now. */
static bool is_reaping(void *sweep)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result,
		    "mask=$(sed -n 's/^SigBlk:[^0-9a-f]*//p' /proc/%d/status) && "
		    "[ $((0x$mask >> 14 & 1)) = 1 ] && " JANITOR " status shop | grep -q ^reaping",
		    (int)((const struct process *)sweep)->pid);
	return result.status == 0;
}

/* And so does SIGTERM. A removal may be under way that is carried out later. */
static void test_told_to_stop_in_mid_reap(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process sweep;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("shop", "stubborn"));
	CHECK_NUMBER(swarm_engine("pause-engine"), 0);
	process_start(&sweep, "exec " JANITOR " sweep");
	CU_ASSERT_TRUE(wait_until(is_reaping, &sweep, END_MS));
	background_signal(&sweep, SIGTERM);
	CHECK_NUMBER(process_wait(&sweep, END_MS, &result), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "told to stop"));
	CHECK_NUMBER(swarm_lockfiles(), 1);
	CHECK_NUMBER(swarm_engine("resume-engine"), 0);
	for (unsigned round = 0; round < 6; round++) {
		process_start(&sweep, "exec " JANITOR " sweep");
		usleep(20000 + round * 30000);
		background_signal(&sweep, SIGTERM);
		(void)process_wait(&sweep, END_MS, &result);
		if (result.status == 0)
			break;
		/* 143: before it could hear it. */
		if (result.status != 143)
			CHECK_NUMBER(result.status, 1);
		CHECK_NUMBER(swarm_lockfiles(), 1);
	}
	sweep_to_the_end();
}

static void test_no_listener(void)
{
	char host[512];
	const char *socket;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("shop", "polite"));
	snprintf(host, sizeof(host), "%s", getenv("DOCKER_HOST"));
	socket = host + strlen("unix://");
	CHECK_NUMBER(swarm_engine("kill-engine"), 0);
	CHECK_NUMBER(access(socket, F_OK), 0);
	sweep_leaves_all("nobody listens at unix://", 20000);
	CHECK_NUMBER(unlink(socket), 0);
	sweep_leaves_all("there is no socket at unix://", 20000);
	close(open(socket, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	sweep_leaves_all("is not a socket", 20000);
	CHECK_NUMBER(unlink(socket), 0);
	CHECK_NUMBER(swarm_engine("start-engine"), 0);
	sweep_to_the_end();
}

/* What the swarm had is gone with it; containers and volumes are the sweep's. */
static void test_swarm_left(void)
{
	char *objects;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("shop", "stubborn"));
	must_run("docker swarm leave --force");
	sweep_says(0, "shop: reaped");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	CHECK_NUMBER(swarm_anew(), 0);
	objects = swarm_objects("shop");
	CHECK_TEXT(objects, "");
	free(objects);
}

static void test_swarm_locked(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *key;

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("shop", "polite"));
	must_run("docker swarm update --autolock=true");
	run_command(&result, "docker swarm unlock-key -q");
	key = strdup(result.output);
	CHECK_NUMBER(swarm_engine("stop-engine"), 0);
	CHECK_NUMBER(swarm_engine("boot-engine"), 0);
	sweep_leaves_all("its swarm state is \"locked\"", 120000);

	run_command_with(&result, key, COMMAND_TIMEOUT_MS, "docker swarm unlock");
	CHECK_STATUS(&result, 0);
	free(key);
	/* Being a manager again takes a moment: the sweep waits for it. */
	sweep_to_the_end();
	must_run("docker swarm update --autolock=false");
}

/* Compose apps on a worker: nothing as long as swarm objects could exist unseen; the local ones
 * where the configuration says that they don't. The swarm's own are never touched. */
static void test_worker(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char config[512];
	char *worker;

	swarm_new_lock_dir();
	if (swarm_second_engine("")) {
		CU_FAIL("no second engine");
		return;
	}
	CHECK_NUMBER(swarm_make_worker(), 0);
	worker = strdup(getenv("DOCKER_HOST"));
	setenv("IMAGE", swarm_image(), 1);
	snprintf(config, sizeof(config), "%s/worker.conf", getenv("CI_JANITOR_LOCK_DIR"));
	run_command_with(&result, "[engine]\nswarm = ignore\n", 1000, "cat >'%s'", config);

	run_command(&result, "set -e; run() { " JANITOR " \"$@\"; }\n"
			     "! run run shop -- true");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "its swarm state is \"active\""));
	CU_ASSERT_TRUE(swarm_dead_run_of("shop", "--no-fresh", COMPOSE_APP));
	run_command(&result,
		    "docker run -d --name shop_web.1 --label com.docker.stack.namespace=shop"
		    " --label com.docker.swarm.service.id=abc %s stubborn",
		    swarm_image());
	CHECK_STATUS(&result, 0);
	sweep_leaves_all("its swarm state is \"active\"", 120000);
	run_command(&result, "docker ps -q | wc -l");
	CHECK_TEXT(result.output, "2\n");

	run_command(&result, JANITOR " --config '%s' sweep", config);
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(swarm_lockfiles(), 0);
	run_command(&result, "docker ps -a --format '{{.Names}}'; docker volume ls -q;"
			     " docker network ls --format '{{.Name}}' | grep shop");
	CHECK_TEXT(result.output, "shop_web.1\n");
	CHECK_TEXT(getenv("DOCKER_HOST"), worker);
	free(worker);
	swarm_back_to_first();
	CHECK_NUMBER(swarm_anew(), 0);
}

static const struct test tests[] = {
	{ "a paused engine: the sweep's own limit holds", test_paused },
	{ "paused in mid-reap", test_paused_in_mid_reap },
	{ "told to stop, again and again", test_told_to_stop_in_mid_reap },
	{ "a socket without a listener, no socket, no socket at all", test_no_listener },
	{ "the swarm was left", test_swarm_left },
	{ "the swarm is locked, then unlocked", test_swarm_locked },
	{ "a worker: all stays, unless the swarm is to be ignored", test_worker },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_engine_states, tests, swarm_set_up, swarm_tear_down);
