#include "trace.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/command.h"
#include "syscalls.h"

#define PROCESSES_MAX 64
#define TICK_MS 5

enum stage { STAGE_UNKNOWN, STAGE_COUNTED, STAGE_HIT, STAGE_LET_GO };

struct tracee {
	pid_t pid;
	int number; /* -1: born, but its parent's event has not come yet */
	enum stage stage;
	bool running; /* its first stop has been seen */
	int calls;
};

struct tracer {
	const struct trace_fault *fault;
	struct trace_result *result;
	struct trace_calls *calls;
	struct tracee tracees[PROCESSES_MAX];
	int count;
	int born;
	pid_t main;
	bool main_ended;
	struct stat program;
	int64_t deadline;
};

static void must(bool condition, const char *what)
{
	if (condition)
		return;
	perror(what);
	abort();
}

static struct tracee *tracee_of(struct tracer *tracer, pid_t pid)
{
	for (int i = 0; i < tracer->count; i++)
		if (tracer->tracees[i].pid == pid)
			return &tracer->tracees[i];
	must(tracer->count < PROCESSES_MAX, "too many processes");
	tracer->tracees[tracer->count] = (struct tracee){ .pid = pid, .number = -1 };
	return &tracer->tracees[tracer->count++];
}

static void forget_tracee(struct tracer *tracer, pid_t pid)
{
	for (int i = 0; i < tracer->count; i++)
		if (tracer->tracees[i].pid == pid)
			tracer->tracees[i] = tracer->tracees[--tracer->count];
}

static bool is_program(const struct tracer *tracer, pid_t pid)
{
	char path[64];
	struct stat status;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	return stat(path, &status) == 0 && status.st_dev == tracer->program.st_dev &&
	       status.st_ino == tracer->program.st_ino;
}

/* A process that is neither counted nor the one to hit, and can't bear it, goes untraced. */
static bool is_wanted(const struct tracer *tracer, const struct tracee *tracee)
{
	if (tracer->calls)
		return true;
	return tracer->fault->what != TRACE_NOTHING && !tracer->result->hit &&
	       tracee->number <= tracer->fault->process;
}

static bool is_watched(const struct tracer *tracer, const struct tracee *tracee)
{
	return tracer->calls || tracee->number == tracer->fault->process;
}

/* The tracee may have been killed meanwhile: ESRCH is no mistake. */
static void go_on(struct tracer *tracer, struct tracee *tracee, int signal_number)
{
	long request = PTRACE_CONT;

	if (tracee->stage == STAGE_COUNTED && !is_wanted(tracer, tracee))
		tracee->stage = STAGE_LET_GO;
	if (tracee->stage == STAGE_LET_GO)
		request = PTRACE_DETACH;
	else if (tracee->stage == STAGE_HIT ||
		 (tracee->stage == STAGE_COUNTED && is_watched(tracer, tracee)))
		request = PTRACE_SYSCALL;
	must(ptrace((enum __ptrace_request)request, tracee->pid, 0, (long)signal_number) == 0 ||
		     errno == ESRCH,
	     "ptrace");
	if (request == PTRACE_DETACH)
		forget_tracee(tracer, tracee->pid);
}

#ifdef __x86_64__
static void set_register(pid_t pid, bool result, unsigned long long value)
{
	struct user_regs_struct registers;

	if (ptrace(PTRACE_GETREGS, pid, 0, &registers) != 0)
		return;
	if (result)
		registers.rax = value;
	else
		registers.orig_rax = value;
	(void)ptrace(PTRACE_SETREGS, pid, 0, &registers);
}
#else
#error "tests/crash: which registers have a system call's number and result here?"
#endif

static void note_call(struct tracer *tracer, const struct tracee *tracee, int number)
{
	struct trace_calls *calls = tracer->calls;

	if (!calls)
		return;
	if (calls->count == calls->capacity) {
		calls->capacity = calls->capacity ? calls->capacity * 2 : 1024;
		calls->items = realloc(calls->items, calls->capacity * sizeof(*calls->items));
		must(calls->items != NULL, "realloc");
	}
	calls->items[calls->count++] = (struct trace_call){ tracee->number, tracee->calls, number };
}

/* A round may have fewer calls than the one that was counted, and another call at this number. */
static bool is_hit(const struct tracer *tracer, const struct tracee *tracee, int number)
{
	if (tracer->fault->what == TRACE_FAIL && syscall_can_not_fail(number))
		return false;
	return tracer->fault->what != TRACE_NOTHING && !tracer->result->hit &&
	       tracee->number == tracer->fault->process && tracee->calls == tracer->fault->number;
}

/* Without close(2) really done, the program would have a descriptor that it can't know of. */
static bool is_done_anyway(int number)
{
	return number == SYS_close;
}

static void enter_call(struct tracer *tracer, struct tracee *tracee, int number)
{
	note_call(tracer, tracee, number);
	if (is_hit(tracer, tracee, number)) {
		tracer->result->hit = true;
		tracer->result->syscall = number;
		tracee->stage = STAGE_HIT;
		if (tracer->fault->what == TRACE_KILL)
			(void)kill(tracee->pid, SIGKILL);
		else if (!is_done_anyway(number))
			set_register(tracee->pid, false, (unsigned long long)-1);
	}
	tracee->calls++;
}

static void syscall_stop(struct tracer *tracer, struct tracee *tracee)
{
	struct __ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->pid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		if (tracee->stage == STAGE_COUNTED)
			enter_call(tracer, tracee, (int)info.entry.nr);
	} else if (tracee->stage == STAGE_HIT) {
		set_register(tracee->pid, true, (unsigned long long)-tracer->fault->errnum);
		tracee->stage = STAGE_LET_GO;
	}
}

static void event_stop(struct tracer *tracer, struct tracee *tracee, int event)
{
	unsigned long message = 0;
	struct tracee *child;
	pid_t pid = tracee->pid;

	switch (event) {
	case PTRACE_EVENT_EXEC:
		if (pid == tracer->main && tracee->number < 0) {
			tracee->number = tracer->born++;
			tracee->stage = STAGE_COUNTED;
		} else if (!is_program(tracer, pid)) {
			tracee->stage = STAGE_LET_GO;
		}
		break;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &message) != 0)
			return;
		child = tracee_of(tracer, (pid_t)message);
		child->number = tracer->born++;
		child->stage = STAGE_COUNTED;
		if (child->running)
			go_on(tracer, child, 0);
		break;
	default:
		break;
	}
}

static void stopped(struct tracer *tracer, pid_t pid, int status)
{
	struct tracee *tracee = tracee_of(tracer, pid);
	int event = status >> 16, signal_number = WSTOPSIG(status);

	if (signal_number == (SIGTRAP | 0x80)) {
		syscall_stop(tracer, tracee);
		signal_number = 0;
	} else if (event) {
		event_stop(tracer, tracee, event);
		tracee = tracee_of(tracer, pid); /* the list may have moved */
		/* The first stop of a child whose parent's event is still to come waits for it. */
		if (event == PTRACE_EVENT_STOP && tracee->stage == STAGE_UNKNOWN &&
		    pid != tracer->main) {
			tracee->running = true;
			return;
		}
		signal_number = 0;
	}
	go_on(tracer, tracee, signal_number);
}

static void ended(struct tracer *tracer, pid_t pid, int status)
{
	forget_tracee(tracer, pid);
	if (pid != tracer->main)
		return;
	tracer->main_ended = true;
	tracer->result->status = status;
}

static bool program_is_left(const struct tracer *tracer, int signal_number)
{
	FILE *children = fopen("/proc/thread-self/children", "re");
	bool left = false;
	int pid;

	must(children != NULL, "children");
	while (fscanf(children, "%d", &pid) == 1) {
		if (signal_number)
			(void)kill(pid, signal_number);
		left |= is_program(tracer, pid);
	}
	fclose(children);
	return left;
}

static void give_up(struct tracer *tracer)
{
	if (!tracer->result->timed_out)
		tracer->deadline = now_ms() + 10000;
	else
		must(now_ms() < tracer->deadline, "a killed process does not go");
	tracer->result->timed_out = true;
	(void)program_is_left(tracer, SIGKILL);
	for (int i = 0; i < tracer->count; i++)
		(void)kill(tracer->tracees[i].pid, SIGKILL);
}

static void loop(struct tracer *tracer)
{
	while (!tracer->main_ended || tracer->count || program_is_left(tracer, 0)) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (pid > 0 && WIFSTOPPED(status))
			stopped(tracer, pid, status);
		else if (pid > 0)
			ended(tracer, pid, status);
		else
			must(errno == EINTR || errno == ECHILD, "waitpid");
		if (tracer->result->timed_out || now_ms() > tracer->deadline)
			give_up(tracer);
	}
}

static void nothing(int signal_number)
{
	(void)signal_number;
}

/* Interrupts waitpid. */
static void tick(int ms)
{
	struct itimerval timer = { .it_interval.tv_usec = ms * 1000,
				   .it_value.tv_usec = ms * 1000 };
	struct sigaction action = { .sa_handler = nothing };

	must(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &timer, NULL) == 0,
	     "setitimer");
}

static void become(char *const argv[], int go_fd, int output_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	char byte;

	if (null_fd < 0 || read(go_fd, &byte, 1) != 1 || dup2(null_fd, 0) < 0 ||
	    dup2(output_fd, 1) < 0 || dup2(output_fd, 2) < 0)
		_exit(99);
	execv(argv[0], argv);
	_exit(99);
}

static void start(struct tracer *tracer, char *const argv[], int output_fd)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	int go[2];

	must(stat(argv[0], &tracer->program) == 0 && pipe2(go, O_CLOEXEC) == 0, argv[0]);
	tracer->main = fork();
	must(tracer->main >= 0, "fork");
	if (tracer->main == 0)
		become(argv, go[0], output_fd);
	must(ptrace(PTRACE_SEIZE, tracer->main, 0, options) == 0, "PTRACE_SEIZE");
	(void)tracee_of(tracer, tracer->main);
	must(write(go[1], "", 1) == 1, "write");
	close(go[0]);
	close(go[1]);
}

static char *read_all(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char *text = calloc(1, (size_t)size + 1);

	must(text && pread(fd, text, (size_t)size, 0) == size, "read");
	return text;
}

void trace_run(char *const argv[], const struct trace_fault *fault, int timeout_ms,
	       struct trace_result *ret, struct trace_calls *calls)
{
	int output_fd = memfd_create("output", MFD_CLOEXEC);
	struct tracer tracer = {
		.fault = fault, .result = ret, .calls = calls, .deadline = now_ms() + timeout_ms
	};

	must(output_fd >= 0, "memfd_create");
	*ret = (struct trace_result){ .syscall = -1 };
	start(&tracer, argv, output_fd);
	tick(TICK_MS);
	loop(&tracer);
	tick(0);
	ret->output = read_all(output_fd);
	close(output_fd);
}

void trace_result_release(struct trace_result *result)
{
	free(result->output);
	result->output = NULL;
}
