#include <sys/wait.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "model/event.h"
#include "run_internal.h"

/* How long an unnamed holder may be a janitor's probe, or a run that is about to name itself. */
#define GRACE_MS 250
#define GRACE_STEP_MS 5
/* How often to look whether a janitor's lock has become another run's. */
#define JANITOR_STEP_MS 100
#define REPORT_MS 60000

/* Anew for each try: it may have been replaced or mounted over while we waited. */
static int reopen_directory(struct run *run, struct error *err)
{
	struct lock_dir dir;

	if (lock_dir_open(&dir, run->options->lock_dir, run->options->trust, err) < 0)
		return -1;
	if (run->dir.fd >= 0)
		lock_dir_close(&run->dir);
	run->dir = dir;
	return 0;
}

static void leave_with_error(struct run *run, const struct error *err)
{
	run_leave(run, run_log_error(err), false);
}

/* True when there is nothing more to look at: the lock is ours, or the run has ended. */
static bool try_lock(struct run *run)
{
	struct error err = { .kind = ERROR_NONE };
	int result;

	app_lock_release(&run->lock);
	run->lock = APP_LOCK_NONE;
	run->record.since = clock_wall_seconds();
	run->record.phase = run->options->fresh ? RUN_PHASE_FRESH_START : RUN_PHASE_RUNNING;
	if (reopen_directory(run, &err) < 0) {
		leave_with_error(run, &err);
		return true;
	}
	result = app_lock_try(&run->dir, &run->hash, LOCK_ROLE_RUN, &run->record, &run->lock,
			      &run->created, &err);
	if (result < 0)
		leave_with_error(run, &err);
	else if (result == LOCK_FREE)
		fresh_enter(run);
	return result < 0 || result == LOCK_FREE;
}

static void describe_record(struct text *text, const struct record *record, pid_t pid)
{
	char since[32];

	if (!record->known) {
		text_append(text, "an unknown holder");
		if (pid > 0)
			text_appendf(text, " (pid %d)", (int)pid);
		return;
	}
	text_appendf(text, "%s (", record->holder[0] ? record->holder : "an unnamed holder");
	if (pid > 0)
		text_appendf(text, "pid %d, ", (int)pid);
	if (pid > 0 && record->pid != pid)
		text_append(text, "by its record ");
	text_appendf(text, "phase %s, since %s)", run_phase_name(record->phase),
		     clock_format(record->since, since, sizeof(since)));
}

static void describe_holder(const struct run *run, struct text *text)
{
	struct record record;
	pid_t pid = 0;

	if (app_lock_look(run->lock.fd, &pid) == LOCK_COMPANION_JANITOR) {
		text_append(text, "a janitor that reaps it");
		if (pid > 0)
			text_appendf(text, " (pid %d)", (int)pid);
		return;
	}
	app_lock_read_record(run->lock.fd, &run->hash, &record);
	describe_record(text, &record, pid > 0 ? pid : record.pid);
}

static void report(struct run *run, int64_t now)
{
	CLEANUP_TEXT struct text holder = { .data = NULL };

	if (now < run->waiting.report_at)
		return;
	run->waiting.report_at = now + REPORT_MS;
	describe_holder(run, &holder);
	log_event(LOG_LEVEL_INFO, event_of(EVENT_RUN_WAITS), "waiting for %s: held by %s",
		  run->options->app, text_get(&holder));
}

static void leave_busy(struct run *run)
{
	CLEANUP_TEXT struct text holder = { .data = NULL };
	bool skip = run->options->if_held == IF_HELD_SKIP;

	describe_holder(run, &holder);
	log_event(skip ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, event_of(EVENT_RUN_REFUSED),
		  skip ? "skipped: %s is held by %s" : "unable to lock %s: held by %s",
		  run->options->app, text_get(&holder));
	run_leave(run, skip ? 0 : run->options->conflict_status, false);
}

/* Finds out whom we wait for. An unnamed holder stays what it was until the grace has passed: then
 * it is another program, or a daemon that a dead run left with the lock. */
static void classify_holder(struct run *run, int64_t now)
{
	struct waiting *waiting = &run->waiting;
	pid_t pid;

	switch (app_lock_look(run->lock.fd, &pid)) {
	case LOCK_COMPANION_RUN:
		waiting->whom = WAITING_FOR_RUN;
		waiting->decide_at = 0;
		break;
	case LOCK_COMPANION_JANITOR:
		if (waiting->whom != WAITING_FOR_JANITOR)
			waiting->janitor_limit = clock_deadline(run->options->janitor_wait_ms);
		waiting->whom = WAITING_FOR_JANITOR;
		waiting->decide_at = 0;
		break;
	case LOCK_COMPANION_NONE:
		if (waiting->decide_at == 0)
			waiting->decide_at = now + GRACE_MS;
		if (now >= waiting->decide_at)
			waiting->whom = WAITING_FOR_RUN;
		break;
	}
}

/* The helper: the lock that it gets belongs to the open file description that we share. */
static int wait_for_lock(void *data)
{
	return app_lock_wait_blocking(*(const int *)data);
}

static void wait_on(struct run *run, int64_t now)
{
	struct waiting *waiting = &run->waiting;
	bool janitor = waiting->whom == WAITING_FOR_JANITOR;
	struct error err = { .kind = ERROR_NONE };

	run->limit = janitor ? waiting->janitor_limit : waiting->run_limit;
	if (now >= run->limit || (!janitor && run->options->if_held != IF_HELD_WAIT)) {
		leave_busy(run);
		return;
	}
	report(run, now);
	run->tick = waiting->report_at;
	if (janitor && now + JANITOR_STEP_MS < run->tick)
		run->tick = now + JANITOR_STEP_MS;
	if (run->child.pid == 0 && child_fork(wait_for_lock, &run->lock.fd, &run->child, &err) < 0)
		leave_with_error(run, &err);
}

void wait_look(struct run *run)
{
	int64_t now = clock_now_ms();

	if (run->child.pid == 0 && try_lock(run))
		return;
	classify_holder(run, now);
	if (run->waiting.whom == WAITING_UNDECIDED)
		run->tick = now + GRACE_STEP_MS;
	else
		wait_on(run, now);
}

void wait_confirm(struct run *run)
{
	struct error err = { .kind = ERROR_NONE };
	int result;

	if (WIFSIGNALED(run->child_status)) {
		wait_look(run);
		return;
	}
	if (WEXITSTATUS(run->child_status) != 0) {
		(void)error_set_errno(&err, ERROR_SYSTEM, WEXITSTATUS(run->child_status),
				      "unable to wait for the lock of %s", run->options->app);
		leave_with_error(run, &err);
		return;
	}
	if (reopen_directory(run, &err) < 0) {
		leave_with_error(run, &err);
		return;
	}
	run->record.since = clock_wall_seconds();
	result = app_lock_confirm(&run->dir, &run->lock, LOCK_ROLE_RUN, &err);
	if (result < 0) {
		leave_with_error(run, &err);
	} else if (result == LOCK_FREE) {
		run->created = false;
		fresh_enter(run);
	} else {
		run->lock = APP_LOCK_NONE;
		wait_look(run);
	}
}
