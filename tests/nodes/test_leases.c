/* Leases where they are for: each node is a CI host of its own, and loses its cable, its power or
 * its pulse. Nodes 1, 2 and 3 are managers; the jobs run on 1 and 2. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness/harness.h"
#include "nodes/fixture.h"

#define TERM "30s"
#define SHORT_TERM "12s" /* looked at while the managers have no leader */
#define END_MS 180000
#define RACES 20
#define CRASHES 2

static bool file_is_there(void *path)
{
	return access(path, F_OK) == 0;
}

/* $ON1, $ON2: ci-janitor as that node, with its own lock directory, by its own manager. $PLAY is a
 * folder that all of them and this program see; it is on the engines' disk, where a lock of an
 * engine that was killed can make a fresh start doubt whose it is. */
static void hosts_for(const char *term, bool own_disk)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char name[8], command[1024];

	setenv("PLAY", temp_dir(), 1);
	(void)unsetenv("CI_JANITOR_LOCK_DIR");
	for (int node = 1; node <= 2; node++) {
		run_command(&result,
			    "set -e; dir=%s%d; %s mkdir -p $dir; printf '[lock]\\ndir = "
			    "%%s\\ncluster = yes\\ncluster_term = %s\\n[engine]\\nhost = %%s\\n"
			    "[run]\\nkill_grace = 1s\\n' $dir $NODE%d >$PLAY/%d.conf",
			    own_disk ? "/run/locks" : "$PLAY/", node, node_inside(node), term, node,
			    node);
		CHECK_STATUS(&result, 0);
		(void)snprintf(name, sizeof(name), "ON%d", node);
		(void)snprintf(command, sizeof(command),
			       "%s env -u DOCKER_HOST " JANITOR " -c %s/%d.conf", node_inside(node),
			       getenv("PLAY"), node);
		/* The shell doesn't look at quotes in what $ON1 stands for. */
		for (char *c = command; *c; c++)
			if (*c == '\'')
				*c = ' ';
		setenv(name, command, 1);
	}
}

static void hosts(void)
{
	hosts_for(TERM, false);
}

/* Starts a run on the node whose command writes its name and the time into the oracle's file again
 * and again, for as long as it lives. */
static void start_run(struct process *ret, int node)
{
	char mark[512];

	(void)snprintf(mark, sizeof(mark), "%s/began%d", getenv("PLAY"), node);
	(void)unlink(mark);
	process_start(ret,
		      "exec $ON%d run --holder job shop -- sh -c 'while :; do echo %d "
		      "$(cut -d\" \" -f1 /proc/uptime) >>$PLAY/oracle; touch %s; sleep 0.05; done'",
		      node, node, mark);
	CU_ASSERT_TRUE(wait_until(file_is_there, mark, END_MS));
}

/* By the first manager that knows; 0: none does, or not all nodes are there. */
static int leader(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(
		&result,
		"for host in $NODE1 $NODE2 $NODE3; do list=$(timeout 10 docker -H $host node ls "
		"--format '{{.Hostname}} {{.Status}} {{.ManagerStatus}}') || continue\n"
		"	[ $(echo \"$list\" | grep -c ' Ready ') = 3 ] || exit\n"
		"	echo \"$list\" | sed -n 's/^node\\(.\\) .* Leader$/\\1/p'; exit; done");
	return atoi(result.output);
}

static bool has_leader(void *data)
{
	int *node = data;

	*node = leader();
	return *node > 0;
}

/* The last line of the first comes before the first one of the second; by one clock, the kernel's.
 */
static void check_no_overlap(int first, int second)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result,
		    "awk '$1 == %d { last = $2 } $1 == %d && !begin { begin = $2 } END { "
		    "print (last && begin && last < begin) ? \"apart\" : last \" \" begin }' "
		    "$PLAY/oracle",
		    first, second);
	CHECK_TEXT(result.output, "apart\n");
}

/* A leader that crashes makes room for another, whichever that is. */
static bool leads(void *node)
{
	int first = leader();

	if (first && first != *(int *)node) {
		CHECK_NUMBER(node_do(first, "kill-engine"), 0);
		CHECK_NUMBER(node_do(first, "boot-engine"), 0);
	}
	return first == *(int *)node;
}

/* Without a leader it hangs for longer than a run waits for an engine. */
static bool answers(void *host)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	return run_command(&result, "timeout 5 docker -H %s node ls", (const char *)host) == 0;
}

/* The holder is cut off: it stops itself, and only then its successor begins. */
static void cut_off_beside(int first_leader)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process first, second;

	CU_ASSERT_TRUE_FATAL(wait_until(leads, &first_leader, END_MS));
	start_run(&first, 2);
	CHECK_NUMBER(node_do(2, "cut"), 0);
	CU_ASSERT_TRUE(wait_until(answers, getenv("NODE1"), END_MS));
	start_run(&second, 1);
	CHECK_NUMBER(process_wait(&first, END_MS, &result), 75);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "could not be renewed in time"));
	check_no_overlap(2, 1);
	run_command(&result, "$ON1 release --holder job shop");
	CHECK_STATUS(&result, 0);
	process_wait(&second, END_MS, &result);
	CHECK_STATUS(&result, 143);
	CHECK_NUMBER(node_do(2, "mend"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
	run_command_with(&result, NULL, END_MS,
			 "$ON2 sweep >&2 && ls $PLAY/1 $PLAY/2 && docker config ls -q");
	CU_ASSERT_PTR_NULL(strstr(result.output, ".lock"));
}

static void test_partition(void)
{
	hosts();
	cut_off_beside(1);
}

/* And the others have to choose another leader. */
static void test_partition_of_leader(void)
{
	hosts();
	cut_off_beside(2);
}

/* The power fails on the holder's node: its app is the other host's after the term; or its own at
 * once when it is back. */
static void test_power(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process first;

	hosts();
	start_run(&first, 2);
	CHECK_NUMBER(node_do(2, "kill-node"), 0);
	(void)process_wait(&first, END_MS, NULL);
	run_command(&result, "rm -f $PLAY/2/*; $ON1 sweep; docker config ls -q | wc -l");
	CU_ASSERT(has_line(result.output, "1"));
	CHECK_NUMBER(node_do(2, "boot-node"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
	run_command_with(&result, NULL, END_MS, "$ON2 sweep >&2; docker config ls -q | wc -l");
	CHECK_TEXT(result.output, "0\n");

	start_run(&first, 2);
	CHECK_NUMBER(node_do(2, "kill-node"), 0);
	(void)process_wait(&first, END_MS, NULL);
	run_command_with(&result, NULL, END_MS, "$ON1 run shop -- true");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(node_do(2, "boot-node"), 0);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
}

/* The holder's engine hangs: it can't renew, and stops in time. */
static void test_engine_hangs(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process first, second;

	hosts();
	start_run(&first, 2);
	CHECK_NUMBER(node_do(2, "pause-engine"), 0);
	start_run(&second, 1);
	check_no_overlap(2, 1);
	CHECK_NUMBER(node_do(2, "resume-engine"), 0);
	(void)process_wait(&first, END_MS, &result);
	run_command(&result, "$ON1 release --holder job shop");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(process_wait(&second, END_MS, NULL), 143);
	CU_ASSERT_TRUE(node_wait_until(2, "ready"));
}

/* Two hosts, each by its own manager: as in swarm/test_leases.c. LEASE_RACES=1000 by hand. */
static void test_races(void)
{
	const char *rounds = getenv("LEASE_RACES");
	CLEANUP_COMMAND struct command_result result = { 0 };
	int count = rounds ? atoi(rounds) : RACES;

	hosts();
	setenv("JOB", "mkdir $PLAY/one && echo $1 >>$PLAY/turns; sleep 0.02; rmdir $PLAY/one", 1);
	run_command_with(&result, NULL, END_MS + count * 5000,
			 "for host in \"$ON1\" \"$ON2\"; do (i=0; while [ $i -lt %d ]; do\n"
			 "	$host run shop -- sh -ec \"$JOB\" sh x || touch $PLAY/failed\n"
			 "	i=$((i + 1)); done) & done; wait; wc -l <$PLAY/turns",
			 count);
	CHECK_NUMBER(atoi(result.output), 2 * count);
	run_command(&result, "ls $PLAY/failed");
	CHECK_STATUS(&result, 2);
}

/* Node 2's machine was cloned from node 1's, which lives: what that one has leased isn't its own
 * from before a boot. */
static void test_clones(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process first;

	hosts();
	run_command(&result,
		    "set -e; cp $BASE/2/machine-id $PLAY/machine-id\n"
		    "cat $BASE/1/machine-id >$BASE/2/machine-id; %s hostname node1",
		    node_inside(2));
	CHECK_STATUS(&result, 0);
	start_run(&first, 1);
	run_command_with(&result, NULL, END_MS, "$ON2 sweep >&2; docker config ls -q | wc -l");
	CHECK_TEXT(result.output, "1\n");
	run_command(&result, "$ON2 doctor");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "node1, has this machine's id"));
	run_command(&result, "$ON2 run --if-held=fail shop -- true");
	CHECK_STATUS(&result, 75);
	run_command(&result, "$ON1 release --holder job shop");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(process_wait(&first, END_MS, NULL), 143);
	run_command(&result, "cat $PLAY/machine-id >$BASE/2/machine-id; %s hostname node2",
		    node_inside(2));
	CHECK_STATUS(&result, 0);
}

/* The engine that leads crashes, and is started anew at once. For as long as the others take it for
 * their leader it answers, and doesn't know of its last writes: a lease that it doesn't show is not
 * gone. LEASE_CRASHES=20 by hand. */
static void test_leader_crashes(void)
{
	const char *rounds = getenv("LEASE_CRASHES");

	hosts_for(SHORT_TERM, true);
	for (int i = 0; i < (rounds ? atoi(rounds) : CRASHES); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		struct process run;
		int first, status;

		CU_ASSERT_TRUE_FATAL(wait_until(has_leader, &first, END_MS));
		start_run(&run, first == 1 ? 2 : 1);
		CHECK_NUMBER(node_do(first, "kill-engine"), 0);
		CHECK_NUMBER(node_do(first, "boot-engine"), 0);
		CU_ASSERT_TRUE(wait_until(has_leader, &first, END_MS));
		(void)background_signal(&run, SIGTERM);
		status = process_wait(&run, END_MS, &result);
		CU_ASSERT(status == 75 || status == 143);
		CU_ASSERT_PTR_NULL(strstr(result.errors, "another's"));
		run_command_with(&result, NULL, END_MS, "$ON1 sweep; $ON2 sweep");
	}
}

static const struct test clone_tests[] = {
	{ "a cloned machine", test_clones },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes_clones, clone_tests, nodes_set_up_managers, nodes_tear_down);

static const struct test crash_tests[] = {
	{ "the leader's engine crashes", test_leader_crashes },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes_crashes, crash_tests, nodes_set_up_managers, nodes_tear_down);

static const struct test tests[] = {
	{ "two hosts take turns", test_races },
	{ "the holder is cut off", test_partition },
	{ "the holder is cut off, and its manager led", test_partition_of_leader },
	{ "the holder's power fails", test_power },
	{ "the holder's engine hangs", test_engine_hangs },
	{ NULL, NULL },
};
TEST_SUITE_WITH(nodes_leases, tests, nodes_set_up_managers, nodes_tear_down);
