/* `ci-janitor run` as a job of a terminal. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "harness/harness.h"
#include "run_fixture.h"

struct terminal {
	int master;
	pid_t shell; /* session leader; starts the run as its foreground job */
	char report[512];
};

static void say(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		_exit(1);
	close(fd);
}

/* What an interactive shell does: a job in its own foreground process group; when it stops, say so
 * and continue it. */
static void __attribute__((noreturn)) be_shell(const char *slave, const char *report, char **argv)
{
	char text[64];
	int status, fd;
	pid_t job;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	fd = open(slave, O_RDWR);
	if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
		_exit(1);
	signal(SIGTTOU, SIG_IGN);
	job = fork();
	if (job == 0) {
		setpgid(0, 0);
		tcsetpgrp(fd, getpid());
		signal(SIGTTOU, SIG_DFL);
		for (int to = 0; to < 3; to++)
			dup2(fd, to);
		execv(argv[0], argv);
		_exit(127);
	}
	while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
		say(report, "stopped\n");
		usleep(100000);
		tcsetpgrp(fd, job);
		kill(-job, SIGCONT);
	}
	snprintf(text, sizeof(text), "ended %d\n",
		 WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	say(report, text);
	_exit(0);
}

static void terminal_start(struct terminal *terminal, const char *dir, char *script)
{
	char program[] = PROGRAM, lock_dir[512], slave[64];
	char *argv[] = { program,
			 lock_dir,
			 (char[]){ "run" },
			 (char[]){ "--no-fresh" },
			 (char[]){ "--no-teardown" },
			 (char[]){ "shop" },
			 (char[]){ "--" },
			 (char[]){ "/bin/sh" },
			 (char[]){ "-c" },
			 script,
			 NULL };

	snprintf(lock_dir, sizeof(lock_dir), "--lock-dir=%s", dir);
	snprintf(terminal->report, sizeof(terminal->report), "%s/report", dir);
	terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal->master < 0 || grantpt(terminal->master) || unlockpt(terminal->master)) {
		perror("posix_openpt");
		exit(EXIT_FAILURE);
	}
	snprintf(slave, sizeof(slave), "%s", ptsname(terminal->master));
	terminal->shell = fork();
	if (terminal->shell == 0) {
		/* A copy of the master would keep the terminal from hanging up. */
		close(terminal->master);
		be_shell(slave, terminal->report, argv);
	}
}

static void type(const struct terminal *terminal, char key)
{
	CHECK_NUMBER(write(terminal->master, &key, 1), 1);
}

/* The report's text so far, in a buffer that lives until the next call. */
static const char *report(const struct terminal *terminal)
{
	static char text[4096];
	int fd = open(terminal->report, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

static bool wait_for_report(const struct terminal *terminal, const char *piece)
{
	int64_t end = now_ms() + SOON_MS;

	while (!strstr(report(terminal), piece) && now_ms() < end)
		usleep(5000);
	return strstr(report(terminal), piece);
}

static void terminal_end(struct terminal *terminal)
{
	/* Hanging up ends whatever a failed test has left on it. */
	close(terminal->master);
	waitpid(terminal->shell, NULL, 0);
}

/* The terminal has sent CMD its own SIGINT: it must not get ours as well. The supervisor is stopped
 * until CMD has seen the first, since two at a time would become one. */
static void interrupt_reaches_the_command_once(void)
{
	const char *dir = temp_dir();
	struct terminal terminal;
	struct record record;
	char script[2048];

	snprintf(script, sizeof(script),
		 "trap 'echo got >>%s/report' INT; echo ready >>%s/report; "
		 "until grep -q got %s/report; do sleep 0.02; done; sleep 0.6; exit 5",
		 dir, dir, dir);
	terminal_start(&terminal, dir, script);
	CU_ASSERT(wait_for_report(&terminal, "ready"));
	lockfile_record(dir, "shop", &record);
	CU_ASSERT_FATAL(record.pid > 0);
	kill(record.pid, SIGSTOP);
	type(&terminal, 3);
	CU_ASSERT(wait_for_report(&terminal, "ended"));
	CU_ASSERT(strstr(report(&terminal), "ended 130") != NULL);
	CHECK_NUMBER(count_of(report(&terminal), "got"), 1);
	terminal_end(&terminal);
}

/* A daemon of the run, in a session of its own, gets from us what it doesn't get from the terminal.
 */
static void interrupt_reaches_daemons(void)
{
	const char *dir = temp_dir();
	struct terminal terminal;
	struct record record;
	char script[4096];

	snprintf(script, sizeof(script),
		 "trap : INT; setsid -f sh -c 'trap \"echo daemon >>%s/report; exit\" INT; "
		 "echo started >>%s/report; while :; do sleep 0.02; done'; "
		 "until grep -q daemon %s/report; do sleep 0.02; done; exit 5",
		 dir, dir, dir);
	terminal_start(&terminal, dir, script);
	CU_ASSERT(wait_for_report(&terminal, "started"));
	lockfile_record(dir, "shop", &record);
	/* Without a cgroup there is no way from the run to it. */
	if (record.cgroup[0]) {
		type(&terminal, 3);
		CU_ASSERT(wait_for_report(&terminal, "ended 130"));
		CHECK_NUMBER(count_of(report(&terminal), "daemon"), 1);
	} else {
		kill(record.pid, SIGTERM);
	}
	terminal_end(&terminal);
}

static void the_job_stops_and_goes_on(void)
{
	const char *dir = temp_dir();
	struct terminal terminal;
	char script[2048];

	snprintf(script, sizeof(script), "echo ready >>%s/report; read line; exit 7", dir);
	terminal_start(&terminal, dir, script);
	CU_ASSERT(wait_for_report(&terminal, "ready"));
	type(&terminal, 26);
	CU_ASSERT(wait_for_report(&terminal, "stopped"));
	usleep(200000);
	/* CMD is in the foreground again, so that it can read what is typed. */
	type(&terminal, '\n');
	CU_ASSERT(wait_for_report(&terminal, "ended"));
	CU_ASSERT(strstr(report(&terminal), "ended 7") != NULL);
	CHECK_NUMBER(count_of(report(&terminal), "stopped"), 1);
	terminal_end(&terminal);
}

static void a_terminal_that_hangs_up(void)
{
	const char *dir = temp_dir();
	struct terminal terminal;
	char script[2048];

	snprintf(script, sizeof(script),
		 "trap 'echo hup >>%s/report; exit' HUP; echo ready >>%s/report; "
		 "while :; do sleep 0.02; done",
		 dir, dir);
	terminal_start(&terminal, dir, script);
	CU_ASSERT(wait_for_report(&terminal, "ready"));
	close(terminal.master);
	CU_ASSERT(wait_for_report(&terminal, "hup"));
	CU_ASSERT(wait_for_free_lock(dir, "shop"));
	waitpid(terminal.shell, NULL, 0);
}

static bool echoes(const struct terminal *terminal)
{
	struct termios settings;

	CHECK_NUMBER(tcgetattr(terminal->master, &settings), 0);
	return settings.c_lflag & ECHO;
}

#define ASK "stty -echo </dev/tty; echo ready >>%s/report; read word </dev/tty; "

static void a_password_is_read_unseen(void)
{
	const char *dir = temp_dir();
	struct terminal terminal;
	char script[2048], seen[256];
	ssize_t length;

	snprintf(script, sizeof(script),
		 ASK "stty echo </dev/tty; test \"$word\" = xyzzy && exit 9", dir);
	terminal_start(&terminal, dir, script);
	CU_ASSERT(wait_for_report(&terminal, "ready"));
	for (const char *key = "xyzzy\n"; *key; key++)
		type(&terminal, *key);
	CU_ASSERT(wait_for_report(&terminal, "ended"));
	CU_ASSERT(strstr(report(&terminal), "ended 9") != NULL);
	CU_ASSERT(echoes(&terminal));
	fcntl(terminal.master, F_SETFL, O_NONBLOCK);
	length = read(terminal.master, seen, sizeof(seen) - 1);
	seen[length > 0 ? length : 0] = '\0';
	CU_ASSERT(strstr(seen, "xyzzy") == NULL);
	terminal_end(&terminal);
}

/* A shell wouldn't put it right: we end by exit. */
static void killed_in_a_password(void)
{
	static const int keys[] = { 0, 3 };

	for (size_t i = 0; i < 2; i++) {
		const char *dir = temp_dir();
		struct terminal terminal;
		struct record record;
		char script[2048];

		snprintf(script, sizeof(script), ASK, dir);
		terminal_start(&terminal, dir, script);
		CU_ASSERT(wait_for_report(&terminal, "ready"));
		CU_ASSERT(!echoes(&terminal));
		lockfile_record(dir, "shop", &record);
		CU_ASSERT_FATAL(record.pid > 0);
		if (keys[i])
			type(&terminal, (char)keys[i]);
		else
			kill(record.pid, SIGTERM);
		CU_ASSERT(wait_for_report(&terminal, keys[i] ? "ended 130" : "ended 143"));
		CU_ASSERT(echoes(&terminal));
		terminal_end(&terminal);
	}
}

static struct test tests[] = {
	{ "a password is read unseen", a_password_is_read_unseen },
	{ "killed while it reads a password: the terminal echoes again", killed_in_a_password },
	{ "^C reaches the command once", interrupt_reaches_the_command_once },
	{ "^C reaches the run's daemons", interrupt_reaches_daemons },
	{ "^Z stops the job, and it goes on", the_job_stops_and_goes_on },
	{ "a terminal that hangs up ends the run", a_terminal_that_hangs_up },
	{ NULL, NULL },
};
TEST_SUITE(run_terminal, tests);
