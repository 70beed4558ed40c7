/* What a sweep tells monitoring ([report] metrics). */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "commands_internal.h"
#include "report/metrics.h"

static void add_locks(const struct context *context, const struct lock_dir *dir,
		      struct metrics *metrics)
{
	CLEANUP(lock_view_list_release) struct lock_view_list list = { 0 };
	struct error problem = { .kind = ERROR_NONE };

	if (locks_collect(dir, &list, &problem) < 0) {
		log_warning("%s", problem.message);
		return;
	}
	locks_look(context, dir, &list, &problem);
	for (size_t i = 0; i < list.count; i++)
		metrics_add_lock(metrics, &list.items[i]);
}

void sweep_write_metrics(const struct context *context, const struct lock_dir *dir,
			 struct metrics *metrics, int64_t took_ms, int status)
{
	struct error err = { .kind = ERROR_NONE };

	metrics->finished = clock_wall_seconds();
	metrics->took_ms = took_ms;
	metrics->sweeps = 1;
	metrics->failures = status != 0;
	metrics->succeeded = status == 0 ? metrics->finished : 0;
	add_locks(context, dir, metrics);
	/* What was swept is swept: the status doesn't change. */
	if (metrics_write(context->settings.metrics, metrics, &err) < 0)
		log_error("%s", err.message);
}
