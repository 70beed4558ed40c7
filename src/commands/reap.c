#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "commands_internal.h"
#include "kernel/process.h"
#include "model/event.h"

#define LOOK_STEP_MS 25
/* An unnamed holder may be a janitor's probe, or a run that is about to name itself. */
#define GRACE_MS 250
#define FORCE_LIMIT_MS 10000

static struct {
	bool dry_run, force;
	const char *lease_host;
	int64_t wait_ms, timeout_ms;
} given = { .timeout_ms = -1 };

const struct option_spec reap_options_table[] = {
	{ "dry-run", 0, OPTION_FLAG, &given.dry_run, NULL, "only say what would be removed", 0, 0,
	  NULL },
	{ "force", 0, OPTION_FLAG, &given.force, NULL, "kill a live run of the app first", 0, 0,
	  NULL },
	{ "lease-host", 0, OPTION_TEXT, &given.lease_host, "HOST",
	  "with --force, take the app from a live run on HOST as well", 0, 0, NULL },
	{ "wait", 0, OPTION_DURATION, &given.wait_ms, "D", "wait for a live run at most D", 0, 0,
	  NULL },
	{ "timeout", 0, OPTION_DURATION, &given.timeout_ms, "D", "end it all after D", 0, 0, NULL },
	OPTIONS_END,
};

/* The wait for one app's lock. */
struct wait {
	int64_t run_limit, janitor_limit, unnamed_limit;
	pid_t killed; /* 0: none yet */
};

static void describe_holder(const struct app_lock *lock, struct text *text)
{
	enum lock_companion companion;
	struct record record;
	char since[32];
	pid_t pid = 0;

	companion = app_lock_look(lock->fd, &pid);
	if (companion == LOCK_COMPANION_JANITOR) {
		text_append(text, "a janitor that reaps it");
		if (pid > 0)
			text_appendf(text, " (pid %d)", (int)pid);
		return;
	}
	app_lock_read_record(lock->fd, &lock->hash, &record);
	text_append(text, record.known && record.holder[0] ? record.holder : "an unknown holder");
	if (pid > 0)
		text_appendf(text, " (pid %d)", (int)pid);
	else if (companion == LOCK_COMPANION_NONE)
		text_append(text, " (no run is behind the lock: another program, or a process "
				  "that a run left)");
	if (record.known)
		text_appendf(text, ", by its record phase %s since %s",
			     run_phase_name(record.phase),
			     clock_format(record.since, since, sizeof(since)));
}

static int refuse_held(const char *app, const struct app_lock *lock, struct error *err)
{
	CLEANUP_TEXT struct text holder = { 0 };

	describe_holder(lock, &holder);
	return error_set(err, ERROR_HELD, "unable to reap %s: held by %s", app, text_get(&holder));
}

/* Looked at again once it is open: a later process with the same pid can't be hit. */
static int kill_holder(const char *app, const struct app_lock *lock, pid_t pid, struct error *err)
{
	CLEANUP_CLOSE int pidfd = process_open_handle(pid);
	pid_t again = 0;

	if (pidfd < 0 && errno != ESRCH)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open process %d",
				       (int)pid);
	if (pidfd < 0 || app_lock_look(lock->fd, &again) != LOCK_COMPANION_RUN || again != pid)
		return 0;
	log_event(LOG_LEVEL_WARNING, event_of(EVENT_RUN_KILLED),
		  "killing the live run of %s, pid %d", app, (int)pid);
	if (process_signal(pidfd, SIGKILL) < 0 && errno != ESRCH)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to kill process %d",
				       (int)pid);
	return 1;
}

static int force(const char *app, const struct app_lock *lock, pid_t pid, struct wait *wait,
		 struct error *err)
{
	int killed;

	if (pid <= 0)
		return error_set(err, ERROR_HELD,
				 "unable to force the run of %s: its process can't be seen from "
				 "here",
				 app);
	/* Only the run that was there is forced: whoever came after it is not. */
	if (wait->killed)
		return wait->killed == pid ? 0 : refuse_held(app, lock, err);
	killed = kill_holder(app, lock, pid, err);
	if (killed <= 0)
		return killed;
	wait->killed = pid;
	wait->run_limit = wait->unnamed_limit = clock_deadline(FORCE_LIMIT_MS);
	return 0;
}

/* One look at who holds the lock. 0: try again, -1 with *err: it stays his. */
static int look(const char *app, const struct app_lock *lock, struct wait *wait, struct error *err)
{
	int64_t limit = wait->unnamed_limit;
	pid_t pid = 0;

	switch (app_lock_look(lock->fd, &pid)) {
	case LOCK_COMPANION_RUN:
		if (given.force && force(app, lock, pid, wait, err) < 0)
			return -1;
		limit = wait->run_limit;
		break;
	case LOCK_COMPANION_JANITOR:
		limit = wait->janitor_limit;
		break;
	case LOCK_COMPANION_NONE:
		break;
	}
	return clock_now_ms() < limit ? 0 : refuse_held(app, lock, err);
}

static int acquire(struct janitor *janitor, const struct lock_dir *dir, struct reap_target *target,
		   struct error *err)
{
	struct app_hash hash = app_hash_of(target->app);
	struct wait wait = {
		.run_limit = clock_deadline(given.force ? FORCE_LIMIT_MS : given.wait_ms),
		.janitor_limit = clock_deadline(settings_reap_limit_ms(janitor->options.settings)),
		.unnamed_limit =
			clock_deadline(given.wait_ms > GRACE_MS ? given.wait_ms : GRACE_MS),
	};
	struct record record;
	int state;

	holder_record(target->app, &record);
	engine_describe(&janitor->connection, &record);
	for (;;) {
		state = app_lock_try(dir, &hash, LOCK_ROLE_JANITOR, &record, &target->lock,
				     &target->created, err);
		if (state < 0 || state == LOCK_FREE)
			return state < 0 ? -1 : 0;
		state = look(target->app, &target->lock, &wait, err);
		app_lock_release(&target->lock);
		target->lock = APP_LOCK_NONE;
		if (state < 0)
			return -1;
		if (janitor_is_told(janitor))
			return error_set(err, ERROR_HELD, "unable to reap %s: interrupted",
					 target->app);
		clock_sleep_ms(LOOK_STEP_MS);
	}
}

static void give_up(const struct lock_dir *dir, struct reap_target *target)
{
	struct error err = { .kind = ERROR_NONE };

	if (!target->created)
		app_lock_release(&target->lock);
	else if (app_lock_forget(dir, &target->lock, &err) < 0)
		log_warning("%s", err.message);
	target->lock = APP_LOCK_NONE;
}

/* Fills the target with the lock and what is known of the dead holder. */
static int prepare(struct janitor *janitor, const struct lock_dir *dir, const char *app,
		   struct reap_target *target, struct error *err)
{
	*target = (struct reap_target){ .lock = APP_LOCK_NONE };
	if (command_check_app(janitor->context, app, err) < 0)
		return -1;
	(void)snprintf(target->app, sizeof(target->app), "%s", app);
	if (acquire(janitor, dir, target, err) < 0)
		return -1;
	if ((target->created || app_lock_need_record(&target->lock, &target->record, err) == 0) &&
	    janitor_check_deleted_holder(dir, target, janitor->wake_fd, err) == 0)
		return 0;
	give_up(dir, target);
	return error_add_context(err, "unable to reap %s", app);
}

/* An app that is left alone: the reason to the log, and its line to those who read JSON. */
static int refuse(struct janitor *janitor, const char *app, const struct error *err,
		  struct sweep_result *result)
{
	struct app_result left = { .hash = app_hash_of(app), .error = *err };

	result->locks++;
	if (err->kind == ERROR_HELD) {
		left.outcome = APP_LIVE;
		result->live++;
	} else {
		left.outcome = APP_LEFT;
		result->unusable++;
	}
	if (app_name_is_valid(app))
		(void)snprintf(left.app, sizeof(left.app), "%s", app);
	if (janitor->context->report.json)
		janitor->options.on_result(janitor->options.on_result_data, &left);
	return command_fail(err);
}

static bool is_repeated(char **apps, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcmp(apps[i], apps[index]))
			return true;
	return false;
}

static int reap(struct janitor *janitor, const struct lock_dir *dir, char **apps)
{
	CLEANUP_FREE struct reap_target *targets = NULL;
	struct sweep_result result = { .dry_run = given.dry_run };
	size_t count = 0, asked = 0;
	int status = 0, reaped;

	while (apps[asked])
		asked++;
	targets = xcalloc(asked, sizeof(*targets));
	for (size_t i = 0; i < asked; i++) {
		struct error err = { .kind = ERROR_NONE };

		if (is_repeated(apps, i))
			continue;
		if (prepare(janitor, dir, apps[i], &targets[count], &err) == 0) {
			count++;
			continue;
		}
		reaped = refuse(janitor, apps[i], &err, &result);
		status = reaped > status ? reaped : status;
	}
	if (count)
		reap_targets(dir, targets, count, &janitor->options, &result);
	result.took_ms = clock_now_ms() - janitor->began_ms;
	reaped = janitor_finish(janitor, &result);
	if (result.leased && given.force)
		log_warning("to take a lease from a live run of another host, name that host: "
			    "--force --lease-host HOST. The run is killed at its next renewal, "
			    "within a third of its term, and what it made is removed at once");
	if (result.leased && status < error_exit_status(ERROR_HELD))
		status = error_exit_status(ERROR_HELD);
	return reaped > status ? reaped : status;
}

/* A name that can't be one stops it all before anything is touched. */
static int check_names(char **apps, struct error *err)
{
	for (; *apps; apps++)
		if (app_name_check(*apps, err) < 0)
			return -1;
	return 0;
}

int command_reap(struct context *context, char **operands)
{
	struct error err = { .kind = ERROR_NONE };
	struct janitor janitor;
	struct lock_dir dir;
	int status;

	if (given.lease_host && !given.force) {
		(void)error_set(&err, ERROR_USAGE, "--lease-host: only with --force");
		return command_fail(&err);
	}
	if (check_names(operands, &err) < 0 ||
	    lock_dir_open(&dir, context->settings.lock_dir, &context->trust, &err) < 0)
		return command_fail(&err);
	if (janitor_init(&janitor, context, -1, given.timeout_ms, given.dry_run, &err) < 0) {
		lock_dir_close(&dir);
		return command_fail(&err);
	}
	janitor_want_leases(&janitor, &dir, NULL, NULL);
	janitor.options.lease_from = given.lease_host;
	janitor.connection.is_meant = global_options.host != NULL;
	status = reap(&janitor, &dir, operands);
	janitor_release(&janitor);
	lock_dir_close(&dir);
	return status;
}
