#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/event.h"
#include "run_internal.h"

#define RELEASE_MS 5000

int engine_child_start(struct run *run, const char *mode, struct error *err)
{
	const struct run_options *options = run->options;
	/* What another has by the time of the teardown is his. */
	bool fresh = run->phase == RUN_PHASE_FRESH_START;
	const struct run_engine_work work = {
		.mode = mode,
		.lock_fd = run->lock.fd,
		.created = run->created,
		.record = &run->record,
		.wait_limit =
			fresh && options->if_held == IF_HELD_WAIT ? run->waiting.run_limit : 0,
		.janitor_limit = fresh ? clock_deadline(options->janitor_wait_ms) : 0,
	};
	struct child_setup setup = CHILD_SETUP_INIT;
	bool exec_failed;

	setup.argv = options->engine_argv(options->engine_argv_data, &work);
	setup.exec_path = "/proc/self/exe";
	setup.signals = &run->before;
	setup.restore_capabilities = true;
	/* Out of the terminal's reach, and no death signal: if we are killed, it finishes its work
	 * under the lock. */
	setup.new_session = true;
	setup.inherit_fd = run->lock.fd;
	setup.stdout_fd = run->lease.child_fd >= 0 ? run->lease.child_fd : STDERR_FILENO;
	return child_spawn(&setup, &run->child, &exec_failed, err);
}

void fresh_enter(struct run *run)
{
	struct error err = { .kind = ERROR_NONE };

	run->phase = RUN_PHASE_FRESH_START;
	run->limit = run->tick = CLOCK_NEVER;
	if (!run->options->fresh && !run->options->lease_term_ms)
		command_enter(run);
	else if (lease_open(run, &err) < 0 ||
		 engine_child_start(run, run->options->fresh ? "fresh" : "claim", &err) < 0)
		run_leave(run, run_log_error(&err), true);
}

void fresh_end(struct run *run)
{
	if (run->told)
		return;
	run_note_told(run, RUN_EVENT_STOP);
	run->limit = clock_deadline(run->options->kill_grace_ms);
	(void)child_signal(&run->child, SIGTERM);
}

/* What it had begun to remove, the next reap goes on with: the lockfile stays. */
void fresh_kill(struct run *run)
{
	run_note_told(run, RUN_EVENT_STOP);
	child_kill(&run->child);
	run_leave(run, run->told, false);
}

/* The lock was free, and the lease isn't: the child has said whose it is. */
static void leave_busy(struct run *run)
{
	bool skip = run->options->if_held == IF_HELD_SKIP;

	if (skip)
		log_info("skipped: %s is held on another host", run->options->app);
	else
		log_error("unable to lock %s: it is held on another host", run->options->app);
	run_leave(run, skip ? 0 : run->options->conflict_status, true);
}

/* Other hosts would wait for a lease that nobody renews until its term is over. What --no-fresh has
 * left of a dead run stays leased: it is to be reaped. */
static bool gives_up_lease(struct run *run)
{
	struct error err = { .kind = ERROR_NONE };

	if (run->clean || !run->options->lease_term_ms || !run->options->fresh)
		return false;
	run->clean = true;
	run->limit = clock_deadline(RELEASE_MS);
	if (engine_child_start(run, "release", &err) == 0)
		return true;
	log_warning("%s", err.message);
	return false;
}

void fresh_judge(struct run *run)
{
	int status = WIFEXITED(run->child_status) ? WEXITSTATUS(run->child_status)
						  : error_exit_status(ERROR_BUG);
	const char *consequence =
		run->options->hold ? "it is not held" : "the command was not started";

	if (run->told && run->child_status == 0 && gives_up_lease(run)) {
		return;
	} else if (run->told) {
		run_leave(run, run->told,
			  run->child_status == 0 || status == error_exit_status(ERROR_HELD));
	} else if (run->child_status == 0) {
		command_enter(run);
	} else if (run->options->lease_term_ms && status == error_exit_status(ERROR_HELD)) {
		leave_busy(run);
	} else if (WIFSIGNALED(run->child_status)) {
		log_event(LOG_LEVEL_ERROR, event_of(EVENT_RUN_LEFT),
			  "unable to start %s clean: killed by signal %d; %s", run->options->app,
			  WTERMSIG(run->child_status), consequence);
		run_leave(run, status, false);
	} else {
		log_event(LOG_LEVEL_ERROR, event_of(EVENT_RUN_LEFT), "unable to start %s clean: %s",
			  run->options->app, consequence);
		/* Status 1: something is left, and the lockfile is the sweep's to-do entry. */
		run_leave(run, status, status != 1);
	}
}
