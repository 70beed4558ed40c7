/* Sweeps and reaps as entries of the journal: the lines that people get, with fields. */
#include <string.h>

#include "model/event.h"
#include "report_internal.h"

static enum event event_of_action(const struct action *action)
{
	switch (action->outcome) {
	case ACTION_PLANNED:
		return EVENT_PLANNED;
	case ACTION_REMOVED:
	case ACTION_ALREADY_GONE:
		return EVENT_OBJECT_REMOVED;
	case ACTION_KEPT:
		return EVENT_OBJECT_KEPT;
	case ACTION_FAILED:
		break;
	}
	return EVENT_OBJECT_LEFT;
}

static enum event event_of_app(const struct app_result *result)
{
	switch (result->outcome) {
	case APP_REAPED:
		return EVENT_APP_REAPED;
	case APP_LEFT:
		return EVENT_APP_LEFT;
	case APP_PLANNED:
		return EVENT_PLANNED;
	case APP_LIVE:
	case APP_REAPING:
	case APP_KEPT:
	case APP_PROTECTED:
		break;
	}
	return EVENT_APP_SPARED;
}

static void put(enum log_level level, enum event event, const struct app_result *result,
		struct text *line)
{
	line->data[line->length - 1] = '\0'; /* the line's end */
	log_put(&(struct log_entry){ .level = level,
				     .event = event_of(event),
				     .app = result ? result->app : NULL,
				     .run_id = result ? result->run_id : NULL,
				     .message = line->data });
}

void journal_app(const struct report *report, const struct app_result *result)
{
	CLEANUP_TEXT struct text last = { 0 };

	for (size_t i = 0; i < result->action_count; i++) {
		const struct action *action = &result->actions[i];
		CLEANUP_TEXT struct text line = { 0 };

		if (text_action(report, result, action, &line))
			put(action->outcome == ACTION_FAILED ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
			    event_of_action(action), result, &line);
	}
	if (text_outcome(report, result, &last))
		put(result->outcome == APP_LEFT ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
		    event_of_app(result), result, &last);
}

void journal_summary(const struct report *report, const struct sweep_result *result)
{
	CLEANUP_TEXT struct text line = { 0 };

	text_summary(report, result, &line);
	if (line.length)
		put(LOG_LEVEL_INFO, EVENT_SWEPT, NULL, &line);
}
