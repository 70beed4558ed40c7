#include "model/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

static void add_leftover(struct metrics *metrics, const struct app_result *result)
{
	struct metrics_leftover *leftover;

	metrics->leftovers = xgrow(metrics->leftovers, &metrics->leftover_capacity,
				   metrics->leftover_count + 1, sizeof(*metrics->leftovers));
	leftover = &metrics->leftovers[metrics->leftover_count++];
	*leftover = (struct metrics_leftover){ .objects = 0 };
	(void)app_result_label(result, leftover->app, sizeof(leftover->app));
	for (size_t i = 0; i < result->action_count; i++)
		leftover->objects += result->actions[i].outcome == ACTION_FAILED;
}

void metrics_add_result(struct metrics *metrics, const struct app_result *result)
{
	metrics->killed += result->killed;
	metrics->reaped += result->outcome == APP_REAPED;
	for (size_t i = 0; i < result->action_count; i++)
		if (result->actions[i].outcome == ACTION_REMOVED)
			metrics->removed[result->actions[i].kind]++;
	if (result->outcome == APP_LEFT)
		add_leftover(metrics, result);
}

void metrics_add_lock(struct metrics *metrics, const struct lock_view *view)
{
	int64_t since = view->record.known ? view->record.since : 0;

	metrics->locks[view->state]++;
	if (view->state == LOCK_VIEW_HELD && since > 0 &&
	    (!metrics->oldest_held || since < metrics->oldest_held))
		metrics->oldest_held = since;
}

void metrics_release(struct metrics *metrics)
{
	free(metrics->leftovers);
	*metrics = (struct metrics){ 0 };
}
