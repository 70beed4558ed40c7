/* Two hosts on one swarm: whose app it is, when a host may take another's, and what it does then.
 */
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
#define LONG_TERM "60s" /* where none runs out */
#define RACES 12

static bool file_is_there(void *path)
{
	return access(path, F_OK) == 0;
}

/* Starts a run of shop on the host ("$A"), whose command makes a volume and an unlabelled secret,
 * then sleeps; returns when that is done. */
static void start_run(struct process *ret, const char *host, const char *options)
{
	char mark[512];

	(void)snprintf(mark, sizeof(mark), "%s/mark", getenv("PLAY"));
	(void)unlink(mark);
	process_start(ret,
		      "exec %s run %s shop -- sh -c 'docker volume create --label "
		      "com.docker.stack.namespace=shop shop_data && echo x | docker secret create "
		      "shop_key - && touch %s && sleep 600; true'",
		      host, options, mark);
	CU_ASSERT_TRUE(wait_until(file_is_there, mark, END_MS));
}

static void test_life_of_a_lease(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	CLEANUP_FREE char *labels = NULL;
	struct process run;

	lease_hosts();
	start_run(&run, "$A", "");
	labels = lease_labels("shop");
	CU_ASSERT(has_line(labels, "ci-janitor.lease=held"));
	CU_ASSERT(has_line(labels, "ci-janitor.lease.app=shop"));
	CU_ASSERT(has_line(labels, "ci-janitor.host=host-a"));
	CU_ASSERT(lease_is_renewed());
	CHECK_NUMBER(background_signal(&run, SIGTERM), 0);
	CHECK_NUMBER(process_wait(&run, END_MS, &result), 143);
	CHECK_NUMBER(lease_count(), 0);
	CHECK_NOTHING_LEFT("shop");
}

static void test_busy(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run, waiting;

	lease_hosts_for(LONG_TERM);
	start_run(&run, "$A", "");
	run_command(&result, "$B run --if-held=fail shop -- true");
	CHECK_STATUS(&result, 75);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "on host host-a"));
	run_command(&result, "$B run --if-held=fail -E 3 --no-fresh shop -- true");
	CHECK_STATUS(&result, 3);
	run_command(&result, "$B run --if-held=skip shop -- false");
	CHECK_STATUS(&result, 0);
	run_command(&result, "$B run --wait 1s shop -- true");
	CHECK_STATUS(&result, 75);
	run_command(&result, "$B reap shop");
	CHECK_STATUS(&result, 75);
	run_command(&result, "$B reap --force shop");
	CHECK_STATUS(&result, 75);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "--lease-host"));
	run_command(&result, "$B reap --force --lease-host host-c shop");
	CHECK_STATUS(&result, 75);
	run_command(&result, "ls -A $B_LOCKS");
	CHECK_TEXT(result.output, "");
	process_start(&waiting, "exec $B run shop -- echo after");
	sleep(1);
	CU_ASSERT_TRUE(process_is_running(&waiting));
	CHECK_OBJECTS("shop", "secret shop_key\nvolume shop_data\n");
	CHECK_NUMBER(background_signal(&run, SIGTERM), 0);
	CHECK_NUMBER(process_wait(&run, END_MS, NULL), 143);
	CHECK_NUMBER(process_wait(&waiting, END_MS, &result), 0);
	CHECK_TEXT(result.output, "after\n");
	CHECK_NUMBER(lease_count(), 0);
}

/* The lease of a holder that was killed is another host's when the term is over, not before; and
 * what the run's command had started doesn't live that long. */
static void test_killed_holder(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;
	int64_t killed;

	lease_hosts();
	start_run(&run, "$A", "");
	CHECK_NUMBER(background_signal(&run, SIGKILL), 0);
	killed = now_ms();
	CHECK_NUMBER(process_wait(&run, END_MS, NULL), 137);
	run_command(&result, "$B run shop -- sh -c \"pgrep -fc '$PLAY/mark && sleep [6]00'; "
			     "docker volume ls -q\"");
	CHECK_STATUS(&result, 0);
	CHECK_TEXT(result.output, "0\n");
	/* The last renewal may have been a third of the term before it was killed. */
	CU_ASSERT(now_ms() - killed >= TERM * 1000 * 2 / 3);
	CHECK_NOTHING_LEFT("shop");
	run_command(&result, "$A sweep >&2 && ls $A_LOCKS");
	CHECK_STATUS(&result, 0);
	CHECK_TEXT(result.output, "");
	CHECK_NUMBER(lease_count(), 0);
}

/* Sweeps of another host watch for the term, from one to the next. */
static void test_sweeps_watch(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;
	int64_t seen = 0;

	lease_hosts();
	start_run(&run, "$A", "");
	CHECK_NUMBER(background_signal(&run, SIGKILL), 0);
	(void)process_wait(&run, END_MS, NULL);
	for (int64_t began = now_ms(); lease_count() && now_ms() - began < END_MS;) {
		CHECK_OBJECTS("shop", "secret shop_key\nvolume shop_data\n");
		seen = seen ? seen : now_ms();
		run_command(&result, "$B sweep");
		CHECK_STATUS(&result, 0);
		usleep(500000);
	}
	CU_ASSERT(now_ms() - seen >= TERM * 1000);
	CHECK_NOTHING_LEFT("shop");
	CHECK_NUMBER(lease_count(), 0);
}

/* After a boot the lockfiles are gone, and the leases are not. */
static void test_booted_anew(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;

	lease_hosts_for(LONG_TERM);
	start_run(&run, "$A", "--stack other");
	CHECK_NUMBER(background_signal(&run, SIGKILL), 0);
	(void)process_wait(&run, END_MS, NULL);
	run_command(&result, "docker volume create --label com.docker.stack.namespace=other "
			     "other_data; rm $A_LOCKS/*; $B sweep; $A2 sweep --dry-run");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "shop_data"));
	CHECK_NUMBER(lease_count(), 1);
	run_command(&result, "$A2 sweep && ls $A_LOCKS");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NULL(strstr(result.output, ".lock"));
	CHECK_NUMBER(lease_count(), 0);
	run_command(&result, "docker volume ls -q");
	CHECK_TEXT(result.output, "");
	run_command(&result, "docker secret rm shop_key");
}

/* What renews the lease is killed: it is started again. It is stopped: the run ends in time. */
static void test_keeper(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;

	lease_hosts();
	start_run(&run, "$A", "");
	CHECK_NUMBER(lease_keeper_signal(lease_keeper(&run), SIGKILL), 0);
	/* The first could still be a request of the one that was killed. */
	CU_ASSERT(lease_is_renewed());
	CU_ASSERT(lease_is_renewed());
	CU_ASSERT_TRUE(process_is_running(&run));
	CHECK_NUMBER(lease_keeper_signal(lease_keeper(&run), SIGSTOP), 0);
	CHECK_NUMBER(process_wait(&run, END_MS, &result), 75);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "could not be renewed in time"));
	CHECK_NOTHING_LEFT("shop");
	CHECK_NUMBER(lease_count(), 0);
}

/* What this host shows of another's app, and of its own. */
static void test_shown(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;

	lease_hosts();
	start_run(&run, "$A", "");
	run_command(&result, "$B list");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "shop  leased"));
	CU_ASSERT(has_line(result.output,
			   "shop: a run on host host-a has its lease, with a term of " TERM_TEXT));
	run_command(&result, "$B status shop");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(strncmp(result.output, "leased ", 7), 0);
	run_command(&result, "$B status shop_other");
	CHECK_STATUS(&result, 3);
	run_command(&result, "$B --json list");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "\"lease_host\":\"host-a\""));
	run_command(&result, "$A list");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "shop  held"));
	run_command(&result, "$A doctor; $B doctor; " JANITOR " --lock-dir $PLAY/a doctor");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "1 in the swarm, 1 of this host"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "1 in the swarm, 0 of this host"));
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "which this host doesn't heed"));
	/* Without the engine it can't be known that nobody has it. */
	run_command(&result, "$B -H unix://$PLAY/nobody status shop");
	CHECK_STATUS(&result, 4);
	run_command(&result, "$B -H unix://$PLAY/nobody list");
	CHECK_STATUS(&result, 69);
	CHECK_NUMBER(background_signal(&run, SIGTERM), 0);
	CHECK_NUMBER(process_wait(&run, END_MS, NULL), 143);
	CHECK_NUMBER(lease_count(), 0);
}

static void test_force(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;

	lease_hosts();
	start_run(&run, "$A", "");
	run_command(&result, "$B reap --force --lease-host host-a shop");
	CHECK_STATUS(&result, 0);
	CHECK_NUMBER(process_wait(&run, END_MS, &result), 75);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "the lease of shop is another's"));
	CHECK_NOTHING_LEFT("shop");
	CHECK_NUMBER(lease_count(), 0);
}

/* What a live run of another host could have named is not a dead one's. */
static void test_neighbours(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;
	char mark[512];

	lease_hosts_for(LONG_TERM);
	process_start(&run, "exec $B run shop_key -- sh -c 'touch $PLAY/mine; sleep 600; true'");
	(void)snprintf(mark, sizeof(mark), "%s/mine", getenv("PLAY"));
	CU_ASSERT_TRUE(wait_until(file_is_there, mark, END_MS));
	run_command(&result, "$A run --no-teardown shop -- sh -c 'echo x | docker secret create "
			     "shop_key_1 -; echo x | docker secret create shop_own -'; "
			     "$A sweep");
	CHECK_OBJECTS("shop", "secret shop_key_1\n");
	CHECK_NUMBER(background_signal(&run, SIGTERM), 0);
	CHECK_NUMBER(process_wait(&run, END_MS, NULL), 143);
	CHECK_NOTHING_LEFT("shop");
}

/* What is kept after a failure has no lease that could run out. */
static void test_kept(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	lease_hosts_for(LONG_TERM);
	run_command(&result, "$A run --keep-on-failure 1h shop -- sh -c 'docker volume create "
			     "--label com.docker.stack.namespace=shop shop_data; false'");
	CHECK_STATUS(&result, 1);
	CHECK_NUMBER(lease_count(), 0);
	run_command(&result, "$A sweep; $B sweep");
	CHECK_OBJECTS("shop", "volume shop_data\n");
	run_command(&result, "$B run shop -- true");
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("shop");
}

/* Each takes its turn as often as it can; a directory can be made by one at a time. */
static void test_races(void)
{
	const char *rounds = getenv("LEASE_RACES");
	CLEANUP_COMMAND struct command_result result = { 0 };
	int count = rounds ? atoi(rounds) : RACES;

	lease_hosts_for(LONG_TERM);
	setenv("JOB", "mkdir $PLAY/one && echo $1 >>$PLAY/turns; sleep 0.02; rmdir $PLAY/one", 1);
	run_command_with(
		&result, NULL, 60000 + count * 3000,
		"for host in \"$A\" \"$B\"; do (i=0; while [ $i -lt %d ]; do\n"
		"	$host run shop -- sh -ec \"$JOB\" sh \"${host##*/}\" || touch "
		"$PLAY/failed\n"
		"	i=$((i + 1)); done) & done; wait; wc -l <$PLAY/turns; ls $PLAY/failed",
		count);
	CHECK_NUMBER(atoi(result.output), 2 * count);
	run_command(&result, "ls $PLAY/failed");
	CHECK_STATUS(&result, 2);
	CHECK_NUMBER(lease_count(), 0);
}

static const struct test tests[] = {
	{ "taken, renewed, released", test_life_of_a_lease },
	{ "an app of another host is busy", test_busy },
	{ "a killed holder's app, after the term", test_killed_holder },
	{ "sweeps watch from one to the next", test_sweeps_watch },
	{ "a host that was booted anew", test_booted_anew },
	{ "what renews it is killed, or stopped", test_keeper },
	{ "list, status and doctor", test_shown },
	{ "by force", test_force },
	{ "names of another host's app", test_neighbours },
	{ "what is kept has none", test_kept },
	{ "two hosts take turns", test_races },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_leases, tests, swarm_set_up, swarm_tear_down);
