#include "model/lock_view.h"

const char *lock_view_state_name(enum lock_view_state state)
{
	static const char *const names[] = {
		[LOCK_VIEW_FREE] = "free",	 [LOCK_VIEW_HELD] = "held",
		[LOCK_VIEW_REAPING] = "reaping", [LOCK_VIEW_DEAD] = "dead",
		[LOCK_VIEW_KEPT] = "kept",	 [LOCK_VIEW_ORPHAN] = "orphan",
		[LOCK_VIEW_UNKNOWN] = "unknown", [LOCK_VIEW_LEASED] = "leased",
	};

	return names[state];
}

void lock_view_judge_kept(struct lock_view *view, int64_t max)
{
	int64_t left;

	if (view->state != LOCK_VIEW_DEAD)
		return;
	left = record_kept_for(&view->record, &view->clocks, max);
	if (!left)
		return;
	view->state = LOCK_VIEW_KEPT;
	view->kept_until = view->clocks.wall + left;
}
