#include "model/result.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

const char *action_outcome_name(enum action_outcome outcome)
{
	static const char *const names[] = {
		[ACTION_PLANNED] = "planned",
		[ACTION_REMOVED] = "removed",
		[ACTION_ALREADY_GONE] = "already-gone",
		[ACTION_KEPT] = "kept",
		[ACTION_FAILED] = "failed",
	};

	return names[outcome];
}

const char *app_outcome_name(enum app_outcome outcome)
{
	static const char *const names[] = {
		[APP_REAPED] = "reaped",   [APP_PLANNED] = "planned", [APP_LIVE] = "live",
		[APP_REAPING] = "reaping", [APP_KEPT] = "kept",	      [APP_PROTECTED] = "protected",
		[APP_LEFT] = "left",
	};

	return names[outcome];
}

static char *copy_text(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

struct action *app_result_add(struct app_result *result, enum resource_kind kind, const char *id,
			      const char *name, const char *rule)
{
	struct action *action;

	result->actions = xgrow(result->actions, &result->action_capacity, result->action_count + 1,
				sizeof(*result->actions));
	action = &result->actions[result->action_count++];
	*action = (struct action){
		.kind = kind,
		.outcome = ACTION_PLANNED,
		.id = copy_text(id),
		.name = copy_text(name),
		.rule = copy_text(rule),
	};
	return action;
}

void action_set_outcome(struct action *action, enum action_outcome outcome, const char *reason)
{
	char *copy = copy_text(reason);

	free(action->reason);
	action->reason = copy;
	action->outcome = outcome;
}

void app_result_copy(const struct app_result *from, struct app_result *ret)
{
	*ret = *from;
	ret->actions = NULL;
	ret->action_count = ret->action_capacity = 0;
	for (size_t i = 0; i < from->action_count; i++) {
		const struct action *action = &from->actions[i];

		action_set_outcome(
			app_result_add(ret, action->kind, action->id, action->name, action->rule),
			action->outcome, action->reason);
	}
}

void app_result_release(struct app_result *result)
{
	for (size_t i = 0; i < result->action_count; i++) {
		struct action *action = &result->actions[i];

		free(action->id);
		free(action->name);
		free(action->rule);
		free(action->reason);
	}
	free(result->actions);
	result->actions = NULL;
	result->action_count = 0;
	result->action_capacity = 0;
}

const char *app_result_label(const struct app_result *result, char *buffer, size_t size)
{
	if (result->app[0])
		return result->app;
	(void)snprintf(buffer, size, "#%s", result->hash.hex);
	return buffer;
}
