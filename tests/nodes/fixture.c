#include "nodes/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"

#define SCRIPT SOURCE_DIR "/tests/fixture/engine.sh"
#define START_MS 180000

static char base[400];
static char dirs[NODES_MAX + 1][sizeof(base) + 16];
static char insides[NODES_MAX + 1][sizeof(base) + 512];
static int count, managers;
static pid_t owner;

static void stop_nodes(void)
{
	struct command_result result = { 0 };

	if (getpid() != owner)
		return;
	for (int node = 1; node <= count; node++)
		if (run_command(&result, SCRIPT " stop '%s'", dirs[node]))
			fprintf(stderr, "%s", result.errors);
	command_result_release(&result);
	count = 0;
}

/* Heartbeats more often than the default of 5 s: a node is down after three that are missing. */
static const char start_all[] =
	"set -e\n"
	"address() { echo --advertise-addr 192.0.2.$1 --listen-addr 192.0.2.$1:2377; }\n"
	"for node in $(seq $COUNT); do\n"
	"	ENGINE_NAME=node$node ENGINE_SWARM=no $SCRIPT start $BASE/$node & pids=\"$pids "
	"$!\"\n"
	"done\n"
	"for pid in $pids; do wait $pid; done\n"
	"for node in $(seq $COUNT); do\n"
	"	for other in $(seq $((node + 1)) $COUNT); do\n"
	"		$SCRIPT link $BASE/$node $node $BASE/$other $other; done\n"
	"done\n"
	"docker -H $NODE1 swarm init --dispatcher-heartbeat 2s $(address 1) >/dev/null\n"
	"image=$($SCRIPT import-image $BASE/1)\n"
	"for node in $(seq 2 $COUNT); do\n"
	"	docker -H $NODE1 save $image | docker -H unix://$BASE/$node/docker.sock load "
	">/dev/null\n"
	"	role=worker; [ $node -gt $MANAGERS ] || role=manager\n"
	"	docker -H unix://$BASE/$node/docker.sock swarm join $(address $node)"
	" --token $(docker -H $NODE1 swarm join-token -q $role) 192.0.2.1:2377 >/dev/null\n"
	"done\n"
	"echo $image\n";

static void name_node(int node)
{
	char name[16], address[sizeof(dirs[0]) + 32];

	snprintf(dirs[node], sizeof(dirs[node]), "%s/%d", base, node);
	snprintf(insides[node], sizeof(insides[node]), SCRIPT " inside '%s'", dirs[node]);
	snprintf(name, sizeof(name), "NODE%d", node);
	snprintf(address, sizeof(address), "unix://%s/docker.sock", dirs[node]);
	setenv(name, address, 1);
}

static int start_nodes(int nodes, int of_them_managers)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	snprintf(base, sizeof(base), "%s", temp_dir());
	count = nodes;
	managers = of_them_managers;
	for (int node = 1; node <= count; node++)
		name_node(node);
	setenv("BASE", base, 1);
	if (run_command_with(&result, NULL, START_MS,
			     "export ENGINE_OWNER=%d; SCRIPT=" SCRIPT "; COUNT=%d MANAGERS=%d\n%s",
			     getpid(), count, managers, start_all)) {
		fprintf(stderr, "unable to start the nodes: %s\n", result.errors);
		stop_nodes();
		return -1;
	}
	result.output[strcspn(result.output, "\n")] = '\0';
	swarm_adopt(dirs[1], result.output);
	return 0;
}

static int want_nodes(int nodes, int of_them_managers)
{
	/* The folders' removal is registered first, and so comes last. */
	(void)temp_dir();
	if (!owner)
		atexit(stop_nodes);
	owner = getpid();
	if (count == nodes && managers == of_them_managers)
		return 0;
	stop_nodes();
	return start_nodes(nodes, of_them_managers);
}

int nodes_set_up(void)
{
	return want_nodes(2, 1);
}

int nodes_set_up_managers(void)
{
	return want_nodes(3, 3);
}

static bool is_empty(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	bool empty = true;

	(void)data;
	for (int node = 1; node <= count; node++) {
		char *objects;

		run_command(&result,
			    "docker -H $NODE%d ps -aq | xargs -r docker -H $NODE%d rm -fv\n"
			    "docker -H $NODE%d network prune -f\n"
			    "docker -H $NODE%d volume ls -q |"
			    " xargs -r docker -H $NODE%d volume rm\n",
			    node, node, node, node, node);
		objects = node_objects(node, "");
		empty &= !*objects;
		free(objects);
	}
	return empty;
}

int nodes_tear_down(void)
{
	int status = swarm_tear_down();

	return wait_until(is_empty, NULL, 20000) ? status : -1;
}

int node_do(int node, const char *verb)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	int status = run_command_with(&result, NULL, START_MS, SCRIPT " %s '%s'", verb, dirs[node]);

	if (status)
		fprintf(stderr, "engine.sh %s: %s\n", verb, result.errors);
	return status;
}

const char *node_inside(int node)
{
	return insides[node];
}

struct wanted {
	int node;
	const char *state;
};

static bool has_state(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const struct wanted *wanted = data;

	run_command(&result,
		    "docker -H $NODE1 node ls --format '{{.Hostname}} {{.Status}}' |"
		    " grep -ix 'node%d %s'",
		    wanted->node, wanted->state);
	return result.status == 0;
}

bool node_wait_until(int node, const char *state)
{
	struct wanted wanted = { node, state };

	return wait_until(has_state, &wanted, 60000);
}

char *node_objects(int node, const char *prefix)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	/* A failed listing must not look like an empty one. */
	run_command(&result,
		    "set -e\n"
		    "export DOCKER_HOST=$NODE%d\n"
		    "all=$(docker ps -a --format 'container {{.Names}}' |"
		    " sed 's/\\.[a-z0-9]*\\.[a-z0-9]*$//'\n"
		    "docker network ls --format 'network {{.Name}}'\n"
		    "docker volume ls --format 'volume {{.Name}}')\n"
		    "printf '%%s\\n' \"$all\" | LC_ALL=C sort | awk -v prefix='%s' '\n"
		    "	/^network (bridge|host|none|ingress|docker_gwbridge)$/ { next }\n"
		    "	NF && index($2, prefix) == 1'",
		    node, prefix);
	return strdup(result.status ? result.errors : result.output);
}

void node_check(int node, const char *prefix, const char *expected, const char *file, unsigned line)
{
	char what[256];
	char *objects = node_objects(node, prefix);

	snprintf(what, sizeof(what), "objects of %s on node %d", *prefix ? prefix : "all", node);
	check_text(objects, expected, what, file, line);
	free(objects);
}
