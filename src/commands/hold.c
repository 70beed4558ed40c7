/*
 * `hold`: starts the process that holds (held.c), waits until it really does, tells how the run is
 * called, and only then lets go of it. Until then either's death ends both.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "hold_internal.h"
#include "kernel/child.h"
#include "kernel/marked.h"
#include "run_arguments_internal.h"

/* Without "skip": a hold that ends with 0 holds. */
static const char *const hold_if_held_words[] = { "wait", "fail", NULL };

static struct {
	int64_t pid;
	const char *log;
	bool env;
} given;

/* clang-format off */
const struct option_spec hold_options_table[] = {
	{ "pid", 0, OPTION_NUMBER, &given.pid, "PID",
	  "hold until this process ends (default: the caller's parent)", 1, INT_MAX, NULL },
	{ "env", 0, OPTION_FLAG, &given.env, NULL,
	  "print the run's variables, NAME=VALUE on a line each, instead of the run id", 0, 0, NULL },
	{ "log", 0, OPTION_TEXT, &given.log, "FILE",
	  "append messages to FILE once this command has ended (default: the journal)", 0, 0, NULL },
	{ "if-held", 0, OPTION_CHOICE, &run_arguments.if_held, "WHAT",
	  "what to do while another run holds APP (default: wait)", 0, 0, hold_if_held_words },
	RUN_OPTION("deadline", 0, DURATION, deadline_ms, "D", "hold for at most D"),
	RUN_SHARED_OPTIONS,
	OPTIONS_END,
};
/* clang-format on */

/*
 * By these CI agents find what a step has left, in order to kill it: GitHub's runner and Azure's
 * agent by the first two (actions/runner and azure-pipelines-agent, JobExtension: orphan
 * processes), Jenkins by the others (wiki: ProcessTreeKiller). Those that kill by process group
 * are answered by the session of its own; those that kill by cgroup, or with the step's container,
 * can't be: then the lock is free, and a sweep cleans up.
 * The marker is of a run around this one, whose end must not be this one's.
 */
static const char *const dropped_variables[] = {
	"RUNNER_TRACKING_ID", "VSTS_PROCESS_LOOKUP_ID", "BUILD_ID",	 "JENKINS_NODE_COOKIE",
	"HUDSON_COOKIE",      "JENKINS_SERVER_COOKIE",	MARKER_VARIABLE,
};

static void drop_variables(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(dropped_variables); i++)
		(void)unsetenv(dropped_variables[i]);
}

/* It goes to the root directory, and what it starts later must find the same files. */
static char *absolute(const char *path)
{
	CLEANUP_FREE char *cwd = NULL;

	if (!path || path[0] == '/')
		return path ? xstrdup(path) : NULL;
	cwd = getcwd(NULL, 0);
	return cwd ? xasprintf("%s/%s", cwd, path) : xstrdup(path);
}

static void add_duration(struct own_command *own, const char *option, int64_t ms, char text[24])
{
	if (ms < 0)
		return;
	(void)snprintf(text, 24, "%lldms", (long long)ms);
	own_command_add_option(own, option, text);
}

struct numbers {
	char tied_fd[16], conflict[16], wait[24], deadline[24], teardown[24];
};

static void build_command(struct run_prepared *run, const struct tie *tie, const char *log_file,
			  struct numbers *numbers)
{
	struct own_command *own = &run->own;
	const struct run_arguments *arguments = &run_arguments;

	(void)snprintf(numbers->tied_fd, sizeof(numbers->tied_fd), "%d", tie->pidfd);
	(void)snprintf(numbers->conflict, sizeof(numbers->conflict), "%lld",
		       (long long)arguments->conflict_status);
	own_command_begin(own, "held");
	own_command_add_option(own, "--tied-fd", numbers->tied_fd);
	own_command_add_option(own, "--if-held", hold_if_held_words[arguments->if_held]);
	own_command_add_option(own, "--conflict-exit-code", numbers->conflict);
	own_command_add_option(own, "--log", log_file);
	own_command_add_option(own, "--holder", run->holder);
	own_command_add_option(own, "--stack", run->stack);
	add_duration(own, "--wait", arguments->wait_ms, numbers->wait);
	add_duration(own, "--deadline", arguments->deadline_ms, numbers->deadline);
	add_duration(own, "--teardown-timeout", arguments->teardown_timeout_ms, numbers->teardown);
	if (arguments->no_fresh)
		own_command_add(own, "--no-fresh");
	if (arguments->scratch)
		own_command_add(own, "--scratch");
	if (arguments->no_teardown)
		own_command_add(own, "--no-teardown");
	own_command_add(own, own->app);
}

static int start(struct run_prepared *run, const struct tie *tie, struct child *ret, int *ret_fd,
		 struct error *err)
{
	CLEANUP_FREE char *log_file = absolute(given.log);
	struct child_setup setup = CHILD_SETUP_INIT;
	struct numbers numbers;
	bool exec_failed;
	int ends[2], result;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to make a socket");
	build_command(run, tie, log_file, &numbers);
	drop_variables();
	setup.argv = run->own.argv;
	setup.exec_path = "/proc/self/exe";
	setup.restore_capabilities = true;
	setup.new_session = true;
	setup.inherit_fd = tie->pidfd;
	setup.stdout_fd = ends[1];
	result = child_spawn(&setup, ret, &exec_failed, err);
	(void)close(ends[1]);
	if (result < 0)
		(void)close(ends[0]);
	else
		*ret_fd = ends[0];
	return result;
}

static bool is_complete(const struct text *message)
{
	return message->length >= 2 && !memcmp(message->data + message->length - 2, "\0", 2);
}

/* One read. False: no more will come. */
static bool hear(int fd, struct text *message)
{
	char bytes[4096];
	ssize_t count;

	do
		count = recv(fd, bytes, sizeof(bytes), 0);
	while (count < 0 && errno == EINTR);
	if (count > 0)
		text_append_bytes(message, bytes, (size_t)count);
	return count > 0 && !is_complete(message);
}

/* What tells us to end is for the one who holds: its end is ours. */
static void pass_on(int signal_fd, const struct child *held)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) == sizeof(info))
		(void)child_signal(held, (int)info.ssi_signo);
}

static void listen_to(int fd, const struct child *held, int signal_fd, struct text *message)
{
	struct pollfd fds[] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			pass_on(signal_fd, held);
		if (fds[0].revents && !hear(fd, message))
			return;
	}
}

static int print(const struct context *context, const struct text *message, struct error *err)
{
	const char *end = message->data + message->length - 1;

	for (const char *entry = message->data; entry < end; entry += strlen(entry) + 1) {
		static const char marker[] = MARKER_VARIABLE "=";

		if (given.env)
			(void)printf("%s\n", entry);
		else if (!strncmp(entry, marker, sizeof(marker) - 1))
			(void)printf("%s\n", entry + sizeof(marker) - 1);
	}
	return report_finish(&context->report, err);
}

static int status_of_end(struct child *held)
{
	int status = 0;

	(void)child_wait(held, true, &status);
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	log_error("the process that was to hold was killed by signal %d", WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

static int take_note(const struct run_prepared *run, const struct tie *tie, struct child *held,
		     int fd)
{
	CLEANUP_TEXT struct text message = { .data = NULL };
	struct error err = { .kind = ERROR_NONE };
	int signal_fd = signals_watch_termination(&err);

	if (signal_fd < 0) {
		child_kill(held);
		return command_fail(&err);
	}
	listen_to(fd, held, signal_fd, &message);
	if (!is_complete(&message))
		return status_of_end(held);
	if (print(run->own.context, &message, &err) < 0) {
		/* Nobody knows of it: it ends. */
		(void)shutdown(fd, SHUT_RDWR);
		(void)status_of_end(held);
		return command_fail(&err);
	}
	if (send(fd, "+", 1, MSG_NOSIGNAL) != 1)
		return status_of_end(held);
	log_info("%s is held by process %d until process %d (%s) ends", run->own.app,
		 (int)held->pid, (int)tie->pid, tie->name);
	return 0;
}

static int check_arguments(struct error *err)
{
	if (run_arguments.conflict_status == 0)
		return error_set(err, ERROR_USAGE,
				 "--conflict-exit-code: 0 would say that APP is held");
	return 0;
}

static void make_absolute_variable(const char *name)
{
	const char *value = getenv(name);
	CLEANUP_FREE char *path = absolute(value);

	/* An empty one counts as none. */
	if (value && *value && setenv(name, path, true) < 0)
		abort();
}

static void make_absolute(struct context *context, char **config)
{
	char *lock_dir = absolute(context->settings.lock_dir);

	make_absolute_variable("DOCKER_CERT_PATH");
	make_absolute_variable("DOCKER_CONFIG");
	free(context->settings.lock_dir);
	context->settings.lock_dir = lock_dir;
	*config = absolute(context->config);
	context->config = *config;
}

int command_hold(struct context *context, char **operands)
{
	CLEANUP(run_prepared_release) struct run_prepared run = { .holder = NULL };
	CLEANUP(tie_close) struct tie tie = { .pidfd = -1 };
	CLEANUP_FREE char *config = NULL;
	CLEANUP_CLOSE int fd = -1;
	struct error err = { .kind = ERROR_NONE };
	struct child held = CHILD_NONE;

	if (check_arguments(&err) < 0 || tie_open((pid_t)given.pid, &tie, &err) < 0)
		return command_fail(&err);
	make_absolute(context, &config);
	if (run_prepare(&run, context, operands[0], tie_default_pid(), &err) < 0)
		return command_fail(&err);
	if (run_arguments.sweep)
		run_sweep_first(&run.own);
	if (start(&run, &tie, &held, &fd, &err) < 0)
		return command_fail(&err);
	return take_note(&run, &tie, &held, fd);
}
