/* `hold` and `release` on a real engine: a job whose steps are separate shells. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "lock/app_lock.h"
#include "swarm/fixture.h"

#define END_MS 60000
#define LIVES "lives() { grep -q '^State:.[^ZX]' /proc/$1/status 2>/dev/null; }\n"

static bool is_gone(void *data)
{
	(void)data;
	return swarm_lockfiles() == 0;
}

/* What release has killed may be a zombie for as long as its new parent doesn't look at it.
 * The shell stands for the agent: it starts the steps, one after the other, and keeps what they
 * put into its environment file for the next one. */
static void test_a_job_of_three_steps(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	run_command(&result,
		    "file=%s/environment; export GITHUB_ACTIONS=true GITHUB_RUN_ID=%d\n"
		    "sh -ec '" JANITOR " hold steps --deadline 5m --env' >$file || exit\n"
		    "export $(cat $file)\n"
		    "sh -ec '" STACK_DEPLOY " %s $CI_APP; nohup sleep 600 >/dev/null 2>&1 & "
		    "echo $!' >$file.pid || exit\n"
		    "docker service ls --format '{{.Name}}'\n"
		    "sh -ec '" JANITOR " status steps; " JANITOR
		    " release steps; echo still here'\n"
		    "echo $?; pid=$(tail -n 1 $file.pid)\n" LIVES
		    "for try in $(seq 300); do lives $pid || break; sleep 0.1; done\n"
		    "lives $pid || echo no more",
		    temp_dir(), (int)getpid(), swarm_stack_file("stubborn"));
	CHECK_STATUS(&result, 0);
	CU_ASSERT(has_line(result.output, "steps_web"));
	CU_ASSERT(has_line(result.output, "steps: released; nothing is left"));
	CU_ASSERT(has_line(result.output, "still here"));
	CU_ASSERT(has_line(result.output, "no more"));
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

/* Starts an agent that sleeps, holds the app for it, and deploys. Returns the holder's pid. */
static pid_t hold_and_deploy(const char *app, struct process *agent)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct app_hash hash = app_hash_of(app);
	struct record record = { 0 };
	FILE *file;

	process_start(agent, "exec sleep 600");
	run_command(&result, JANITOR " hold %s --pid %d && " STACK_DEPLOY " %s %s", app,
		    (int)agent->pid, swarm_stack_file("stubborn"), app);
	CHECK_STATUS(&result, 0);
	CU_ASSERT(swarm_wait_for_container(app));
	file = fopen(swarm_lockfile(app), "re");
	if (file) {
		app_lock_read_record(fileno(file), &hash, &record);
		(void)fclose(file);
	}
	CU_ASSERT(record.pid > 0);
	return record.pid;
}

static void test_the_agent_is_killed(void)
{
	struct process agent;

	swarm_new_lock_dir();
	(void)hold_and_deploy("agent", &agent);
	process_kill(&agent);
	CU_ASSERT(wait_until(is_gone, NULL, END_MS));
	CHECK_NOTHING_LEFT("");
}

static void test_the_holder_is_killed(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process agent;
	pid_t holder;

	swarm_new_lock_dir();
	holder = hold_and_deploy("killed", &agent);
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CU_ASSERT_EQUAL(swarm_lockfiles(), 1);
	if (holder > 0)
		(void)kill(holder, SIGKILL);
	run_command(&result,
		    LIVES "while lives %d; do sleep 0.02; done; " JANITOR
			  " release --holder x killed",
		    (int)holder);
	CHECK_STATUS(&result, 1);
	run_command(&result, JANITOR " sweep");
	CHECK_STATUS(&result, 0);
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	CU_ASSERT(process_is_running(&agent));
	process_kill(&agent);
}

/* The next one's fresh start does what the killed one couldn't. */
static void test_a_hold_starts_clean(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	swarm_new_lock_dir();
	CU_ASSERT_TRUE(swarm_dead_run("again", "stubborn"));
	run_command(&result, JANITOR
		    " hold again --pid $$ && docker service ls -q && docker ps -aq && " JANITOR
		    " release again");
	CHECK_STATUS(&result, 0);
	CU_ASSERT(!strncmp(result.output + strcspn(result.output, "\n"), "\nagain: released",
			   strlen("\nagain: released")));
	CHECK_NOTHING_LEFT("");
	CHECK_NUMBER(swarm_lockfiles(), 0);
}

static const struct test tests[] = {
	{ "hold, deploy and release in steps of their own", test_a_job_of_three_steps },
	{ "the agent is killed: its hold tears down", test_the_agent_is_killed },
	{ "the holder is killed: the next sweep cleans up", test_the_holder_is_killed },
	{ "a hold clears away what a dead run left", test_a_hold_starts_clean },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_holds, tests, swarm_set_up, swarm_tear_down);
