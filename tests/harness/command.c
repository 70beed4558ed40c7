#include "harness/command.h"
#include "harness/refuse.h"
#include "harness/transcript.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_TEMP_DIRS 512

static void die(const char *what)
{
	fprintf(stderr, "test harness: unable to %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool wait_until(bool (*predicate)(void *data), void *data, int64_t timeout_ms)
{
	int64_t end = now_ms() + timeout_ms;

	while (!predicate(data)) {
		if (now_ms() >= end)
			return false;
		usleep(5000);
	}
	return true;
}

static int memory_file(const char *content)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	size_t length = content ? strlen(content) : 0;

	if (fd < 0)
		die("create a memory file");
	if (length && (write(fd, content, length) != (ssize_t)length || lseek(fd, 0, SEEK_SET)))
		die("fill a memory file");
	return fd;
}

static char *memory_file_content(int fd)
{
	struct stat status;
	char *content;
	ssize_t length;

	if (fstat(fd, &status))
		die("examine a memory file");
	content = calloc(1, (size_t)status.st_size + 1);
	if (!content)
		die("allocate memory");
	length = pread(fd, content, (size_t)status.st_size, 0);
	if (length < 0)
		die("read a memory file");
	content[length] = '\0';
	return content;
}

static const struct refused_call *refused;
static size_t refused_count;

void commands_refuse(const struct refused_call *calls, size_t count)
{
	refused = calls;
	refused_count = count;
}

static void redirect(int fd, int to)
{
	/* Through a copy above the standard ones: dup2 onto itself would keep close-on-exec. */
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);

	if (high < 0 || dup2(high, to) < 0)
		_exit(127);
}

static void __attribute__((noreturn))
become(const struct process *process, int input, const char *command, pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	setpgid(0, 0);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	redirect(input, STDIN_FILENO);
	redirect(process->output_fd, STDOUT_FILENO);
	redirect(process->errors_fd, STDERR_FILENO);
	if (refused_count && refuse_calls(refused, refused_count) < 0)
		_exit(127);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

static void start(struct process *ret, int input, const char *command)
{
	pid_t parent = getpid();

	fflush(NULL);
	snprintf(ret->command, sizeof(ret->command), "%s", command);
	ret->started_ms = now_ms();
	ret->output_fd = memory_file(NULL);
	ret->errors_fd = memory_file(NULL);
	ret->pid = fork();
	if (ret->pid < 0)
		die("fork");
	if (ret->pid == 0)
		become(ret, input, command, parent);
	setpgid(ret->pid, ret->pid);
	close(input);
	ret->pidfd = (int)syscall(SYS_pidfd_open, ret->pid, 0);
	if (ret->pidfd < 0)
		die("open a pidfd");
}

__attribute__((format(printf, 1, 0))) static char *format_command(const char *format,
								  va_list arguments)
{
	char *command;

	if (vasprintf(&command, format, arguments) < 0)
		die("format a command");
	return command;
}

void process_start(struct process *ret, const char *format, ...)
{
	va_list arguments;
	char *command;

	va_start(arguments, format);
	command = format_command(format, arguments);
	va_end(arguments);
	*ret = (struct process){ .stdin_fd = -1 };
	start(ret, memory_file(NULL), command);
	free(command);
}

void process_start_with_pipe(struct process *ret, const char *format, ...)
{
	va_list arguments;
	char *command;
	int ends[2];

	va_start(arguments, format);
	command = format_command(format, arguments);
	va_end(arguments);
	if (pipe2(ends, O_CLOEXEC))
		die("make a pipe");
	*ret = (struct process){ .stdin_fd = ends[1] };
	start(ret, ends[0], command);
	free(command);
}

static bool has_ended(const struct process *process, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = process->pidfd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) > 0;
}

bool process_is_running(const struct process *process)
{
	return process->pid > 0 && !has_ended(process, 0);
}

int background_signal(const struct process *process, int signal)
{
	return (int)syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0);
}

char *process_output(const struct process *process)
{
	return memory_file_content(process->output_fd);
}

char *process_errors(const struct process *process)
{
	return memory_file_content(process->errors_fd);
}

static int64_t cpu_ms(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000 +
	       (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000;
}

/* Reaps the leader and lets go of everything. */
static int finish(struct process *process, bool timed_out, int64_t *ret_cpu_ms)
{
	struct rusage usage = { 0 };
	int status = 0;

	while (wait4(process->pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	*ret_cpu_ms = cpu_ms(&usage);
	status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (timed_out)
		status = -1;
	transcript_note(process->command, status, now_ms() - process->started_ms,
			process_output(process), process_errors(process));
	close(process->pidfd);
	close(process->output_fd);
	close(process->errors_fd);
	if (process->stdin_fd >= 0)
		close(process->stdin_fd);
	*process = (struct process){ .stdin_fd = -1 };
	return status;
}

int process_wait(struct process *process, int64_t timeout_ms, struct command_result *result)
{
	int64_t end = now_ms() + timeout_ms;
	int64_t cpu;
	bool ended = false;
	int status;

	while (!ended && now_ms() < end)
		ended = has_ended(process, (int)(end - now_ms()));
	if (!ended)
		kill(-process->pid, SIGKILL);
	if (result) {
		command_result_release(result);
		/* A killed leader may still write: take the texts once it is really gone. */
		has_ended(process, -1);
		result->output = process_output(process);
		result->errors = process_errors(process);
	}
	status = finish(process, !ended, &cpu);
	if (result) {
		result->status = status;
		result->cpu_ms = cpu;
	}
	return status;
}

void process_kill(struct process *process)
{
	int64_t cpu;

	if (process->pid <= 0)
		return;
	kill(-process->pid, SIGKILL);
	finish(process, false, &cpu);
}

void command_result_release(struct command_result *result)
{
	free(result->output);
	free(result->errors);
	*result = (struct command_result){ 0 };
}

static int run(struct command_result *result, const char *input, int64_t timeout_ms,
	       const char *command)
{
	struct process process = { .stdin_fd = -1 };
	int64_t begin = now_ms();

	start(&process, memory_file(input), command);
	process_wait(&process, timeout_ms, result);
	result->took_ms = now_ms() - begin;
	return result->status;
}

int run_command(struct command_result *result, const char *format, ...)
{
	va_list arguments;
	char *command;

	va_start(arguments, format);
	command = format_command(format, arguments);
	va_end(arguments);
	run(result, NULL, COMMAND_TIMEOUT_MS, command);
	free(command);
	return result->status;
}

int run_command_with(struct command_result *result, const char *input, int64_t timeout_ms,
		     const char *format, ...)
{
	va_list arguments;
	char *command;

	va_start(arguments, format);
	command = format_command(format, arguments);
	va_end(arguments);
	run(result, input, timeout_ms, command);
	free(command);
	return result->status;
}

static char *temp_dirs[MAX_TEMP_DIRS];
static size_t temp_dir_count;
static pid_t temp_dir_owner;

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	(void)remove(path);
	return 0;
}

static void remove_temp_dirs(void)
{
	/* A forked child of the test that ends by exit() must not take the folders away. */
	if (getpid() != temp_dir_owner)
		return;
	while (temp_dir_count) {
		char *path = temp_dirs[--temp_dir_count];

		nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
		free(path);
	}
}

/* exit() in a handler is not async-signal-safe; the worst case is a hang or a crash of a test
 * program that was told to stop, and the usual case is that nothing is left behind. */
static void leave(int signal)
{
	if (getpid() == temp_dir_owner)
		exit(128 + signal);
	_exit(128 + signal);
}

static void leave_cleanly_on_signals(void)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction now;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!sigaction(signals[i], NULL, &now) && now.sa_handler == SIG_DFL)
			(void)signal(signals[i], leave);
}

const char *temp_dir(void)
{
	const char *base = getenv("TMPDIR");
	char *path;

	if (temp_dir_count == MAX_TEMP_DIRS) {
		errno = ENOSPC;
		die("make one more temporary folder");
	}
	if (asprintf(&path, "%s/ci-janitor-test.XXXXXX", base && *base ? base : "/tmp") < 0 ||
	    !mkdtemp(path))
		die("make a temporary folder");
	if (!temp_dir_owner) {
		temp_dir_owner = getpid();
		atexit(remove_temp_dirs);
		leave_cleanly_on_signals();
	}
	temp_dirs[temp_dir_count++] = path;
	return path;
}
