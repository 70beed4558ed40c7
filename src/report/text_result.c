/* Sweeps and reaps as lines for people. Whatever a file or the engine said is escaped. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/terminal.h"
#include "report_internal.h"

#define COUNTED(count, noun) (count), (noun), (count) == 1 ? "" : "s"
/* So many that have no business in the lock directory cost time: worth a word. */
#define MANY_ENTRIES 1000
#define COUNTED_FORMAT "%zu %s%s"

static void append_seconds(struct text *out, int64_t ms)
{
	text_appendf(out, "%lld.%02lld s", (long long)(ms / 1000), (long long)(ms % 1000 / 10));
}

static const char *name_of(const struct action *action)
{
	if (action->name && *action->name)
		return action->name;
	return action->id ? action->id : "";
}

static void append_label(struct text *out, const char *label)
{
	text_append_escaped(out, label);
	text_append(out, ": ");
}

/* "LABEL: before KIND NAME" */
static void open_action(struct text *out, const char *label, const char *before,
			const struct action *action)
{
	append_label(out, label);
	text_appendf(out, "%s%s ", before, resource_kind_name(action->kind));
	text_append_escaped(out, name_of(action));
}

/* As long as docker shows it. A volume has only its name. */
static void append_id(struct text *out, const struct action *action)
{
	char id[13];

	if (!action->id || action->id[0] == '\0' || name_of(action) == action->id ||
	    !strcmp(action->id, action->name))
		return;
	(void)snprintf(id, sizeof(id), "%s", action->id);
	text_append(out, " ");
	text_append_escaped(out, id);
}

static void append_rule(struct text *out, const struct action *action)
{
	if (action->rule) {
		text_append(out, " (");
		text_append_escaped(out, action->rule);
		text_append(out, ")");
	}
	text_append(out, "\n");
}

static void append_reason(struct text *out, const struct action *action)
{
	if (action->reason) {
		text_append(out, ": ");
		text_append_escaped(out, action->reason);
	}
	append_rule(out, action);
}

static void append_failure(const struct report *report, const char *label,
			   const struct action *action, struct text *out)
{
	append_label(out, label);
	terminal_append_colored(out, "unable to remove", report->color ? TERMINAL_RED : NULL);
	text_appendf(out, " %s ", resource_kind_name(action->kind));
	text_append_escaped(out, name_of(action));
	append_reason(out, action);
}

bool text_action(const struct report *report, const struct app_result *result,
		 const struct action *action, struct text *out)
{
	char buffer[APP_HASH_LENGTH + 2];
	const char *label = app_result_label(result, buffer, sizeof(buffer));

	if (report->quiet && action->outcome != ACTION_FAILED)
		return false;
	switch (action->outcome) {
	case ACTION_PLANNED:
		open_action(out, label, "would remove ", action);
		append_id(out, action);
		append_rule(out, action);
		break;
	case ACTION_REMOVED:
		open_action(out, label, "removed ", action);
		append_rule(out, action);
		break;
	case ACTION_ALREADY_GONE:
		open_action(out, label, "", action);
		text_append(out, " was already gone");
		append_rule(out, action);
		break;
	case ACTION_KEPT:
		open_action(out, label, "kept ", action);
		append_id(out, action);
		append_reason(out, action);
		break;
	case ACTION_FAILED:
		append_failure(report, label, action, out);
		break;
	}
	return true;
}

static size_t count_actions(const struct app_result *result, enum action_outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < result->action_count; i++)
		count += result->actions[i].outcome == outcome;
	return count;
}

static void append_work(struct text *out, const struct app_result *result)
{
	if (result->matched_nothing)
		text_append(out, ": dead, and the engine has nothing of it");
	else
		text_appendf(out, ": " COUNTED_FORMAT " removed",
			     COUNTED(count_actions(result, ACTION_REMOVED), "object"));
	if (result->killed)
		text_appendf(out, ", %zu process%s killed", result->killed,
			     result->killed == 1 ? "" : "es");
	if (result->scratch)
		text_appendf(out, ", %zu scratch director%s removed", result->scratch,
			     result->scratch == 1 ? "y" : "ies");
	text_append(out, ", ");
	append_seconds(out, result->took_ms);
}

static void append_plan(struct text *out, const struct app_result *result)
{
	if (result->matched_nothing)
		text_append(out, ": dead, and the engine has nothing of it");
	else
		text_appendf(out, ": " COUNTED_FORMAT,
			     COUNTED(count_actions(result, ACTION_PLANNED), "object"));
	if (result->scratch)
		text_appendf(out, ", %zu scratch director%s", result->scratch,
			     result->scratch == 1 ? "y" : "ies");
}

static void append_outcome(const struct report *report, const struct app_result *result,
			   struct text *out)
{
	char until[32];

	switch (result->outcome) {
	case APP_REAPED:
		terminal_append_colored(out, "reaped", report->color ? TERMINAL_GREEN : NULL);
		append_work(out, result);
		return;
	case APP_PLANNED:
		text_append(out, "would be reaped");
		append_plan(out, result);
		return;
	case APP_LIVE:
		text_append(out, "live: left alone");
		if (result->error.kind != ERROR_NONE) {
			text_append(out, ": ");
			text_append_escaped(out, result->error.message);
		}
		return;
	case APP_REAPING:
		text_append(out, "another janitor is reaping it: left alone");
		return;
	case APP_KEPT:
		text_appendf(out, "kept until %s: left alone",
			     clock_format(result->kept_until, until, sizeof(until)));
		return;
	case APP_PROTECTED:
		text_append(out, "protected: left alone");
		return;
	case APP_LEFT:
		terminal_append_colored(out, "left", report->color ? TERMINAL_RED : NULL);
		append_work(out, result);
		if (result->error.kind != ERROR_NONE) {
			text_append(out, ": ");
			text_append_escaped(out, result->error.message);
		}
		return;
	}
}

void text_resources(const char *label, const struct app_result *result, struct text *out)
{
	for (size_t i = 0; i < result->action_count; i++) {
		const struct action *action = &result->actions[i];

		open_action(out, label, "", action);
		append_id(out, action);
		if (action->outcome == ACTION_KEPT)
			text_append(out, ": would be kept");
		append_reason(out, action);
	}
	if (result->error.kind != ERROR_NONE) {
		text_append_escaped(out, label);
		text_append(out, ": ");
		text_append_escaped(out, result->error.message);
		text_append(out, "\n");
	} else if (result->matched_nothing) {
		text_append_escaped(out, label);
		text_append(out, ": the engine has nothing of it\n");
	}
}

bool text_outcome(const struct report *report, const struct app_result *result, struct text *out)
{
	char buffer[APP_HASH_LENGTH + 2];

	if (report->quiet && result->outcome != APP_LEFT && result->error.kind == ERROR_NONE)
		return false;
	append_label(out, app_result_label(result, buffer, sizeof(buffer)));
	if (result->orphan)
		text_append(out, "orphan: ");
	append_outcome(report, result, out);
	text_append(out, "\n");
	return true;
}

void text_app(const struct report *report, const struct app_result *result, struct text *out)
{
	for (size_t i = 0; i < result->action_count; i++)
		(void)text_action(report, result, &result->actions[i], out);
	(void)text_outcome(report, result, out);
}

void text_summary(const struct report *report, const struct sweep_result *result, struct text *out)
{
	if (report->quiet && !result->left && !result->unusable && !result->engine_unreachable &&
	    !result->interrupted)
		return;
	text_appendf(out, COUNTED_FORMAT ": %zu live, %zu %s (" COUNTED_FORMAT,
		     COUNTED(result->locks, "lock"), result->live, result->reaped,
		     result->dry_run ? "would be reaped" : "reaped",
		     COUNTED(result->removed, "object"));
	if (result->killed)
		text_appendf(out, ", %zu process%s killed", result->killed,
			     result->killed == 1 ? "" : "es");
	text_appendf(out, "), %zu left", result->left);
	if (result->deleted)
		text_appendf(out, ", %zu live without a lockfile", result->deleted);
	if (result->unusable)
		text_appendf(out, ", %zu unusable", result->unusable);
	if (result->ignored >= MANY_ENTRIES || (result->ignored && report->verbose))
		text_appendf(out, ", %zu other entr%s in the lock directory", result->ignored,
			     result->ignored == 1 ? "y" : "ies");
	text_append(out, "; ");
	append_seconds(out, result->took_ms);
	if (result->engine_unreachable)
		text_append(out, "; the engine can't be reached");
	if (result->interrupted)
		text_append(out, "; interrupted");
	text_append(out, "\n");
}
