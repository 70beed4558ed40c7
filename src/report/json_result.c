/* Sweeps and reaps as JSON: one object per app, then one for the whole. */
#include "json_internal.h"
#include "report_internal.h"

static json_t *render_action(const struct action *action)
{
	json_t *object = json_new_object();

	json_put_text(object, "kind", resource_kind_name(action->kind));
	json_put_text(object, "outcome", action_outcome_name(action->outcome));
	json_put_text(object, "id", action->id);
	json_put_text(object, "name", action->name);
	json_put_text(object, "rule", action->rule);
	json_put_text(object, "reason", action->reason);
	return object;
}

void json_put_actions(json_t *object, const char *key, const struct app_result *result)
{
	json_t *actions = json_put_array(object, key);

	for (size_t i = 0; i < result->action_count; i++)
		json_append_object(actions, render_action(&result->actions[i]));
}

int json_app(const struct app_result *result, struct text *out, struct error *err)
{
	json_t *document = json_document("app", err);

	if (!document)
		return -1;
	json_put_text(document, "app", result->app);
	json_put_text(document, "hash", result->hash.hex);
	json_put_text(document, "outcome", app_outcome_name(result->outcome));
	json_put_actions(document, "actions", result);
	json_put_number(document, "killed", (int64_t)result->killed);
	json_put_number(document, "scratch", (int64_t)result->scratch);
	json_put_second(document, "kept_until", result->kept_until);
	json_put_number(document, "took_ms", result->took_ms);
	json_put_flag(document, "orphan", result->orphan);
	json_put_flag(document, "matched_nothing", result->matched_nothing);
	json_put_text(document, "error",
		      result->error.kind != ERROR_NONE ? result->error.message : NULL);
	json_finish(document, out);
	return 0;
}

int json_summary(const struct sweep_result *result, struct text *out, struct error *err)
{
	json_t *document = json_document("summary", err);

	if (!document)
		return -1;
	json_put_number(document, "locks", (int64_t)result->locks);
	json_put_number(document, "live", (int64_t)result->live);
	json_put_number(document, "deleted", (int64_t)result->deleted);
	json_put_number(document, "reaped", (int64_t)result->reaped);
	json_put_number(document, "left", (int64_t)result->left);
	json_put_number(document, "unusable", (int64_t)result->unusable);
	json_put_number(document, "ignored", (int64_t)result->ignored);
	json_put_number(document, "removed", (int64_t)result->removed);
	json_put_number(document, "killed", (int64_t)result->killed);
	json_put_number(document, "took_ms", result->took_ms);
	json_put_flag(document, "engine_unreachable", result->engine_unreachable);
	json_put_flag(document, "interrupted", result->interrupted);
	json_put_flag(document, "dry_run", result->dry_run);
	json_put_text(document, "orphan_error",
		      result->orphan_error.kind != ERROR_NONE ? result->orphan_error.message
							      : NULL);
	json_finish(document, out);
	return 0;
}
