/*
 * What the log tells of, for those who search a journal: CI_JANITOR_EVENT= and MESSAGE_ID=. Names
 * and ids stay as they are for ever; ci-janitor(1) lists them.
 */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include "base/log.h"

enum event {
	EVENT_RUN_WAITS,
	EVENT_RUN_REFUSED,
	EVENT_RUN_HELD,
	EVENT_RUN_STOPPED,
	EVENT_RUN_KILLED,
	EVENT_RUN_ENDED,
	EVENT_RUN_KEPT,
	EVENT_RUN_LEFT,
	EVENT_LOCK_DELETED,
	EVENT_REAP_BEGUN,
	EVENT_OBJECT_REMOVED,
	EVENT_OBJECT_KEPT,
	EVENT_OBJECT_LEFT,
	EVENT_PLANNED,
	EVENT_APP_REAPED,
	EVENT_APP_LEFT,
	EVENT_APP_SPARED,
	EVENT_HOOK,
	EVENT_SWEPT,
	EVENT_COUNT
};

const struct log_event *event_of(enum event event);

#endif
