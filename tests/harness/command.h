/*
 * Processes, temporary folders and waiting, for tests that watch real programs.
 *
 * Commands are printf formats for `sh -c`. Their output goes to memory files, so that neither a
 * full pipe nor a daemon that keeps its end open can hang a test. Every command is the leader of
 * its own process group and gets SIGKILL when the test program dies.
 */
#ifndef HARNESS_COMMAND_H
#define HARNESS_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define COMMAND_TIMEOUT_MS 60000

/* A command that runs. All zero: none. */
struct process {
	pid_t pid; /* the leader's; `exec PROGRAM ...` as the format makes it the program's */
	int pidfd;
	int stdin_fd; /* -1 unless process_start_with_pipe: the caller may write and close it */
	int output_fd;
	int errors_fd;
	int64_t started_ms;
	char command[1000]; /* its beginning, to be shown */
};

/* What a command left. Texts are owned, never NULL, and NUL-terminated. */
struct command_result {
	int status; /* exit status, 128 + N when signal N ended it, -1 when it ran out of time */
	char *output;
	char *errors;
	int64_t took_ms;
	int64_t cpu_ms; /* of the processor, as of what it has waited for */
};

void command_result_release(struct command_result *result);
#define CLEANUP_COMMAND __attribute__((cleanup(command_result_release)))

/* Runs the command to its end, at most COMMAND_TIMEOUT_MS, then SIGKILL to its group. Frees what
 * *result held before (so it starts as { 0 }). Returns result->status. */
int run_command(struct command_result *result, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same with a text on stdin (NULL: empty) and another limit. */
int run_command_with(struct command_result *result, const char *input, int64_t timeout_ms,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Starts the command with an empty stdin and returns at once. A failure aborts the program: the
 * machine can't run tests. */
void process_start(struct process *ret, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same with a pipe as stdin, whose writing end is ret->stdin_fd. */
void process_start_with_pipe(struct process *ret, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

bool process_is_running(const struct process *process);
/* To the leader only. Returns 0 or -1 with errno (ESRCH: it has ended). */
int background_signal(const struct process *process, int signal);
/* Waits for the end, releases the process and returns its status as in command_result; when the
 * time runs out, SIGKILL goes to the group and -1 is returned. result may be NULL. */
int process_wait(struct process *process, int64_t timeout_ms, struct command_result *result);
/* What it has written so far; the caller frees it. */
char *process_output(const struct process *process);
char *process_errors(const struct process *process);
/* SIGKILL to the group, and release. Harmless on one that has ended or was never started. */
void process_kill(struct process *process);

/* A fresh private folder, removed with all in it when the program exits (by exit or return, or
 * by SIGTERM, SIGINT or SIGHUP). The path lives until then. Aborts when there is none to be had. */
const char *temp_dir(void);

/* Polls every 5 ms until predicate(data) is true. false: the time ran out. */
bool wait_until(bool (*predicate)(void *data), void *data, int64_t timeout_ms);

/* Milliseconds on the monotonic clock. */
int64_t now_ms(void);

#endif
