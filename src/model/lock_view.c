#include "model/lock_view.h"

const char *lock_view_state_name(enum lock_view_state state)
{
	static const char *const names[] = {
		[LOCK_VIEW_FREE] = "free",	 [LOCK_VIEW_HELD] = "held",
		[LOCK_VIEW_REAPING] = "reaping", [LOCK_VIEW_DEAD] = "dead",
		[LOCK_VIEW_UNKNOWN] = "unknown",
	};

	return names[state];
}
