/* `ci-janitor run` being told to stop, and what becomes of the run's processes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/harness.h"
#include "run_fixture.h"

/* A command that says when it is ready, and lives until a trap ends it. */
#define UNTIL_TRAPPED "echo ready; while :; do sleep 0.02; done"

static void stop_signals(void)
{
	static const struct {
		int number;
		const char *name;
	} rows[] = { { SIGTERM, "TERM" }, { SIGINT, "INT" }, { SIGHUP, "HUP" } };

	for (size_t i = 0; i < 3; i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = temp_dir();
		struct process process;

		process_start(
			&process,
			RUN "shop -- sh -c 'trap \"echo got; sleep 0.2; exit 3\" %s; " UNTIL_TRAPPED
			    "'",
			dir, rows[i].name);
		CU_ASSERT(wait_for_output(&process, "ready"));
		kill(process.pid, rows[i].number);
		CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 128 + rows[i].number);
		CHECK_NUMBER(count_of(result.output, "got"), 1);
		CU_ASSERT(lockfile_is_free(dir, "shop"));
	}
}

static void other_signals_are_passed_on(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	static const int signals[] = { SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM, SIGQUIT };
	const char *dir = temp_dir();
	struct process process;
	char expected[32];

	process_start(&process,
		      RUN
		      "shop -- sh -c 'for s in 10 12 28 14 3; do trap \"echo got $s.\" $s; done; "
		      "trap \"exit 4\" TERM; " UNTIL_TRAPPED "'",
		      dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		kill(process.pid, signals[i]);
		snprintf(expected, sizeof(expected), "got %d.", signals[i]);
		CU_ASSERT(wait_for_output(&process, expected));
	}
	CU_ASSERT(process_is_running(&process));
	kill(process.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 143);
	CHECK_NUMBER(count_of(result.output, "got"), 5);
}

static void grace_then_kill(void)
{
	const char *dir = temp_dir();
	struct process process;
	int64_t begin, again;
	bool running;

	process_start(&process,
		      RUN "--kill-grace 4s shop -- sh -c 'trap \"\" TERM; " UNTIL_TRAPPED "'", dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	begin = now_ms();
	kill(process.pid, SIGTERM);
	CU_ASSERT(wait_for_phase(dir, "shop", RUN_PHASE_STOPPING));
	usleep(3000000);
	running = process_is_running(&process);
	CU_ASSERT(running || now_ms() - begin >= 4000);
	/* A second signal neither ends it at once nor begins the grace anew. */
	again = now_ms();
	kill(process.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 143);
	CU_ASSERT(now_ms() - begin >= 4000);
	CU_ASSERT(now_ms() - again < 4000);
}

static void three_signals_skip_the_grace(void)
{
	const char *dir = temp_dir();
	struct process process;

	process_start(&process,
		      RUN "--kill-grace 10m shop -- sh -c 'trap \"\" TERM INT; " UNTIL_TRAPPED "'",
		      dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	kill(process.pid, SIGTERM);
	CU_ASSERT(wait_for_phase(dir, "shop", RUN_PHASE_STOPPING));
	kill(process.pid, SIGINT);
	usleep(200000);
	CU_ASSERT(process_is_running(&process));
	/* Three of them within a second, whenever this test gets the processor for that long. */
	for (int i = 0; i < 100 && process_is_running(&process); i++) {
		kill(process.pid, i % 2 ? SIGINT : SIGTERM);
		usleep(100000);
	}
	CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 143);
}

static void deadline(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result, RUN "--deadline 300ms shop -- sleep 60", dir), 142);
	CU_ASSERT(result.took_ms >= 300);
	CHECK_NUMBER(run_command(&result,
				 RUN "--deadline 300ms --kill-grace 200ms shop -- "
				     "sh -c 'trap \"\" TERM; while :; do sleep 0.02; done'",
				 dir),
		     142);
	CU_ASSERT(result.took_ms >= 500);
}

static void stopped_processes_are_continued(void)
{
	const char *dir = temp_dir();
	struct process process;

	process_start(&process,
		      RUN "--kill-grace 10m shop -- sh -c 'echo ready; kill -STOP $$; echo no'",
		      dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	usleep(100000);
	kill(process.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 143);
}

/* The CI agent is killed, and the run ends as if it had been told to. */
static void the_parents_death(void)
{
	const char *dir = temp_dir();
	struct process agent;
	char file[512];

	snprintf(file, sizeof(file), "%s/got", dir);
	process_start(&agent,
		      PROGRAM " --lock-dir %s run --no-fresh --no-teardown shop -- sh -c "
			      "'trap \"sleep 0.1; touch %s; exit\" TERM; " UNTIL_TRAPPED "' & wait",
		      dir, file);
	CU_ASSERT(wait_for_output(&agent, "ready"));
	kill(agent.pid, SIGKILL);
	CU_ASSERT(wait_for_file(file));
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
	process_kill(&agent);
}

static void sigkill_takes_the_command_along(void)
{
	const char *dir = temp_dir();
	struct process process;
	char *output;

	process_start(&process, RUN "shop -- sh -c 'echo pid $$.; echo ready; exec sleep 600'",
		      dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	output = process_output(&process);
	kill(process.pid, SIGKILL);
	CU_ASSERT(wait_for_end((pid_t)number_after(output, "pid ")));
	CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 137);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	CU_ASSERT(lockfile_exists(dir, "shop"));
	lockfile_drop_cgroup(dir, "shop");
	free(output);
}

/* A mount namespace in which no cgroup is to be had; as root only. */
#define WITHOUT_CGROUP                                                                             \
	"exec unshare --mount sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec \"$@\"' sh "

static const char *const prefixes[] = { "exec ", WITHOUT_CGROUP };

/* The prefixes that can be used here. */
static size_t prefix_count(void)
{
	return geteuid() == 0 ? 2 : 1;
}

static void nothing_is_left_running(void)
{
	static const char *const daemons[] = {
		"sleep 600 & echo pid $!.",
		"setsid sleep 600 & echo pid $!.",
		"env -i setsid sleep 600 & echo pid $!.",
		"(env -i setsid sh -c \"trap : TERM; sleep 600; :\" & echo pid $!.)",
	};

	for (size_t i = 0; i < prefix_count() * 4; i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = temp_dir();

		CHECK_NUMBER(run_command(&result,
					 "%s" PROGRAM " --lock-dir %s run --no-fresh --no-teardown "
					 "shop -- sh -c '%s; exit 6'",
					 prefixes[i / 4], dir, daemons[i % 4]),
			     6);
		/* Gone when run returns, not some time later. */
		CHECK_NUMBER(kill((pid_t)number_after(result.output, "pid "), 0), -1);
	}
}

/* Whoever exec'd us had started something: it is not this run's. */
static void what_was_there_before_is_spared(void)
{
	for (size_t i = 0; i < prefix_count(); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = temp_dir();
		pid_t pid;

		CHECK_NUMBER(run_command(&result,
					 "sleep 600 & echo pid $!.; %s" PROGRAM
					 " --lock-dir %s run "
					 "--no-fresh --no-teardown shop -- "
					 "sh -c 'setsid sleep 600 & echo own $!.'",
					 prefixes[i], dir),
			     0);
		pid = (pid_t)number_after(result.output, "pid ");
		CHECK_NUMBER(kill(pid, 0), 0);
		if (pid > 1)
			(void)kill(pid, SIGKILL);
		/* Perhaps a zombie, for process 1 to wait for. */
		CU_ASSERT(wait_for_end((pid_t)number_after(result.output, "own ")));
	}
}

static bool three_are_ready(void *process)
{
	char *output = process_output(process);
	size_t count = count_of(output, "ready");

	free(output);
	return count == 3;
}

/* Each process hears of it, once. One that left the session is only found by its cgroup. */
static void a_stop_reaches_every_process(void)
{
	for (size_t i = 0; i < prefix_count(); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = temp_dir();
		struct process process;
		struct record record;

		CHECK_NUMBER(run_command(&result,
					 "cat >%s/script <<'EOF'\n"
					 "#!/bin/sh\n"
					 "trap 'echo got; sleep 0.1; exit' TERM\n"
					 "case $1 in '') setsid $0 2 & $0 3 & esac\n"
					 "echo ready\n"
					 "while :; do sleep 0.02; done\n"
					 "EOF\n"
					 "chmod 755 %s/script",
					 dir, dir),
			     0);
		process_start(&process,
			      "%s" PROGRAM " --lock-dir %s run --no-fresh --no-teardown shop -- "
			      "%s/script",
			      prefixes[i], dir, dir);
		CU_ASSERT(wait_until(three_are_ready, &process, SOON_MS));
		kill(process.pid, SIGTERM);
		CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 143);
		lockfile_record(dir, "shop", &record);
		CHECK_NUMBER(count_of(result.output, "got"), record.cgroup[0] ? 3 : 2);
	}
}

static bool cgroup_exists(const struct record *record)
{
	struct command_result result = { 0 };
	int status = run_command(&result,
				 "find /sys/fs/cgroup -type d -path '*/ci-janitor/%s' | grep -q .",
				 record->run_id);

	command_result_release(&result);
	return status == 0;
}

static void cgroup_of_a_run(void)
{
	const char *dir = temp_dir();
	struct process process;
	struct record record;
	char *output;

	process_start_with_pipe(
		&process, RUN "shop -- sh -c 'cat /proc/self/cgroup; echo ready; read x'", dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	lockfile_record(dir, "shop", &record);
	output = process_output(&process);
	/* Where no cgroup is to be had, the record must not name one. */
	CHECK_NUMBER(strstr(output, record.run_id) != NULL, record.cgroup[0] != '\0');
	CU_ASSERT(strstr(output, record.cgroup) != NULL);
	CHECK_NUMBER(cgroup_exists(&record), record.cgroup[0] != '\0');
	free(output);
	close(process.stdin_fd);
	process.stdin_fd = -1;
	(void)process_wait(&process, SOON_MS, NULL);
	CU_ASSERT(!cgroup_exists(&record));
}

static struct test tests[] = {
	{ "SIGTERM, SIGINT, SIGHUP: 143, 130, 129, sent once", stop_signals },
	{ "other signals are passed on", other_signals_are_passed_on },
	{ "SIGKILL after the grace, counted once", grace_then_kill },
	{ "three signals skip the grace", three_signals_skip_the_grace },
	{ "the deadline: 142", deadline },
	{ "stopped processes are continued to end", stopped_processes_are_continued },
	{ "the parent's death", the_parents_death },
	{ "SIGKILL takes the command along", sigkill_takes_the_command_along },
	{ "nothing is left running", nothing_is_left_running },
	{ "a stop reaches every process once", a_stop_reaches_every_process },
	{ "what was there before is spared", what_was_there_before_is_spared },
	{ "the run's cgroup", cgroup_of_a_run },
	{ NULL, NULL },
};
TEST_SUITE(run_signals, tests);
