#include "base/cleanup.h"
#include "base/log.h"
#include "commands_internal.h"

static struct {
	bool dry_run, orphans;
	int64_t jobs, timeout_ms;
} given = { .jobs = -1, .timeout_ms = -1 };

const struct option_spec sweep_options_table[] = {
	{ "dry-run", 0, OPTION_FLAG, &given.dry_run, NULL, "only say what would be removed", 0, 0,
	  NULL },
	{ "orphans", 0, OPTION_FLAG, &given.orphans, NULL,
	  "reap orphans, too: apps on [orphans] app_pattern without a lockfile", 0, 0, NULL },
	{ "jobs", 0, OPTION_NUMBER, &given.jobs, "N", "apps worked on at once, 1 to 64", 1, 64,
	  NULL },
	{ "timeout", 0, OPTION_DURATION, &given.timeout_ms, "D", "end the whole sweep after D", 0,
	  0, NULL },
	OPTIONS_END,
};

int command_sweep(struct context *context, char **operands)
{
	struct error err = { .kind = ERROR_NONE };
	struct sweep_result result = { .dry_run = given.dry_run };
	CLEANUP(metrics_release) struct metrics metrics = { 0 };
	struct janitor janitor;
	struct lock_dir dir;
	int status;

	(void)operands;
	if (lock_dir_open(&dir, context->settings.lock_dir, &context->trust, &err) < 0)
		return command_fail(&err);
	if (janitor_init(&janitor, context, given.jobs, given.timeout_ms, given.dry_run, &err) <
	    0) {
		lock_dir_close(&dir);
		return command_fail(&err);
	}
	janitor_want_leases(&janitor, &dir, NULL, NULL);
	if (context->settings.metrics && !given.dry_run)
		janitor.metrics = &metrics;
	/* A machine's units ask for orphans whether or not its configuration has any. */
	if (given.orphans && janitor_want_orphans(&janitor, &err) < 0)
		log_info("%s", err.message);
	if (reap_sweep(&dir, &janitor.options, &result, &err) < 0)
		status = command_fail(&err);
	else
		status = janitor_finish(&janitor, &result);
	if (janitor.metrics)
		sweep_write_metrics(context, &dir, &metrics, result.took_ms, status);
	janitor_release(&janitor);
	lock_dir_close(&dir);
	return status;
}
