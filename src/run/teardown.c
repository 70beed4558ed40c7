#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "model/event.h"
#include "run_internal.h"

#define KILL_STEP_MAX_MS 20
/* What an engine child that was asked to end gets to finish its request. */
#define LAST_REQUEST_MS 5000

static void give_up_lock(struct run *run)
{
	app_lock_release(&run->lock);
	run->lock = APP_LOCK_NONE;
	run->phase = RUN_PHASE_RELEASED;
	run->status = run->told ? run->told : run->command_status;
	if (run->status == 0 && run->teardown_failed)
		run->status = 1;
	log_story(event_of(EVENT_RUN_ENDED), "the run of %s has ended with status %d",
		  run->options->app, run->status);
}

/* As it was meant: the lockfile stays, for the next sweep. */
static void leave_to_sweep(struct run *run)
{
	run_set_phase(run, RUN_PHASE_RELEASED);
	give_up_lock(run);
}

static void fail(struct run *run, const char *reason)
{
	log_event(LOG_LEVEL_ERROR, event_of(EVENT_RUN_LEFT),
		  "unable to clean up after %s: %s; its lockfile stays for the next sweep",
		  run->options->app, reason);
	run->teardown_failed = true;
	/* The record goes on saying "teardown": that tells `release` that it was not completed, and
	 * a successor that removals may still be under way. */
	give_up_lock(run);
}

/* After a failure; not of a run that was told to end by a signal: nobody will look at what that
 * left.
 */
static bool is_kept(const struct run *run)
{
	if (!run->options->keep_ms)
		return false;
	return run->told ? run->told == RUN_STATUS_DEADLINE : run->command_status != 0;
}

static void keep(struct run *run)
{
	int64_t seconds = run->options->keep_ms / 1000;
	struct error err = { .kind = ERROR_NONE };
	char until[32];

	run->record.keep_until = clock_wall_seconds() + seconds;
	run->record.keep_boot = clock_boot_seconds() + seconds;
	log_event(LOG_LEVEL_WARNING, event_of(EVENT_RUN_KEPT),
		  "%s failed: what it made is kept until %s", run->options->app,
		  clock_format(run->record.keep_until, until, sizeof(until)));
	/* Another host would take a lease that nobody renews for a dead run's. */
	run->keeping = true;
	if (!run->options->lease_term_ms) {
		leave_to_sweep(run);
	} else if (engine_child_start(run, "release", &err) < 0) {
		log_warning("%s", err.message);
		leave_to_sweep(run);
	}
}

/* Waits for the proof, not for the signal. */
static int kill_rest(struct run *run, struct error *err)
{
	int64_t step = 1;
	size_t left;

	if (run->kill_limit == 0)
		run->kill_limit = run->limit;
	while ((left = members_kill(run, err)) > 0) {
		run->was_killed = true;
		if (clock_now_ms() >= run->kill_limit)
			return error_set(err, ERROR_TIMEOUT, "%zu processes could not be killed",
					 left);
		clock_sleep_ms(step);
		step = step < KILL_STEP_MAX_MS ? step * 2 : step;
	}
	return 0;
}

/* Did all processes of the run end by themselves and well, so that none of their requests to the
 * engine can be without an answer? */
static bool ended_in_order(const struct run *run)
{
	return !run->was_killed && !run->told && run->command_status == 0;
}

void teardown_enter(struct run *run)
{
	struct error err = { .kind = ERROR_NONE };

	run_set_phase(run, RUN_PHASE_TEARDOWN);
	run->deadline = run->tick = CLOCK_NEVER;
	run->limit = clock_deadline(run->options->teardown_timeout_ms);
	lease_leave(run);
	if (kill_rest(run, &err) < 0) {
		fail(run, err.message);
		return;
	}
	run->child_ended = false; /* CMD, if it was only killed just now */
	if (run->told || run->command_status > 128)
		terminal_restore(run);
	watch_end(run);
	if (command_drop_cgroup(run, &err) < 0)
		fail(run, err.message);
	else if (is_kept(run))
		keep(run);
	else if (!run->options->teardown)
		leave_to_sweep(run);
	else if (engine_child_start(run, ended_in_order(run) ? "teardown" : "after-kill", &err) < 0)
		fail(run, err.message);
}

void teardown_end(struct run *run)
{
	if (!run->teardown_ending) {
		run->teardown_ending = true;
		run->limit = clock_deadline(LAST_REQUEST_MS);
		(void)child_signal(&run->child, SIGTERM);
		return;
	}
	child_kill(&run->child);
	fail(run, "it took longer than the teardown timeout");
}

void teardown_judge(struct run *run)
{
	if (run->keeping) {
		if (run->child_status != 0)
			log_warning("unable to give up the lease of %s: when its term is over, "
				    "another host may reap what is kept",
				    run->options->app);
		leave_to_sweep(run);
		return;
	}
	/* The child has also removed the lockfile. */
	if (run->child_status == 0)
		give_up_lock(run);
	else if (run->teardown_ending)
		fail(run, "it took longer than the teardown timeout");
	else
		fail(run, "something is left");
}
