#include "run/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "kernel/process.h"
#include "model/event.h"
#include "run_internal.h"

int run_log_error(const struct error *err)
{
	log_error("%s", err->message);
	return error_exit_status(err->kind);
}

void run_set_phase(struct run *run, enum run_phase phase)
{
	struct error err = { .kind = ERROR_NONE };

	run->phase = run->record.phase = phase;
	if (app_lock_write_record(&run->lock, &run->record, &err) < 0)
		log_warning("%s", err.message);
}

void run_tell_held(const struct run *run)
{
	log_story(event_of(EVENT_RUN_HELD), "%s is held by %s", run->options->app,
		  run->record.holder);
}

void run_note_told(struct run *run, enum run_event event)
{
	if (run->told)
		return;
	if (event == RUN_EVENT_LEASE_LATE || event == RUN_EVENT_LEASE_OVER)
		run->told = RUN_STATUS_LEASE;
	else
		run->told = event == RUN_EVENT_DEADLINE ? RUN_STATUS_DEADLINE
							: 128 + (int)run->signal.ssi_signo;
}

void run_leave(struct run *run, int status, bool forget)
{
	struct error err = { .kind = ERROR_NONE };

	/* It may just have got the lock, for the description that we are about to close. */
	child_kill(&run->child);
	if (!forget || !run->created || run->lock.fd < 0)
		app_lock_release(&run->lock);
	else if (app_lock_forget(&run->dir, &run->lock, &err) < 0)
		log_warning("%s", err.message);
	run->lock = APP_LOCK_NONE;
	run->phase = RUN_PHASE_RELEASED;
	run->status = status;
}

static void leave_as_told(struct run *run)
{
	run_note_told(run, RUN_EVENT_STOP);
	run_leave(run, run->told, false);
}

struct run_parent run_parent_remember(void)
{
	struct run_parent parent = { .pid = getppid(), .fd = -1 };

	if (parent.pid > 0)
		parent.fd = process_open(parent.pid);
	return parent;
}

/* Where the parent is a process that this one can't see, only the signal tells of its death. */
static int watch_parent(struct run *run, struct error *err)
{
	if (run->options->hold) {
		/* Our parent is meant to go; the process that we are tied to counts as one. */
		run->parent_fd = run->options->hold->tied_fd;
		run->handover_fd = run->options->hold->handover_fd;
		return 0;
	}
	run->parent = run->options->parent.pid;
	run->parent_fd = run->options->parent.fd;
	if (prctl(PR_SET_PDEATHSIG, RUN_PARENT_SIGNAL) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to watch the parent");
	run->parent_gone = getppid() != run->parent;
	return 0;
}

static int guard(struct run *run, struct error *err)
{
	siginfo_t info;

	run->signal_fd = signals_take_over(&run->before, err);
	if (run->signal_fd < 0 || watch_parent(run, err) < 0)
		return -1;
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to become a subreaper");
	/* Whoever exec'd us may have had children, which are not this run's. */
	run->only_our_children =
		waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
	return 0;
}

static void copy_text(char *ret, size_t size, const char *text)
{
	size_t length = strnlen(text ? text : "", size - 1);

	if (length)
		memcpy(ret, text, length);
	ret[length] = '\0';
}

#define COPY_TEXT(array, text) copy_text(array, sizeof(array), text)

static void describe(struct run *run)
{
	const struct run_options *options = run->options;
	struct record *record = &run->record;
	char host[256] = "";

	COPY_TEXT(record->app, options->app);
	COPY_TEXT(record->stack, options->stack);
	COPY_TEXT(record->holder, options->holder);
	COPY_TEXT(record->job_url, options->job_url);
	COPY_TEXT(record->engine, options->engine);
	COPY_TEXT(record->engine_socket, options->engine_socket);
	(void)gethostname(host, sizeof(host) - 1);
	COPY_TEXT(record->host, host);
	process_random_id(record->run_id);
	record->known = true;
	record->pid = getpid();
	record->pid_namespace = process_pid_namespace();
	/* Without a mounted /proc the record says less; it only ever informs. */
	(void)process_start_time(record->pid, &record->start_time);
	(void)process_boot_id(record->boot_id);
}

static void act(struct run *run, enum run_event event)
{
	switch (run_phase_action(run->phase, event)) {
	case RUN_ACTION_NONE:
		break;
	case RUN_ACTION_LOOK:
		wait_look(run);
		break;
	case RUN_ACTION_CONFIRM:
		wait_confirm(run);
		break;
	case RUN_ACTION_LEAVE:
		leave_as_told(run);
		break;
	case RUN_ACTION_SUSPEND:
		command_suspend(run);
		break;
	case RUN_ACTION_END_FRESH:
		fresh_end(run);
		break;
	case RUN_ACTION_KILL_FRESH:
		fresh_kill(run);
		break;
	case RUN_ACTION_JUDGE_FRESH:
		fresh_judge(run);
		break;
	case RUN_ACTION_WATCH:
		watch_begin(run);
		break;
	case RUN_ACTION_CHECK:
		watch_look(run);
		break;
	case RUN_ACTION_PASS_ON:
		command_pass_on(run);
		break;
	case RUN_ACTION_STOP:
		command_stop(run, event);
		break;
	case RUN_ACTION_KILL:
		command_kill(run);
		break;
	case RUN_ACTION_TEARDOWN:
		command_ended(run);
		break;
	case RUN_ACTION_END_TEARDOWN:
		teardown_end(run);
		break;
	case RUN_ACTION_RELEASE:
		teardown_judge(run);
		break;
	}
}

static void release(struct run *run)
{
	if (run->dir.fd >= 0)
		lock_dir_close(&run->dir);
	if (run->signal_fd >= 0)
		(void)close(run->signal_fd);
	if (run->parent_fd >= 0)
		(void)close(run->parent_fd);
	free(run->scratch);
	lease_close(run);
	if (run->handover_fd >= 0)
		(void)close(run->handover_fd);
	if (run->asking_fd >= 0)
		(void)close(run->asking_fd);
}

int supervisor_run(const struct run_options *options)
{
	struct error err = { .kind = ERROR_NONE };
	struct run run = {
		.options = options,
		.phase = RUN_PHASE_WAITING,
		.signal_fd = -1,
		.parent_fd = -1,
		.cgroup_fd = -1,
		.watch_fd = -1,
		.handover_fd = -1,
		.asking_fd = -1,
		.dir = { .fd = -1 },
		.lock = APP_LOCK_NONE,
		.child = CHILD_NONE,
		.lease = { .news_fd = -1,
			   .child_fd = -1,
			   .timer_fd = -1,
			   .keeper = CHILD_NONE,
			   .keeper_at = CLOCK_NEVER },
		.deadline = CLOCK_NEVER,
		.limit = CLOCK_NEVER,
		.tick = 0, /* look at once */
	};

	if (guard(&run, &err) < 0) {
		run.status = run_log_error(&err);
		run.phase = RUN_PHASE_RELEASED;
	}
	terminal_look(&run);
	run.hash = app_hash_of(options->app);
	run.waiting.run_limit = clock_deadline(options->wait_ms);
	describe(&run);
	log_set_subject(run.record.app, run.record.run_id);
	while (run.phase != RUN_PHASE_RELEASED)
		act(&run, events_next(&run));
	release(&run);
	log_set_subject(NULL, NULL);
	return run.status;
}
