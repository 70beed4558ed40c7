/* Locks as JSON. */
#include "json_internal.h"
#include "report_internal.h"

static void put_view(json_t *object, const struct lock_view *view)
{
	const struct record *record = &view->record;
	bool has_phase = record->phase != RUN_PHASE_UNKNOWN;

	size_t shown = view->holder_count < LOCK_VIEW_HOLDERS_MAX ? view->holder_count
								  : LOCK_VIEW_HOLDERS_MAX;
	json_t *holders;

	json_put_text(object, "hash", view->hash.hex);
	json_put_text(object, "state", lock_view_state_name(view->state));
	json_put_number(object, "pid", view->pid);
	holders = json_put_array(object, "holders");
	for (size_t i = 0; i < shown; i++)
		json_append_number(holders, view->holders[i]);
	json_put_number(object, "holder_count", (int64_t)view->holder_count);
	json_put_flag(object, "other_pid_namespace", view->elsewhere);
	json_put_flag(object, "run_ended", view->run_ended);
	json_put_flag(object, "deleted", view->deleted);
	json_put_flag(object, "doubtful", view->doubtful);
	json_put_flag(object, "record_known", record->known);
	json_put_text(object, "holder", record->holder);
	json_put_number(object, "holder_pid", record->pid);
	json_put_text(object, "run_id", record->run_id);
	json_put_text(object, "phase", has_phase ? run_phase_name(record->phase) : NULL);
	json_put_second(object, "since", record->since);
	json_put_second(object, "deadline", record->deadline);
	json_put_second(object, "kept_until", view->kept_until);
	json_put_text(object, "stack", record->stack);
	json_put_text(object, "job_url", record->job_url);
	json_put_text(object, "host", record->host);
	json_put_text(object, "engine", record->engine);
	if (view->lease.id[0]) {
		json_put_text(object, "lease", lease_state_name(view->lease.state));
		json_put_text(object, "lease_host", view->lease.by.host);
		json_put_text(object, "lease_holder", view->lease.by.holder);
		json_put_text(object, "lease_run_id", view->lease.by.run_id);
		json_put_number(object, "lease_term_ms", view->lease.by.term_ms);
	}
	if (view->resources) {
		const struct error *err = &view->resources->error;

		json_put_actions(object, "resources", view->resources);
		json_put_text(object, "resources_error",
			      err->kind != ERROR_NONE ? err->message : NULL);
	}
	json_put_text(object, "error", view->error.kind != ERROR_NONE ? view->error.message : NULL);
}

int json_list(const char *lock_dir, const struct lock_view *views, size_t count, struct text *out,
	      struct error *err)
{
	json_t *document = json_document("list", err);
	json_t *locks;

	if (!document)
		return -1;
	json_put_text(document, "lock_dir", lock_dir);
	locks = json_put_array(document, "locks");
	for (size_t i = 0; i < count; i++) {
		json_t *object = json_new_object();

		json_put_text(object, "app", views[i].record.app);
		put_view(object, &views[i]);
		json_append_object(locks, object);
	}
	json_finish(document, out);
	return 0;
}

int json_status(const char *app, const struct lock_view *view, struct text *out, struct error *err)
{
	json_t *document = json_document("status", err);

	if (!document)
		return -1;
	json_put_text(document, "app", app);
	put_view(document, view);
	json_finish(document, out);
	return 0;
}
