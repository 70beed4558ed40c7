/* The engine work at the start and end of a run, under the lock that the run hands over. */
#include <stdlib.h>

#include "base/log.h"
#include "base/parse.h"
#include "commands_internal.h"

enum held_mode { MODE_FRESH, MODE_TEARDOWN };

static const char *const modes[] = { "fresh", "teardown", NULL };

static struct {
	int64_t fd;
	int mode;
	bool created;
	const char *stack;
} given = { .fd = -1, .mode = -1 };

const struct option_spec reap_held_options_table[] = {
	{ "fd", 0, OPTION_NUMBER, &given.fd, "N", "the lock's descriptor", 3, 1 << 20, NULL },
	{ "mode", 0, OPTION_CHOICE, &given.mode, "MODE", "fresh or teardown", 0, 0, modes },
	{ "created", 0, OPTION_FLAG, &given.created, NULL, "the run has made the lockfile", 0, 0,
	  NULL },
	{ "stack", 0, OPTION_APP, &given.stack, "NAME", "the app's stack", 0, 0, NULL },
	OPTIONS_END,
};

static bool is_fresh(void)
{
	return given.mode == MODE_FRESH;
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
		.for_run = is_fresh(),
		.no_fence = !is_fresh(),
	};
	(void)snprintf(ret->app, sizeof(ret->app), "%s", app);
	(void)snprintf(ret->extra_stack, sizeof(ret->extra_stack), "%s",
		       given.stack ? given.stack : "");
	if (adopt(dir, app, ret, err) < 0)
		return -1;
	/* What stands in a lockfile that the run has made is its own record, not a dead one's. */
	if (!ret->created && app_lock_need_record(&ret->lock, &ret->record, err) == 0)
		return 0;
	if (ret->created && janitor_check_deleted_holder(dir, ret, err) == 0)
		return 0;
	app_lock_release(&ret->lock);
	return -1;
}

/* A run that finds nothing has nothing to tell. */
static void show(void *data, const struct app_result *result)
{
	const struct report *report = data;
	struct error err = { .kind = ERROR_NONE };

	if ((result->action_count || result->killed || result->outcome != APP_REAPED ||
	     report->verbose) &&
	    report_app(report, result, &err) < 0)
		log_debug("%s", err.message);
}

static int reap(struct context *context, const struct lock_dir *dir, const char *app)
{
	struct report report = context->report;
	struct sweep_result result = { 0 };
	struct error err = { .kind = ERROR_NONE };
	struct reap_target target;
	struct janitor janitor;

	report.out = stderr;
	report.json = false;
	if (prepare(dir, app, &target, &err) < 0)
		return command_fail(&err);
	if (janitor_init(&janitor, context, -1, -1, false, &err) < 0) {
		app_lock_release(&target.lock);
		return command_fail(&err);
	}
	janitor.options.on_result = show;
	janitor.options.on_result_data = &report;
	reap_targets(dir, &target, 1, &janitor.options, &result);
	janitor_release(&janitor);
	return sweep_exit_status(&result);
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
	if (command_check_app(context, operands[0], &err) < 0 ||
	    lock_dir_open(&dir, context->settings.lock_dir, &context->trust, &err) < 0)
		return command_fail(&err);
	status = reap(context, &dir, operands[0]);
	lock_dir_close(&dir);
	return status;
}
