/* What monitoring wants to know of a machine's sweeps: data. */
#ifndef MODEL_METRICS_H
#define MODEL_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "model/lock_view.h"
#include "model/result.h"

/* An app that a sweep could not reap wholly. */
struct metrics_leftover {
	char app[APP_NAME_MAX + 1]; /* "#<hash>" while no source names it */
	size_t objects;		    /* that could not be removed; 0: why not is in the log */
};

struct metrics {
	/* Of this sweep. Times are wall-clock seconds. */
	int64_t finished;
	int64_t took_ms;
	size_t locks[LOCK_VIEW_STATE_COUNT]; /* by state, after the sweep */
	int64_t oldest_held;		     /* since when the oldest held lock is held; 0: none */
	struct metrics_leftover *leftovers;  /* owned */
	size_t leftover_count;
	size_t leftover_capacity;
	/* Of all sweeps since the file was made. */
	uint64_t sweeps;
	uint64_t failures; /* sweeps that did not end with 0 */
	int64_t succeeded; /* when the last one did; 0: never */
	uint64_t reaped;   /* apps */
	uint64_t killed;   /* processes */
	uint64_t removed[RESOURCE_KIND_COUNT];
};

void metrics_add_result(struct metrics *metrics, const struct app_result *result);
void metrics_add_lock(struct metrics *metrics, const struct lock_view *view);
void metrics_release(struct metrics *metrics);

#endif
