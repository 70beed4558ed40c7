#include "model/record.h"

#include <string.h>

static const char *const names[RUN_PHASE_COUNT] = {
	[RUN_PHASE_UNKNOWN] = "unknown",	 [RUN_PHASE_WAITING] = "waiting",
	[RUN_PHASE_FRESH_START] = "fresh-start", [RUN_PHASE_RUNNING] = "running",
	[RUN_PHASE_STOPPING] = "stopping",	 [RUN_PHASE_TEARDOWN] = "teardown",
	[RUN_PHASE_RELEASED] = "released",
	[RUN_PHASE_ORPHAN] = "orphan",
};

const char *run_phase_name(enum run_phase phase)
{
	return names[phase];
}

enum run_phase run_phase_from_name(const char *name)
{
	for (int i = 0; i < RUN_PHASE_COUNT; i++)
		if (!strcmp(name, names[i]))
			return (enum run_phase)i;
	return RUN_PHASE_UNKNOWN;
}

int64_t record_kept_for(const struct record *record, const struct record_clocks *now, int64_t max)
{
	int64_t left;

	if (!record->known || !record->keep_until)
		return 0;
	if (now->same_boot && record->keep_boot)
		left = record->keep_boot - now->boot;
	else
		left = record->keep_until - now->wall;
	if (left <= max)
		return left > 0 ? left : 0;
	left = now->written + max - now->wall;
	return left > 0 && left <= max ? left : 0;
}
