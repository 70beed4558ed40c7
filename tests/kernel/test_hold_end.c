/* What ends a hold, and what becomes of a run's processes then. */
#include <stdlib.h>
#include <unistd.h>

#include "harness/harness.h"
#include "hold_fixture.h"

static void the_deadline(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct record record;
	int64_t began = now_ms();
	bool is_free;

	CHECK_NUMBER(run_command(&result, "%s/hold --deadline 3s --log %s/log --pid %d shop",
				 hold_script(dir), dir, (int)getpid()),
		     0);
	lockfile_record(dir, "shop", &record);
	CU_ASSERT(record.deadline > 0);
	is_free = lockfile_is_free(dir, "shop");
	CU_ASSERT(!is_free || now_ms() - began >= 3000);
	CU_ASSERT(wait_for_end(record.pid));
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	CHECK_NUMBER(run_command(&result, "grep 'deadline of shop has passed' %s/log", dir), 0);
}

/* The shell that becomes `hold` may have started what it is to be tied to. */
static void tied_to_a_younger_process(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct record record;
	pid_t tied;

	CHECK_NUMBER(run_command(&result,
				 "sleep 0.1; sleep 600 >/dev/null 2>&1 & echo pid $!.; "
				 "exec %s/hold --pid $! shop",
				 hold_script(dir)),
		     0);
	lockfile_record(dir, "shop", &record);
	CU_ASSERT(hold_is_running(dir, "shop"));
	tied = (pid_t)number_after(result.output, "pid ");
	CU_ASSERT_FATAL(tied > 0);
	kill(tied, SIGKILL);
	CU_ASSERT(wait_for_end(record.pid));
}

/* Killed, or its tied process ended, while an engine that never answers lets it wait. */
static void ended_in_the_fresh_start(void)
{
	for (int killed = 0; killed < 2; killed++) {
		const char *dir = temp_dir();
		struct process agent, hold;
		struct record record = { 0 };
		int engine = listening_socket(dir, "socket");

		hold_agent(&agent);
		process_start(&hold, "exec %s --lock-dir %s -H unix://%s/socket hold --pid %d shop",
			      PROGRAM, dir, dir, (int)agent.pid);
		CU_ASSERT(wait_for_phase(dir, "shop", RUN_PHASE_FRESH_START));
		lockfile_record(dir, "shop", &record);
		usleep(100000);
		if (killed)
			background_signal(&hold, SIGKILL);
		else
			background_signal(&agent, SIGKILL);
		CHECK_NUMBER(process_wait(&hold, SOON_MS, NULL), killed ? 128 + SIGKILL : 143);
		CU_ASSERT(wait_for_end(record.pid));
		CU_ASSERT(lockfile_is_free(dir, "shop"));
		process_kill(&agent);
		close(engine);
	}
}

/* What a step has left behind, and the agent itself. */
static void its_processes_end_with_it(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process agent, marked, stranger;
	struct record record;

	hold_agent(&agent);
	CHECK_NUMBER(
		run_command(&result, "%s/hold --pid %d shop", hold_script(dir), (int)agent.pid), 0);
	lockfile_record(dir, "shop", &record);
	process_start(&marked, "CI_JANITOR_RUN_ID=%s exec sleep 600", record.run_id);
	process_start(&stranger, "CI_JANITOR_RUN_ID=%032d exec sleep 600", 1);
	CU_ASSERT(wait_for_mark(marked.pid, record.run_id));
	kill(record.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&marked, SOON_MS, NULL), 128 + SIGKILL);
	CU_ASSERT(wait_for_end(record.pid));
	CU_ASSERT(process_is_running(&agent));
	CU_ASSERT(process_is_running(&stranger));
	process_kill(&stranger);
	process_kill(&agent);
}

/* The next sweep fences; the agent, which the hold was tied to, is none of it. */
static void killed_and_swept(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process agent, marked;
	struct record record;

	hold_agent(&agent);
	CHECK_NUMBER(
		run_command(&result, "%s/hold --pid %d shop", hold_script(dir), (int)agent.pid), 0);
	lockfile_record(dir, "shop", &record);
	process_start(&marked, "CI_JANITOR_RUN_ID=%s exec sleep 600", record.run_id);
	CU_ASSERT(wait_for_mark(marked.pid, record.run_id));
	kill(record.pid, SIGKILL);
	CU_ASSERT(wait_for_end(record.pid));
	/* Of another boot nothing can live: who carries its mark is somebody else. */
	CHECK_NUMBER(run_command(&result,
				 "cd %s && cp ci-app-*.lock kept && sed 's/^boot_id=./boot_id=%c/' "
				 "kept >\"$(echo ci-app-*.lock)\" && ! cmp -s kept ci-app-*.lock",
				 dir, record.boot_id[0] == '0' ? '1' : '0'),
		     0);
	run_command(&result, "exec %s --lock-dir %s -H unix://%s/none.sock sweep", PROGRAM, dir,
		    dir);
	CU_ASSERT(process_is_running(&marked));
	CHECK_NUMBER(run_command(&result, "cd %s && cat kept >\"$(echo ci-app-*.lock)\"", dir), 0);
	/* It fences before it finds that there is no engine. */
	run_command(&result, "exec %s --lock-dir %s -H unix://%s/none.sock sweep", PROGRAM, dir,
		    dir);
	CHECK_NUMBER(process_wait(&marked, SOON_MS, NULL), 128 + SIGKILL);
	CU_ASSERT(process_is_running(&agent));
	process_kill(&agent);
}

static void paused_it_stays_alive(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	struct process agent;
	struct record record;

	hold_agent(&agent);
	CHECK_NUMBER(
		run_command(&result, "%s/hold --pid %d --deadline 5s shop", script, (int)agent.pid),
		0);
	lockfile_record(dir, "shop", &record);
	kill(record.pid, SIGSTOP);
	process_kill(&agent);
	usleep(5200000);
	CHECK_NUMBER(run_command(&result, "exec %s --lock-dir %s status shop", PROGRAM, dir), 0);
	CHECK_NUMBER(run_command(&result, "exec %s --lock-dir %s sweep", PROGRAM, dir), 0);
	CHECK_NUMBER(run_command(&result, "%s/hold --pid $$ --if-held=fail shop", script), 75);
	CU_ASSERT(!lockfile_is_free(dir, "shop"));
	kill(record.pid, SIGCONT);
	CU_ASSERT(wait_for_end(record.pid));
	CU_ASSERT(lockfile_is_free(dir, "shop"));
}

static const struct test tests[] = {
	{ "the deadline", the_deadline },
	{ "tied to a younger process", tied_to_a_younger_process },
	{ "ended in the fresh start", ended_in_the_fresh_start },
	{ "its processes end with it", its_processes_end_with_it },
	{ "killed: the sweep fences, and spares the agent", killed_and_swept },
	{ "paused, it stays alive for everyone", paused_it_stays_alive },
	{ NULL, NULL },
};
TEST_SUITE(hold_end, tests)
