#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/memory.h"
#include "base/status_line.h"
#include "base/text.h"
#include "commands_internal.h"
#include "kernel/signals.h"
#include "lock/deleted_lock.h"
#include "model/event.h"

/* Work that is over so soon needs no status line. */
#define PROGRESS_AFTER_MS 700
#define PROGRESS_STEP_MS 200

static bool is_idle(const struct app_result *result)
{
	return result->error.kind == ERROR_NONE &&
	       (result->outcome == APP_LIVE || result->outcome == APP_REAPING ||
		result->outcome == APP_PROTECTED);
}

static void show(void *data, const struct app_result *result)
{
	struct janitor *janitor = data;
	struct error err = { .kind = ERROR_NONE };

	if (janitor->metrics)
		metrics_add_result(janitor->metrics, result);
	if (is_idle(result) && !janitor->show_live)
		return;
	if (report_app(&janitor->context->report, result, &err) < 0 &&
	    janitor->report_error.kind == ERROR_NONE)
		janitor->report_error = err;
}

static void log_about(enum log_level level, enum event event, const struct app_result *result,
		      const char *message)
{
	CLEANUP_TEXT struct text line = { 0 };
	char label[APP_HASH_LENGTH + 2];

	text_append_escaped(&line, app_result_label(result, label, sizeof(label)));
	text_append(&line, ": ");
	text_append_escaped(&line, message);
	log_put(&(struct log_entry){ .level = level,
				     .event = event_of(event),
				     .app = result->app,
				     .run_id = result->run_id,
				     .message = text_get(&line) });
}

static void log_begin(void *data, const struct app_result *result)
{
	(void)data;
	log_about(log_story_level(), EVENT_REAP_BEGUN, result, "removing what is left of it");
}

void janitor_log_hook(void *data, const struct app_result *result, const char *hook,
		      const char *line)
{
	CLEANUP_FREE char *message = xasprintf("%s: %s", hook, line);

	(void)data;
	log_about(LOG_LEVEL_INFO, EVENT_HOOK, result, message);
}

void janitor_show_progress(void *data, size_t done, size_t total, const struct app_result *in_hand)
{
	struct janitor *janitor = data;
	int64_t now = clock_now_ms();
	char label[APP_HASH_LENGTH + 2];
	CLEANUP_FREE char *line = NULL;

	if (now < janitor->progress_at)
		return;
	janitor->progress_at = now + PROGRESS_STEP_MS;
	line = xasprintf("%zu/%zu apps, %llds: %s", done, total,
			 (long long)((now - janitor->began_ms) / 1000),
			 app_result_label(in_hand, label, sizeof(label)));
	status_line_show(line);
}

static char *hook_engine(const char *host)
{
	size_t length = strlen(ENGINE_CONTEXT);

	if (!host)
		return NULL;
	if (!strncmp(host, ENGINE_CONTEXT, length))
		return xasprintf("DOCKER_CONTEXT=%s", host + length);
	return xasprintf("DOCKER_HOST=%s", host);
}

int janitor_init(struct janitor *janitor, struct context *context, int64_t jobs, int64_t timeout_ms,
		 bool dry_run, struct error *err)
{
	const struct settings *settings = &context->settings;
	int wake_fd = signals_watch_termination(err);

	if (wake_fd < 0)
		return -1;
	*janitor = (struct janitor){
		.context = context,
		.wake_fd = wake_fd,
		.began_ms = clock_now_ms(),
		.progress_at = clock_now_ms() + PROGRESS_AFTER_MS,
		.show_live = context->report.verbose || context->report.json,
		.connection = { .settings = settings, .wake_fd = wake_fd },
		.options = { .settings = settings,
			     .dry_run = dry_run,
			     .jobs = (int)(jobs > 0 ? jobs : settings->jobs),
			     .app_timeout_ms = settings->app_timeout_ms,
			     .timeout_ms = timeout_ms < 0 ? CLOCK_NEVER : timeout_ms,
			     .wake_fd = wake_fd,
			     .name_live = context->report.verbose || context->report.json,
			     .connect = engine_connect,
			     .check_engine = engine_check,
			     .on_result = show,
			     .on_begin = log_begin,
			     .on_hook_line = janitor_log_hook },
	};
	if (!context->report.quiet)
		janitor->options.on_progress = janitor_show_progress;
	janitor->connection.jobs = janitor->options.jobs;
	janitor->hook_engine = hook_engine(settings->engine_host);
	janitor->options.hook_engine = janitor->hook_engine;
	janitor->options.connect_data = &janitor->connection;
	janitor->options.on_result_data = janitor;
	return 0;
}

void janitor_want_leases(struct janitor *janitor, const struct lock_dir *dir, const char *run_id,
			 const char *holder)
{
	if (!janitor->options.settings->cluster)
		return;
	lease_self(janitor->context, dir, run_id, holder, &janitor->lease);
	holder_record("", &janitor->orphan_record);
	/* A run's own asks when it matters. */
	janitor->connection.wants_nodes = !run_id;
	janitor->options.lease = &janitor->lease;
	janitor->options.lease_state = run_id ? LEASE_HELD : LEASE_REAPING;
	janitor->options.orphan_record = &janitor->orphan_record;
}

int janitor_finish(struct janitor *janitor, const struct sweep_result *result)
{
	const struct report *report = &janitor->context->report;
	struct error *err = &janitor->report_error;
	int status = sweep_exit_status(result);

	if (janitor->connection.error.kind != ERROR_NONE)
		log_error("%s", janitor->connection.error.message);
	if (result->orphan_error.kind != ERROR_NONE && janitor->connection.error.kind == ERROR_NONE)
		log_error("%s", result->orphan_error.message);
	if (result->lease_error.kind != ERROR_NONE && janitor->connection.error.kind == ERROR_NONE)
		log_error("unable to look at leases: %s", result->lease_error.message);
	if (err->kind == ERROR_NONE && report_summary(report, result, err) == 0)
		(void)report_finish(report, err);
	if (err->kind != ERROR_NONE) {
		int failed = command_fail(err);

		return status ? status : failed;
	}
	return status;
}

void janitor_release(struct janitor *janitor)
{
	status_line_wipe();
	engine_disconnect(&janitor->connection);
	free(janitor->hook_engine);
	(void)close(janitor->wake_fd);
}

int janitor_want_orphans(struct janitor *janitor, struct error *err)
{
	if (!janitor->options.settings->orphan_pattern.count)
		return error_set(err, ERROR_CONFIG,
				 "--orphans: no app can be one: [orphans] app_pattern is empty");
	holder_record("", &janitor->orphan_record);
	engine_describe(&janitor->connection, &janitor->orphan_record);
	janitor->options.orphans = true;
	janitor->options.orphan_record = &janitor->orphan_record;
	return 0;
}

bool janitor_is_told(const struct janitor *janitor)
{
	struct pollfd wake = { .fd = janitor->wake_fd, .events = POLLIN };

	return poll(&wake, 1, 0) > 0;
}

int janitor_check_deleted_holder(const struct lock_dir *dir, const struct reap_target *target,
				 int wake_fd, struct error *err)
{
	pid_t pid = 0;
	int found = lock_find_lasting_deleted_holder(dir, &target->lock.hash, &target->lock,
						     wake_fd, &pid, err);

	if (found > 0)
		return error_set(err, ERROR_HELD,
				 "%s is held by pid %d, whose lockfile somebody has deleted",
				 target->app, (int)pid);
	/* A dead lockfile that was there is good evidence, unless the contrary is seen; as for
	 * sweeps. */
	return target->created ? found : 0;
}
