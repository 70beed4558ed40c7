/* list and status: looks that take no lock and never wait. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "leases_internal.h"

#define STATUS_DEAD 2
#define STATUS_FREE 3
#define STATUS_UNKNOWN 4

static struct {
	bool resources, orphans;
} given;

const struct option_spec list_options_table[] = {
	{ "resources", 0, OPTION_FLAG, &given.resources, NULL,
	  "ask the engine, too, and show the objects of each app", 0, 0, NULL },
	{ "orphans", 0, OPTION_FLAG, &given.orphans, NULL,
	  "ask the engine, too, and show what sweep --orphans would take", 0, 0, NULL },
	OPTIONS_END,
};

static void look(const struct context *context, const struct lock_dir *dir,
		 struct lock_view_list *list)
{
	struct error problem;

	locks_look(context, dir, list, &problem);
	if (problem.kind != ERROR_NONE)
		log_warning("%s", problem.message);
}

static int compare_views(const void *a, const void *b)
{
	const struct lock_view *left = a, *right = b;
	int order = strcmp(left->record.app, right->record.app);

	return order ? order : strcmp(left->hash.hex, right->hash.hex);
}

/* Of a lockfile that tells nothing, the caller knows the name. */
static void add_name(struct lock_view *view, const char *app)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a list with a view has items */
	if (view->record.known)
		return;
	view->record.known = true;
	(void)snprintf(view->record.app, sizeof(view->record.app), "%s", app);
}

/* The exit status, or -1 with *err. */
static int report_views(struct context *context, const struct lock_dir *dir,
			struct lock_view_list *list, struct error *err)
{
	CLEANUP(resources_release) struct resources resources = { 0 };
	int status = 0;

	if (list->count)
		qsort(list->items, list->count, sizeof(*list->items), compare_views);
	if (list->count && given.resources)
		status = resources_look(context, dir, list->items, list->count, &resources);
	if (report_list(&context->report, context->settings.lock_dir, list->items, list->count,
			err) < 0 ||
	    report_finish(&context->report, err) < 0)
		return -1;
	return status;
}

/* The deleted lockfile's view that stands behind the first `asked`, or NULL. */
static const struct lock_view *find_deleted(const struct lock_view_list *list, size_t asked,
					    const struct app_hash *hash)
{
	for (size_t i = asked; i < list->count; i++)
		if (app_hash_equal(&list->items[i].hash, hash))
			return &list->items[i];
	return NULL;
}

/* An app is asked for by name: a live holder of a deleted lockfile is the answer where there is no
 * other one. */
static void look_at_named(const struct context *context, const struct lock_dir *dir, char **apps,
			  size_t count, struct lock_view_list *list)
{
	for (size_t i = 0; i < count; i++) {
		struct app_hash hash = app_hash_of(apps[i]);

		lock_view_list_add(list, &hash);
	}
	look(context, dir, list);
	for (size_t i = 0; i < count; i++) {
		struct lock_view *view = &list->items[i];
		const struct lock_view *deleted = find_deleted(list, count, &view->hash);

		if (deleted && view->state != LOCK_VIEW_HELD && view->state != LOCK_VIEW_REAPING)
			*view = *deleted;
		add_name(view, apps[i]);
	}
	list->count = count;
}

/* 0, or the exit status: the locks are shown all the same. */
static int look_at_leases(const struct context *context, const struct lock_dir *dir,
			  struct lock_view_list *list, bool all)
{
	struct error err = { .kind = ERROR_NONE };

	return leases_join(context, dir, list, all, &err) < 0 ? command_fail(&err) : 0;
}

static int list_named(struct context *context, const struct lock_dir *dir, char **apps,
		      struct lock_view_list *list, struct error *err)
{
	size_t count = 0;
	int leases, result;

	while (apps[count])
		if (app_name_check(apps[count++], err) < 0)
			return -1;
	look_at_named(context, dir, apps, count, list);
	leases = look_at_leases(context, dir, list, false);
	result = report_views(context, dir, list, err);
	return result ? result : leases;
}

static int list_all(struct context *context, const struct lock_dir *dir,
		    struct lock_view_list *list, struct error *err)
{
	size_t kept = 0;
	int found = 0, leases, result;

	if (locks_collect(dir, list, err) < 0)
		return -1;
	look(context, dir, list);
	/* What was removed meanwhile is no row. */
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].state != LOCK_VIEW_FREE)
			list->items[kept++] = list->items[i];
	list->count = kept;
	leases = look_at_leases(context, dir, list, true);
	if (given.orphans)
		found = resources_find_orphans(context, dir, list);
	result = report_views(context, dir, list, err);
	if (result)
		return result;
	return found ? found : leases;
}

int command_list(struct context *context, char **operands)
{
	CLEANUP(lock_view_list_release) struct lock_view_list list = { 0 };
	struct error err = { .kind = ERROR_NONE };
	struct lock_dir dir;
	int result;

	if (lock_dir_open(&dir, context->settings.lock_dir, &context->trust, &err) < 0)
		return command_fail(&err);
	if (operands[0])
		result = list_named(context, &dir, operands, &list, &err);
	else
		result = list_all(context, &dir, &list, &err);
	lock_dir_close(&dir);
	return result < 0 ? command_fail(&err) : result;
}

static int status_of(enum lock_view_state state)
{
	switch (state) {
	case LOCK_VIEW_HELD:
	case LOCK_VIEW_LEASED:
		return 0;
	case LOCK_VIEW_DEAD:
	case LOCK_VIEW_KEPT:
	case LOCK_VIEW_REAPING:
		return STATUS_DEAD;
	case LOCK_VIEW_FREE:
	case LOCK_VIEW_ORPHAN:
		return STATUS_FREE;
	case LOCK_VIEW_UNKNOWN:
		break;
	}
	return STATUS_UNKNOWN;
}

int command_status(struct context *context, char **operands)
{
	CLEANUP(lock_view_list_release) struct lock_view_list list = { 0 };
	struct error err = { .kind = ERROR_NONE };
	struct lock_dir dir;

	if (app_name_check(operands[0], &err) < 0)
		return command_fail(&err);
	if (lock_dir_open(&dir, context->settings.lock_dir, &context->trust, &err) < 0) {
		(void)command_fail(&err);
		return STATUS_UNKNOWN;
	}
	look_at_named(context, &dir, operands, 1, &list);
	/* Free here, and nothing known of elsewhere. */
	if (leases_join(context, &dir, &list, false, &err) < 0 &&
	    list.items[0].state == LOCK_VIEW_FREE) {
		list.items[0].state = LOCK_VIEW_UNKNOWN;
		list.items[0].error = err;
	}
	lock_dir_close(&dir);
	if (report_status(&context->report, operands[0], &list.items[0], &err) < 0 ||
	    report_finish(&context->report, &err) < 0) {
		(void)command_fail(&err);
		return STATUS_UNKNOWN;
	}
	return status_of(list.items[0].state);
}

int command_path(struct context *context, char **operands)
{
	struct error err = { .kind = ERROR_NONE };
	char name[APP_LOCKFILE_NAME_SIZE];
	struct app_hash hash;

	if (app_name_check(operands[0], &err) < 0)
		return command_fail(&err);
	hash = app_hash_of(operands[0]);
	(void)printf("%s/%s\n", context->settings.lock_dir, app_lockfile_name(&hash, name));
	return report_finish(&context->report, &err) < 0 ? command_fail(&err) : 0;
}
