/* `ci-janitor hold`: what it is tied to, what it prints, what it outlives. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/refuse.h"
#include "hold_fixture.h"
#include "own_disk.h"

static void the_step_ends_and_the_hold_stays(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process agent, step;
	struct record record;
	int status;

	hold_agent(&agent);
	/* Whoever reads the step's output to its end must not wait for the hold. */
	process_start(&step,
		      "exec 9>%s/inherited; sh -c '%s/hold --pid %d shop 2>&1' | cat; kill -9 0",
		      dir, hold_script(dir), (int)agent.pid);
	status = process_wait(&step, SOON_MS, &result);
	CHECK_NUMBER(status, 128 + SIGKILL);
	lockfile_record(dir, "shop", &record);
	CHECK_NUMBER(strlen(record.run_id), 32);
	CU_ASSERT(strstr(result.output, record.run_id) != NULL);
	CHECK_NUMBER(record.phase, RUN_PHASE_RUNNING);
	CU_ASSERT(hold_is_running(dir, "shop"));
	/* Where there is a journal, messages go there. */
	CHECK_NUMBER(
		run_command(
			&result,
			"readlink /proc/%d/cwd /proc/%d/fd/[012] | sed '4s|^socket:.*|/dev/null|'",
			(int)record.pid, (int)record.pid),
		0);
	CHECK_TEXT(result.output, "/\n/dev/null\n/dev/null\n/dev/null\n");
	CHECK_NUMBER(run_command(&result, "ls -l /proc/%d/fd | grep -c inherited", (int)record.pid),
		     1);
	CHECK_NUMBER(run_command(&result, "ps -o sid= -p %d", (int)record.pid), 0);
	CHECK_NUMBER(atoi(result.output), record.pid);

	/* The agent's end is its end. */
	process_kill(&agent);
	CU_ASSERT(wait_for_end(record.pid));
	CU_ASSERT(lockfile_is_free(dir, "shop"));
	lockfile_record(dir, "shop", &record);
	CHECK_NUMBER(record.phase, RUN_PHASE_RELEASED);
}

static void tied_to_the_callers_parent(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct process agent;
	struct record record;
	char expected[64];

	/* The agent's shell stays; the step's shell, which calls, goes. */
	process_start_with_pipe(&agent, "sh -c '%s/hold shop; true'; echo done; read x",
				hold_script(dir));
	CU_ASSERT(wait_for_output(&agent, "done"));
	snprintf(expected, sizeof(expected), "until process %d (sh) ends", (int)agent.pid);
	CU_ASSERT(wait_for_errors(&agent, expected));
	lockfile_record(dir, "shop", &record);
	CU_ASSERT(hold_is_running(dir, "shop"));
	snprintf(expected, sizeof(expected), ":%d", (int)agent.pid);
	CU_ASSERT(strstr(record.holder, expected) != NULL);
	close(agent.stdin_fd);
	agent.stdin_fd = -1;
	process_wait(&agent, SOON_MS, &result);
	CU_ASSERT(wait_for_end(record.pid));
}

static void whom_it_refuses(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	pid_t zombie;

	CHECK_NUMBER(run_command(&result, "%s/hold --pid 0 shop", script), 64);
	CHECK_NUMBER(run_command(&result, "%s/hold --pid 4194999 shop", script), 64);
	CU_ASSERT(strstr(result.errors, "there is none") != NULL);
	CHECK_NUMBER(run_command(&result, "exec %s/hold --pid $$ shop", script), 64);
	CU_ASSERT(strstr(result.errors, "it is this one") != NULL);
	zombie = fork();
	if (zombie == 0)
		_exit(0);
	CU_ASSERT(wait_for_end(zombie));
	CHECK_NUMBER(run_command(&result, "%s/hold --pid %d shop", script, (int)zombie), 64);
	CU_ASSERT(strstr(result.errors, "has ended") != NULL);
	CHECK_NUMBER(waitpid(zombie, NULL, 0), zombie);
	CHECK_NUMBER(run_command(&result, "%s/hold --if-held=skip --pid $$ shop", script), 64);
	CHECK_NUMBER(run_command(&result, "%s/hold -E 0 --pid $$ shop", script), 64);
	CHECK_NUMBER(run_command(&result, "%s/hold --holder '' --pid $$ shop", script), 64);
	CHECK_NUMBER(run_command(&result, "%s held --tied-fd 3 shop </dev/null", PROGRAM), 64);
	CU_ASSERT(!lockfile_exists(dir, "shop"));
	/* The caller's parent can't be seen: the caller is the first process of its namespace. */
	CHECK_NUMBER(
		run_command(&result,
			    "unshare -pf --mount-proc --kill-child sh -c '%s/hold shop; exit $?'",
			    script),
		64);
	CU_ASSERT(strstr(result.errors, "say --pid PID") != NULL);
	CU_ASSERT(!lockfile_exists(dir, "shop"));
}

static void process_one_of_a_container(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result,
				 "unshare -pf --mount-proc --kill-child sh -c '%s/hold --pid 1 "
				 "shop && %s --lock-dir %s status shop'",
				 hold_script(dir), PROGRAM, dir),
		     0);
	CU_ASSERT(strstr(result.output, "held") != NULL);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
}

static void statuses_are_those_of_run(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);
	int fd = lockfile_hold(dir, "shop");

	lockfile_companion(fd, 0, F_WRLCK);
	CHECK_NUMBER(run_command(&result, "%s/hold --pid $$ --if-held=fail shop", script), 75);
	CHECK_TEXT(result.output, "");
	CU_ASSERT(strstr(result.errors, "unable to lock shop") != NULL);
	CHECK_NUMBER(run_command(&result, "%s/hold --pid $$ --if-held=fail -E 9 shop", script), 9);
	CHECK_NUMBER(run_command(&result, "%s/hold --pid $$ --wait 300ms shop", script), 75);
	CU_ASSERT(strstr(result.errors, "waiting for shop") != NULL);
	close(fd);
	CHECK_NUMBER(run_command(&result,
				 "exec %s --lock-dir %s/none hold --no-fresh --no-teardown "
				 "--pid $PPID shop",
				 PROGRAM, dir),
		     73);
	CHECK_NUMBER(run_command(&result,
				 "sh -c '%s --lock-dir %s -H unix://%s/none.sock hold --pid $$ "
				 "other; exit $?'",
				 PROGRAM, dir, dir),
		     69);
	CU_ASSERT(!lockfile_exists(dir, "other"));
	CHECK_NUMBER(run_command(&result, "%s/hold --pid $$ shop >/dev/full", script), 1);
	CU_ASSERT(strstr(result.errors, "write") != NULL);
	CU_ASSERT(lockfile_is_free(dir, "shop"));
}

static bool waits(void *script)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	return run_command(&result, "pgrep -f '[l]ock-dir %s .*held .*shop$'", (char *)script) == 0;
}

/* A hold that waits for another: nobody may be left that gets the lock later. */
static void a_signal_ends_both(void)
{
	static const int signals[] = { SIGKILL, SIGTERM, SIGINT, SIGHUP };
	const char *dir = temp_dir(), *script = hold_script(dir);

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		int fd = lockfile_hold(dir, "shop");
		struct process process;

		lockfile_companion(fd, 0, F_WRLCK);
		process_start(&process, "exec %s/hold --pid %d shop", script, (int)getpid());
		CU_ASSERT(wait_for_errors(&process, "waiting for shop"));
		CU_ASSERT(waits((void *)(uintptr_t)dir));
		kill(process.pid, signals[i]);
		CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 128 + signals[i]);
		CHECK_TEXT(result.output, "");
		close(fd);
		for (int round = 0; round < 1000 && waits((void *)(uintptr_t)dir); round++)
			usleep(10000);
		CU_ASSERT(!waits((void *)(uintptr_t)dir));
		CU_ASSERT(lockfile_is_free(dir, "shop"));
	}
}

/* Nobody took note of it: killed between the lock and the report, which the stopped reader of a
 * full pipe brings about. */
static void not_taken_note_of(void)
{
	const char *dir = temp_dir();
	struct process process;
	struct record record = { 0 };

	process_start(&process,
		      "mkfifo %s/pipe; exec 8<>%s/pipe; dd if=/dev/zero bs=4096 count=16 >&8 "
		      "2>/dev/null; "
		      "exec %s/hold --pid %d shop >&8",
		      dir, dir, hold_script(dir), (int)getpid());
	CU_ASSERT(wait_for_phase(dir, "shop", RUN_PHASE_RUNNING));
	lockfile_record(dir, "shop", &record);
	CU_ASSERT(!lockfile_is_free(dir, "shop"));
	process_kill(&process);
	CU_ASSERT(wait_for_end(record.pid));
	CU_ASSERT(lockfile_is_free(dir, "shop"));
}

static void variables_and_agents_marks(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct record record;
	char expected[600];

	CHECK_NUMBER(run_command(&result,
				 "cd %s; unset COMPOSE_PROJECT_NAME; RUNNER_TRACKING_ID=x "
				 "BUILD_ID=x JENKINS_NODE_COOKIE=x CI_JANITOR_RUN_ID=x MINE=kept "
				 "DOCKER_CERT_PATH=certs DOCKER_CONFIG= "
				 "%s/hold --env --stack st --pid %d shop",
				 dir, hold_script(dir), (int)getpid()),
		     0);
	lockfile_record(dir, "shop", &record);
	snprintf(expected, sizeof(expected),
		 "CI_APP=shop\nCI_APP_LOCK=%s\nCI_JANITOR_RUN_ID=%s\nCOMPOSE_PROJECT_NAME=st\n",
		 lockfile_path(dir, "shop"), record.run_id);
	CHECK_TEXT(result.output, expected);
	CHECK_NUMBER(run_command(&result, "tr '\\0' '\\n' </proc/%d/environ | grep =x$",
				 (int)record.pid),
		     1);
	CHECK_NUMBER(run_command(&result, "tr '\\0' '\\n' </proc/%d/environ | grep MINE=kept",
				 (int)record.pid),
		     0);
	/* It is in another directory, and must find the same files. */
	CHECK_NUMBER(run_command(&result,
				 "cd %s; tr '\\0' '\\n' </proc/%d/environ | "
				 "grep -cx -e \"DOCKER_CERT_PATH=$(pwd -P)/certs\" "
				 "-e DOCKER_CONFIG=",
				 dir, (int)record.pid),
		     0);
	CHECK_TEXT(result.output, "2\n");
	kill(record.pid, SIGTERM);
	CU_ASSERT(wait_for_end(record.pid));
}

/* In a mount namespace where this test listens in journald's place. */
static void messages_go_to_the_journal(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *journal = temp_dir();
	int fd = listening_socket(journal, "stdout"), stream;
	struct record record;
	char text[4096];
	size_t length = 0;
	ssize_t count;

	CHECK_NUMBER(run_command(&result,
				 "unshare -m sh -c 'mount -t tmpfs none /run && mkdir -p "
				 "/run/systemd/journal && mount --bind %s /run/systemd/journal && "
				 "%s/hold --pid %d shop'",
				 journal, hold_script(dir), (int)getpid()),
		     0);
	lockfile_record(dir, "shop", &record);
	stream = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	CU_ASSERT_FATAL(stream >= 0);
	kill(record.pid, SIGTERM);
	while (length < sizeof(text) - 1 &&
	       (count = read(stream, text + length, sizeof(text) - 1 - length)) > 0)
		length += (size_t)count;
	text[length] = '\0';
	CU_ASSERT(!strncmp(text, "ci-janitor\n\n6\n1\n0\n0\n0\n<6>shop is held by ", 39));
	CU_ASSERT(strstr(text, "\n<6>shop is released: signal 15 from process ") != NULL);
	close(stream);
	close(fd);
	CU_ASSERT(wait_for_end(record.pid));
}

static void without_pidfds(void)
{
	static const struct refused_call calls[] = {
		{ .call = SYS_pidfd_open, .errnum = ENOSYS },
	};
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir(), *script = hold_script(dir);

	commands_refuse(calls, 1);
	run_command(&result, "%s/hold --pid $$ shop", script);
	commands_refuse(NULL, 0);
	CHECK_NUMBER(result.status, 1);
	CU_ASSERT(strstr(result.errors, "it takes Linux 5.3") != NULL);
	CU_ASSERT(!lockfile_exists(dir, "shop"));
}

static void as_an_ordinary_user(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result,
				 "chown 12345:12345 %s && exec setpriv --reuid=12345 "
				 "--regid=12345 --clear-groups sh -c 'export HOME=/; "
				 "%s/hold --pid $$ shop && %s/release shop'",
				 dir, hold_script(dir), hold_script(dir)),
		     0);
	CU_ASSERT(strstr(result.output, "shop: released") != NULL);
}

static const struct test tests[] = {
	{ "the step ends and the hold stays, until the agent ends",
	  the_step_ends_and_the_hold_stays },
	{ "tied to the caller's parent", tied_to_the_callers_parent },
	{ "whom and what it refuses", whom_it_refuses },
	{ "process 1 of a container", process_one_of_a_container },
	{ "its statuses are those of run", statuses_are_those_of_run },
	{ "a signal in mid-way ends both", a_signal_ends_both },
	{ "it ends when nobody has taken note of it", not_taken_note_of },
	{ "the run's variables, and the marks by which agents kill", variables_and_agents_marks },
	{ "messages go to the journal", messages_go_to_the_journal },
	{ "without pidfds: refused", without_pidfds },
	{ "as an ordinary user", as_an_ordinary_user },
	{ NULL, NULL },
};
/* On a file system that others lock much on, a fresh start may not be able to tell whose a lock is,
 * and ends with 73. The program for all outlives the disk. */
static int set_up(void)
{
	return program_for_all() ? own_disk_mount() : -1;
}

TEST_SUITE_WITH(hold, tests, set_up, own_disk_unmount)
