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

	lease_hosts();
	start_run(&run, "$A");
	run_command(&result, "sed -i 's/cluster_term.*/cluster_term = 5s/' $PLAY/a.conf");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(lease_keeper_signal(lease_keeper(&run), SIGKILL), 0);
	/* The first could still be a request of the one that was killed. */
	CU_ASSERT_TRUE(lease_is_renewed());
	CU_ASSERT_TRUE(lease_is_renewed());
	labels = lease_labels("shop");
	CU_ASSERT(has_line(labels, "ci-janitor.lease.term=" TERM_TEXT) ||
		  has_line(labels, "ci-janitor.lease.term=" TERM_TEXT_MS));
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
	pid_t keeper;

	lease_hosts();
	start_run(&first, "$A");
	keeper = lease_keeper(&first);
	CHECK_NUMBER(lease_keeper_signal(keeper, SIGSTOP), 0);
	CHECK_NUMBER(background_signal(&first, SIGSTOP), 0);
	start_run(&second, "$B");
	CHECK_NUMBER(background_signal(&first, SIGCONT), 0);
	/* It may be gone: the run has ended it. */
	(void)lease_keeper_signal(keeper, SIGCONT);
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

static bool is_stopped(void *pid)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "ps -o stat= -p %d", *(pid_t *)pid);
	return result.output[0] == 'T';
}

/* As a terminal's job: what renews the lease goes on meanwhile, and the run goes by its news. */
static void test_suspended(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process terminal;
	pid_t run;

	lease_hosts();
	run_command(&result, "cat >$PLAY/job.sh <<EOF\nset -m\n"
			     "$A run shop -- sh -c 'touch $PLAY/mark; "
			     "until [ -e $PLAY/go ]; do sleep 0.1; done'\n"
			     "until [ -e $PLAY/go ]; do sleep 0.1; done; fg; echo ended \\$?\nEOF");
	process_start(&terminal, "exec script -qec \"bash $PLAY/job.sh\" /dev/null");
	wait_for_mark();
	run_command(&result, "pgrep -of \"$PLAY/[a].conf run shop\"");
	CHECK_STATUS(&result, 0);
	run = (pid_t)atoi(result.output);
	CHECK_NUMBER(run > 1 ? kill(-run, SIGTSTP) : -1, 0);
	CU_ASSERT_TRUE(wait_until(is_stopped, &run, END_MS));
	sleep(TERM);
	run_command(&result, "touch $PLAY/go");
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
