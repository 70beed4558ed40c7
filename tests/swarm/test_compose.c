/* Compose projects, by the labels that each of its versions sets, and what is beside them. */
#include <stdio.h>
#include <stdlib.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

/* Shell functions for both: $LABEL begins each label, $P is the project, $IMAGE the image. */
#define FUNCTIONS                                                                                  \
	"set -e\n"                                                                                 \
	"LABEL=\"--label com.docker.compose.\"\n"                                                  \
	"network() { docker network create ${LABEL}project=$P ${LABEL}network=$1"                  \
	" ${LABEL}version=$VERSION ${P}_$1; }\n"                                                   \
	"volume() { docker volume create ${LABEL}project=$P ${LABEL}volume=$1"                     \
	" ${LABEL}version=$VERSION ${P}_$1; }\n"                                                   \
	"container() { name=$1 service=$2 number=$3 oneoff=$4; shift 4\n"                          \
	"	docker run -d --name $name ${LABEL}project=$P ${LABEL}service=$service"                  \
	" ${LABEL}oneoff=$oneoff ${LABEL}config-hash=7f1a ${LABEL}version=$VERSION"                \
	" ${LABEL}project.working_dir=/srv/$P ${LABEL}project.config_files=compose.yml"            \
	" ${LABEL}container-number=$number \"$@\"; }\n"

static const char v1[] = FUNCTIONS
	"VERSION=1.29.2\n"
	"network default; volume data\n"
	"container ${P}_db_1 db 1 False --network ${P}_default -v ${P}_data:/data $IMAGE stubborn\n"
	"container ${P}_web_1 web 1 False --network ${P}_default -v /cache $IMAGE\n"
	"container ${P}_web_2 web 2 False --network ${P}_default $IMAGE crash\n"
	"container ${P}_web_run_1 web 1 True ${LABEL}slug=1a2b --network ${P}_default $IMAGE\n";

static const char v2[] = FUNCTIONS
	"VERSION=2.26.1\n"
	"network default; network back; volume data\n"
	"container $P-db-1 db 1 False ${LABEL}image=sha256:0 ${LABEL}depends_on="
	" --network ${P}_back -v ${P}_data:/data -v /run/anonymous $IMAGE stubborn\n"
	"container $P-web-1 web 1 False ${LABEL}image=sha256:0"
	" ${LABEL}depends_on=db:service_started:false --network ${P}_default $IMAGE\n"
	"docker network connect ${P}_back $P-web-1\n"
	"container $P-web-run-9f8e7d6c web 1 True ${LABEL}slug=9f8e --network host $IMAGE\n";

/* External networks and volumes have no label; what only looks alike has another project's. */
static const char beside[] =
	"set -e\n"
	"docker network create shop_external; docker volume create shop_external\n"
	"docker volume create --label com.docker.compose.project=shop2 shop2_data\n"
	"docker volume create --label com.docker.compose.project=shop-2 shop_data_2\n"
	"docker volume create --label com.docker.compose.projects=shop shop_data_3\n"
	"docker volume create --label com.docker.compose.project=Shop shop_data_4\n"
	"docker run -d --name shop-web-3 --label com.docker.compose.service=shop $IMAGE\n";

static void test_version(const char *what)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *before, *after;

	swarm_new_lock_dir();
	setenv("IMAGE", swarm_image(), 1);
	setenv("P", "shop", 1);
	run_command(&result, "%s", beside);
	CHECK_STATUS(&result, 0);
	before = swarm_objects("");
	CU_ASSERT_TRUE(swarm_dead_run_of("shop", "", what));
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(swarm_lockfiles(), 0);
	after = swarm_objects("");
	CHECK_TEXT(after, before);
	free(before);
	free(after);
	CHECK_NUMBER(swarm_tear_down(), 0);
}

static void test_v1(void)
{
	test_version(v1);
}

static void test_v2(void)
{
	test_version(v2);
}

/* Where no swarm is, no swarm object exists, and nothing waits for one. */
static void test_without_a_swarm(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "docker swarm leave --force");
	CHECK_STATUS(&result, 0);
	test_version(v2);
	CHECK_NUMBER(swarm_anew(), 0);
}

static const struct test tests[] = {
	{ "the labels of Compose v1", test_v1 },
	{ "the labels of Compose v2", test_v2 },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_compose, tests, swarm_set_up, swarm_tear_down);

static const struct test tests_without_a_swarm[] = {
	{ "Compose on an engine without a swarm", test_without_a_swarm },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_none, tests_without_a_swarm, swarm_set_up, swarm_tear_down);
