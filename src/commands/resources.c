/* `list --resources`: a look at the engine that takes no lock. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "commands_internal.h"

static void keep_result(void *data, const struct app_result *result)
{
	struct resources *resources = data;

	app_result_copy(result, &resources->results[resources->count++]);
}

static void fill_target(const struct lock_view *view, struct reap_target *ret)
{
	*ret = (struct reap_target){
		.lock = APP_LOCK_NONE,
		.record = view->record,
		.live = view->state == LOCK_VIEW_HELD || view->state == LOCK_VIEW_UNKNOWN,
	};
	ret->lock.hash = view->hash;
	if (view->record.known)
		(void)snprintf(ret->app, sizeof(ret->app), "%s", view->record.app);
}

static void join(struct lock_view *views, size_t count, const struct resources *resources)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < resources->count; k++)
			if (app_hash_equal(&views[i].hash, &resources->results[k].hash))
				views[i].resources = &resources->results[k];
}

int resources_look(struct context *context, const struct lock_dir *dir, struct lock_view *views,
		   size_t count, struct resources *ret)
{
	CLEANUP_FREE struct reap_target *targets = xcalloc(count, sizeof(*targets));
	struct sweep_result result = { .dry_run = true };
	struct error err = { .kind = ERROR_NONE };
	struct janitor janitor;

	*ret = (struct resources){ .results = xcalloc(count, sizeof(*ret->results)) };
	if (janitor_init(&janitor, context, -1, -1, true, &err) < 0)
		return command_fail(&err);
	janitor_want_leases(&janitor, dir, NULL, NULL);
	janitor.options.on_result = keep_result;
	janitor.options.on_progress = NULL;
	janitor.options.on_result_data = ret;
	for (size_t i = 0; i < count; i++)
		fill_target(&views[i], &targets[i]);
	reap_look(dir, targets, count, &janitor.options, &result);
	janitor_release(&janitor);
	join(views, count, ret);
	return sweep_exit_status(&result);
}

void resources_release(struct resources *resources)
{
	for (size_t i = 0; i < resources->count; i++)
		app_result_release(&resources->results[i]);
	free(resources->results);
}

static void append_orphan(struct lock_view_list *list, const char *app)
{
	struct app_hash hash = app_hash_of(app);
	struct lock_view *view;

	lock_view_list_add(list, &hash);
	view = &list->items[list->count - 1];
	view->state = LOCK_VIEW_ORPHAN;
	view->record.known = true;
	(void)snprintf(view->record.app, sizeof(view->record.app), "%s", app);
}

int resources_find_orphans(struct context *context, const struct lock_dir *dir,
			   struct lock_view_list *list)
{
	CLEANUP(word_list_release) struct word_list names = { 0 };
	struct error err = { .kind = ERROR_NONE };
	struct janitor janitor;
	int found = -1;

	if (janitor_init(&janitor, context, -1, -1, true, &err) < 0)
		return command_fail(&err);
	janitor_want_leases(&janitor, dir, NULL, NULL);
	if (janitor_want_orphans(&janitor, &err) == 0)
		found = reap_find_orphans(dir, &janitor.options, &names, &err);
	janitor_release(&janitor);
	for (size_t i = 0; i < names.count; i++)
		append_orphan(list, names.words[i]);
	return found < 0 ? command_fail(&err) : 0;
}
