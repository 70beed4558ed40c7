/* The engine work at the start and end of a run, under the lock that the run hands over. */
#include <stdlib.h>

#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/terminal.h"
#include "commands_internal.h"
#include "model/event.h"
#include "model/lease.h"

#define BUSY_EVERY_MS 60000

enum held_mode { MODE_FRESH, MODE_TEARDOWN, MODE_AFTER_KILL, MODE_CLAIM, MODE_RELEASE };

static const char *const modes[] = { "fresh", "teardown", "after-kill", "claim", "release", NULL };

static struct {
	int64_t fd;
	int mode;
	bool created, no_fresh;
	const char *stack, *run_id, *holder;
	int64_t lease_term, wait_limit, janitor_limit;
} given = { .fd = -1, .mode = -1 };

const struct option_spec reap_held_options_table[] = {
	{ "fd", 0, OPTION_NUMBER, &given.fd, "N", "the lock's descriptor", 3, 1 << 20, NULL },
	{ "mode", 0, OPTION_CHOICE, &given.mode, "MODE",
	  "fresh, teardown, or after-kill, a teardown with late requests; claim or release, of "
	  "the lease alone",
	  0, 0, modes },
	{ "created", 0, OPTION_FLAG, &given.created, NULL, "the run has made the lockfile", 0, 0,
	  NULL },
	{ "no-fresh", 0, OPTION_FLAG, &given.no_fresh, NULL, "the run had no fresh start", 0, 0,
	  NULL },
	{ "stack", 0, OPTION_APP, &given.stack, "NAME", "the app's stack", 0, 0, NULL },
	{ "lease-term", 0, OPTION_NUMBER, &given.lease_term, "MS",
	  "the term of the run's lease; without, it has none", LEASE_TERM_MIN_MS, LEASE_TERM_MAX_MS,
	  NULL },
	{ "run-id", 0, OPTION_TEXT, &given.run_id, "ID", "the run, for its lease", 0, 0, NULL },
	{ "holder", 0, OPTION_TEXT, &given.holder, "ID", "who runs it", 0, 0, NULL },
	{ "wait-limit", 0, OPTION_NUMBER, &given.wait_limit, "MS",
	  "wait until then for another run's lease", 0, INT64_MAX, NULL },
	{ "janitor-limit", 0, OPTION_NUMBER, &given.janitor_limit, "MS",
	  "wait until then for a janitor's lease", 0, INT64_MAX, NULL },
	OPTIONS_END,
};

static bool is_fresh(void)
{
	return given.mode == MODE_FRESH;
}

static enum lease_use lease_use(void)
{
	if (given.mode == MODE_CLAIM)
		return LEASE_USE_TAKE;
	return given.mode == MODE_RELEASE ? LEASE_USE_RELEASE : LEASE_USE_REAP;
}

static int adopt(const struct lock_dir *dir, const char *app, struct reap_target *ret,
		 struct error *err)
{
	struct app_hash hash = app_hash_of(app);
	int state = app_lock_adopt(dir, &hash, (int)given.fd, &ret->lock, err);

	if (state < 0)
		return -1;
	if (state != LOCK_FREE)
		return error_set(err, ERROR_LOCK,
				 "unable to take over the lock of %s: its lockfile was replaced",
				 app);
	return 0;
}

static int prepare(const struct lock_dir *dir, const char *app, struct reap_target *ret,
		   struct error *err)
{
	*ret = (struct reap_target){
		.lock = APP_LOCK_NONE,
		/* By the teardown the lockfile stands for all that the run has made. */
		.created = is_fresh() && given.created,
		.for_run = is_fresh() || lease_use() != LEASE_USE_REAP,
		.no_fence = !is_fresh(),
		.lease_use = lease_use(),
		.was_killed = given.mode == MODE_AFTER_KILL,
	};
	(void)snprintf(ret->app, sizeof(ret->app), "%s", app);
	(void)snprintf(ret->extra_stack, sizeof(ret->extra_stack), "%s",
		       given.stack ? given.stack : "");
	if (adopt(dir, app, ret, err) < 0)
		return -1;
	/* What stands in a lockfile that the run has made is its own record, not a dead one's. A
	 * fresh start's look for a deleted holder holds for the teardown, too: none can come after
	 * it. */
	if ((ret->created || app_lock_need_record(&ret->lock, &ret->record, err) == 0) &&
	    (!(is_fresh() || (given.no_fresh && given.mode != MODE_CLAIM)) ||
	     janitor_check_deleted_holder(dir, ret, -1, err) == 0))
		return 0;
	app_lock_release(&ret->lock);
	return -1;
}

/* What janitor_init has set up stays in charge; this stands before it. */
struct shown {
	struct report report;
	struct janitor *janitor;
	const struct lock_dir *dir;
	bool something; /* the app had objects */
	bool busy;	/* its lease is another's */
	int64_t say_at; /* when to say (again) whom we wait for */
	bool in_group;
};

static void show_busy(void *data, const struct app_result *result, const char *holder)
{
	struct shown *shown = data;
	int64_t now = clock_now_ms();

	if (now < shown->say_at)
		return;
	shown->say_at = now + BUSY_EVERY_MS;
	log_event(LOG_LEVEL_INFO, event_of(EVENT_RUN_WAITS), "waiting for %s: leased by %s",
		  result->app, holder);
}

static void begin_group(struct shown *shown, const struct app_result *result)
{
	CLEANUP_FREE char *title = xasprintf("ci-janitor: %s of %s",
					     is_fresh() ? "clean start" : "teardown", result->app);

	if (!shown->in_group)
		log_group_begin(title);
	shown->in_group = true;
}

/* A run that finds nothing has nothing to tell. */
static void show(void *data, const struct app_result *result)
{
	struct shown *shown = data;
	const struct report *report = &shown->report;
	struct error err = { .kind = ERROR_NONE };

	shown->something |= result->action_count > 0;
	if (result->outcome == APP_LIVE && result->error.kind == ERROR_HELD) {
		shown->busy = true;
		log_event(LOG_LEVEL_WARNING, event_of(EVENT_RUN_REFUSED), "%s: %s", result->app,
			  result->error.message);
		return;
	}
	if (!result->action_count && !result->killed && result->outcome == APP_REAPED &&
	    !report->verbose)
		return;
	begin_group(shown, result);
	if (report_app(report, result, &err) < 0)
		log_debug("%s", err.message);
}

static void show_hook(void *data, const struct app_result *result, const char *hook,
		      const char *line)
{
	struct shown *shown = data;

	begin_group(shown, result);
	janitor_log_hook(shown->janitor, result, hook, line);
}

static int check_lock(void *data, const struct reap_target *target, struct error *err)
{
	const struct shown *shown = data;

	return janitor_check_deleted_holder(shown->dir, target, -1, err);
}

static void show_progress(void *data, size_t done, size_t total, const struct app_result *in_hand)
{
	const struct shown *shown = data;

	janitor_show_progress(shown->janitor, done, total, in_hand);
}

static int reap(struct context *context, const struct lock_dir *dir, const char *app)
{
	struct shown shown = { .report = context->report };
	struct sweep_result result = { 0 };
	struct error err = { .kind = ERROR_NONE };
	struct reap_target target;
	struct janitor janitor;
	int status;

	shown.report.out = stderr;
	shown.report.json = false;
	shown.report.journal = log_stream_is_journal(STDERR_FILENO);
	shown.report.color = terminal_wants_color(STDERR_FILENO, global_options.color);
	if (prepare(dir, app, &target, &err) < 0)
		return command_fail(&err);
	if (janitor_init(&janitor, context, -1, -1, false, &err) < 0) {
		app_lock_release(&target.lock);
		return command_fail(&err);
	}
	janitor_want_leases(&janitor, dir, given.run_id, given.holder);
	janitor.options.lease_wait_limit = given.wait_limit;
	janitor.options.lease_janitor_limit = given.janitor_limit;
	janitor.options.on_lease_busy = show_busy;
	janitor.options.on_lease_renewed = lease_tell_renewed;
	shown.janitor = &janitor;
	shown.dir = dir;
	/* A lease that nobody has needs no such search, and a claim most often finds none. */
	if (given.mode == MODE_CLAIM)
		janitor.options.check_lock = check_lock;
	janitor.connection.role_can_wait = given.mode == MODE_CLAIM || given.mode == MODE_RELEASE;
	/* What the run has made is on the engine that it names. */
	janitor.connection.is_meant = !is_fresh();
	janitor.options.on_result = show;
	janitor.options.on_hook_line = show_hook;
	if (janitor.options.on_progress)
		janitor.options.on_progress = show_progress;
	janitor.options.on_result_data = &shown;
	reap_targets(dir, &target, 1, &janitor.options, &result);
	janitor_release(&janitor);
	if (shown.in_group)
		log_group_end();
	if (shown.busy)
		return error_exit_status(ERROR_HELD);
	status = sweep_exit_status(&result);
	/* What was seen, and perhaps asked to go, must keep its lockfile, even one that the run has
	 * made: a removal without an answer may still come. 1 says so. */
	return status && target.created && shown.something ? 1 : status;
}

int command_reap_held(struct context *context, char **operands)
{
	struct error err = { .kind = ERROR_NONE };
	struct lock_dir dir;
	int status;

	if (given.fd < 0 || given.mode < 0) {
		(void)error_set(&err, ERROR_USAGE, "reap-held: --fd and --mode are missing");
		return command_fail(&err);
	}
	context->settings.cluster = given.lease_term > 0;
	context->settings.cluster_term_ms = given.lease_term;
	if (command_check_app(context, operands[0], &err) < 0 ||
	    lock_dir_open(&dir, context->settings.lock_dir, &context->trust, &err) < 0)
		return command_fail(&err);
	status = reap(context, &dir, operands[0]);
	lock_dir_close(&dir);
	return status;
}
