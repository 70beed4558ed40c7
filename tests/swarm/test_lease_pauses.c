/* A run with a lease whose configuration changes, or that is stopped for a while. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "harness/harness.h"
#include "swarm/fixture.h"
#include "swarm/lease_fixture.h"

#define END_MS 60000
#define KEEPER "$(pgrep -f \"keep-lease.*shop\" -P %d)"

static bool file_is_there(void *path)
{
	return access(path, F_OK) == 0;
}

static void wait_for_mark(void)
{
	char mark[512];

	(void)snprintf(mark, sizeof(mark), "%s/mark", getenv("PLAY"));
	CU_ASSERT_TRUE(wait_until(file_is_there, mark, END_MS));
	(void)unlink(mark);
}

static void start_run(struct process *ret, const char *host)
{
	process_start(ret,
		      "exec %s run shop -- sh -c 'docker volume create --label "
		      "com.docker.stack.namespace=shop shop_data && touch $PLAY/mark && sleep 600; "
		      "true'",
		      host);
	wait_for_mark();
}

/* The run goes by the term with which it began, and so does what renews and releases its lease:
 * others would take it sooner than the run ends. */
static void test_configuration(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	CLEANUP_FREE char *labels = NULL;
	struct process run;
	int64_t version;

	lease_hosts();
	start_run(&run, "$A");
	version = lease_version();
	run_command(&result,
		    "sed -i 's/cluster_term.*/cluster_term = 5s/' $PLAY/a.conf && "
		    "kill -KILL " KEEPER,
		    (int)run.pid);
	CHECK_STATUS(&result, 0);
	sleep(TERM);
	CU_ASSERT(lease_version() > version);
	labels = lease_labels("shop");
	CU_ASSERT(has_line(labels, "ci-janitor.lease.term=" TERM_TEXT) ||
		  has_line(labels, "ci-janitor.lease.term=6000ms"));
	run_command(&result, "sed -i 's/cluster = yes/cluster = no/' $PLAY/a.conf");
	CHECK_NUMBER(background_signal(&run, SIGTERM), 0);
	CHECK_NUMBER(process_wait(&run, END_MS, NULL), 143);
	CHECK_NUMBER(lease_count(), 0);
	CHECK_NOTHING_LEFT("shop");
}

/* Stopped with what renews its lease, until another host's run has it: then it ends at once, and
 * touches nothing of the other's. */
static void test_overtaken(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process first, second;

	lease_hosts();
	start_run(&first, "$A");
	run_command(&result, "kill -STOP " KEEPER " %d", (int)first.pid, (int)first.pid);
	CHECK_STATUS(&result, 0);
	start_run(&second, "$B");
	run_command(&result, "kill -CONT %d " KEEPER, (int)first.pid, (int)first.pid);
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(process_wait(&first, END_MS, &result), 75);
	CU_ASSERT_TRUE(process_is_running(&second));
	CHECK_OBJECTS("shop", "volume shop_data\n");
	CHECK_NUMBER(background_signal(&second, SIGTERM), 0);
	CHECK_NUMBER(process_wait(&second, END_MS, NULL), 143);
	CHECK_NOTHING_LEFT("shop");
	run_command(&result, "$A sweep >&2 && ls $A_LOCKS");
	CHECK_TEXT(result.output, "");
	CHECK_NUMBER(lease_count(), 0);
}

/* As a terminal's job: what renews the lease goes on meanwhile, and the run goes by its news. */
static void test_suspended(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process terminal;

	lease_hosts();
	run_command(&result,
		    "cat >$PLAY/job.sh <<EOF\nset -m\n"
		    "$A run shop -- sh -c 'touch $PLAY/mark; sleep 2; true'\n"
		    "sleep %d; fg; echo ended \\$?\nEOF",
		    TERM);
	process_start(&terminal, "exec script -qec \"bash $PLAY/job.sh\" /dev/null");
	wait_for_mark();
	run_command(&result, "kill -s TSTP -- -$(pgrep -of \"[c]i-janitor.*a.conf run shop\")");
	CHECK_STATUS(&result, 0);
	sleep(1);
	run_command(&result, "ps -o stat= -p $(pgrep -of \"[c]i-janitor.*a.conf run shop\")");
	CHECK_NUMBER(result.output[0], 'T');
	CHECK_NUMBER(process_wait(&terminal, END_MS, &result), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "ended 0"));
	CHECK_NUMBER(lease_count(), 0);
}

static const struct test tests[] = {
	{ "another configuration", test_configuration },
	{ "stopped, and overtaken", test_overtaken },
	{ "suspended by the terminal", test_suspended },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_lease_pauses, tests, swarm_set_up, swarm_tear_down);
