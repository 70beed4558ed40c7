/*
 * ptrace, because strace counts invocations for each system call and process by itself, and this
 * test wants the N-th call of a process whichever it is: runs ci-janitor, and lets one system call
 * of it or of its children fail, or kills the process that is about to make it.
 *
 * A process counts from its start (the main one: from its exec) until it becomes another program;
 * process 0 is the main one, the others follow in the order of their birth.
 */
#ifndef CRASH_TRACE_H
#define CRASH_TRACE_H

#include <stdbool.h>
#include <stddef.h>

enum trace_what {
	TRACE_NOTHING, /* only counts */
	TRACE_KILL,    /* SIGKILL on the way into the call, which is not carried out */
	TRACE_FAIL,    /* the call is not carried out and fails (close: is carried out) */
};

struct trace_fault {
	enum trace_what what;
	int process;
	int number; /* from 0 */
	int errnum;
};

struct trace_call {
	int process;
	int number;
	int syscall;
};

struct trace_calls {
	struct trace_call *items;
	size_t count;
	size_t capacity;
};

struct trace_result {
	bool hit;	/* the call came */
	bool timed_out; /* and everything was killed */
	int status;	/* of the main process, as waitpid gives it */
	int syscall;	/* the one that was hit */
	char *output;	/* what it and its children said, on stdout and stderr; owned */
};

/*
 * Runs argv[0] to its end, and to the end of all its descendants that are the same program, orphans
 * included; others go on. The caller must be a reaper of orphans (the init of a pid namespace) and
 * single-threaded as far as children go. calls: NULL, or where the calls are appended.
 */
void trace_run(char *const argv[], const struct trace_fault *fault, int timeout_ms,
	       struct trace_result *ret, struct trace_calls *calls);
void trace_result_release(struct trace_result *result);

#endif
