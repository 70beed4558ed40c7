/* list and status: looks that take no lock and never wait. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "commands_internal.h"
#include "kernel/proc_locks.h"
#include "lock/lock_look.h"

#define STATUS_DEAD 2
#define STATUS_FREE 3
#define STATUS_UNKNOWN 4

static struct {
	bool resources;
} given;

const struct option_spec list_options_table[] = {
	{ "resources", 0, OPTION_FLAG, &given.resources, NULL,
	  "ask the engine, too, and show the objects of each app", 0, 0, NULL },
	OPTIONS_END,
};

struct hash_list {
	struct app_hash *items;
	size_t count;
	size_t capacity;
};

struct look {
	struct lock_dir dir;
	struct proc_lock_list locks;
	bool have_locks;
	int64_t keep_max; /* seconds */
};

static int look_init(struct look *look, const struct context *context, struct error *err)
{
	struct error locks_error = { .kind = ERROR_NONE };

	*look = (struct look){ .keep_max = context->settings.keep_max_ms / 1000 };
	if (lock_dir_open(&look->dir, context->settings.lock_dir, &context->trust, err) < 0)
		return -1;
	look->have_locks = proc_locks_read(&look->locks, &locks_error) == 0;
	if (!look->have_locks)
		log_warning("%s: locks of other programs are not seen", locks_error.message);
	return 0;
}

static void look_release(struct look *look)
{
	if (look->have_locks)
		proc_locks_release(&look->locks);
	lock_dir_close(&look->dir);
}

static void look_at(const struct look *look, const struct app_hash *hash, struct lock_view *ret)
{
	*ret = (struct lock_view){ .hash = *hash };
	lock_look(&look->dir, hash, look->have_locks ? &look->locks : NULL, ret);
	lock_view_judge_kept(ret, look->keep_max);
}

static int collect(const struct app_hash *hash, void *data)
{
	struct hash_list *list = data;

	list->items = xgrow(list->items, &list->capacity, list->count + 1, sizeof(*list->items));
	list->items[list->count++] = *hash;
	return 0;
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
	if (view->record.known)
		return;
	view->record.known = true;
	(void)snprintf(view->record.app, sizeof(view->record.app), "%s", app);
}

/* The exit status, or -1 with *err. */
static int report_views(struct context *context, const struct look *look, struct lock_view *views,
			size_t count, struct error *err)
{
	CLEANUP(resources_release) struct resources resources = { 0 };
	int status = 0;

	if (count)
		qsort(views, count, sizeof(*views), compare_views);
	if (count && given.resources)
		status = resources_look(context, &look->dir, views, count, &resources);
	if (report_list(&context->report, context->settings.lock_dir, views, count, err) < 0 ||
	    report_finish(&context->report, err) < 0)
		return -1;
	return status;
}

static int list_named(struct context *context, const struct look *look, char **apps,
		      struct error *err)
{
	CLEANUP_FREE struct lock_view *views = NULL;
	size_t count = 0;

	while (apps[count])
		if (app_name_check(apps[count++], err) < 0)
			return -1;
	views = xcalloc(count, sizeof(*views));
	for (size_t i = 0; i < count; i++) {
		struct app_hash hash = app_hash_of(apps[i]);

		look_at(look, &hash, &views[i]);
		add_name(&views[i], apps[i]);
	}
	return report_views(context, look, views, count, err);
}

static int list_all(struct context *context, const struct look *look, struct error *err)
{
	struct hash_list hashes = { 0 };
	CLEANUP_FREE struct lock_view *views = NULL;
	size_t count = 0;
	int result = lock_dir_each(&look->dir, collect, &hashes, err);

	views = xcalloc(hashes.count + 1, sizeof(*views));
	for (size_t i = 0; result == 0 && i < hashes.count; i++) {
		look_at(look, &hashes.items[i], &views[count]);
		/* It may have been removed meanwhile. */
		count += views[count].state != LOCK_VIEW_FREE;
	}
	free(hashes.items);
	return result < 0 ? -1 : report_views(context, look, views, count, err);
}

int command_list(struct context *context, char **operands)
{
	struct error err = { .kind = ERROR_NONE };
	struct look look;
	int result;

	if (look_init(&look, context, &err) < 0)
		return command_fail(&err);
	if (operands[0])
		result = list_named(context, &look, operands, &err);
	else
		result = list_all(context, &look, &err);
	look_release(&look);
	return result < 0 ? command_fail(&err) : result;
}

static int status_of(enum lock_view_state state)
{
	switch (state) {
	case LOCK_VIEW_HELD:
		return 0;
	case LOCK_VIEW_DEAD:
	case LOCK_VIEW_KEPT:
	case LOCK_VIEW_REAPING:
		return STATUS_DEAD;
	case LOCK_VIEW_FREE:
		return STATUS_FREE;
	case LOCK_VIEW_UNKNOWN:
		break;
	}
	return STATUS_UNKNOWN;
}

int command_status(struct context *context, char **operands)
{
	struct error err = { .kind = ERROR_NONE };
	struct lock_view view;
	struct app_hash hash;
	struct look look;

	if (app_name_check(operands[0], &err) < 0)
		return command_fail(&err);
	if (look_init(&look, context, &err) < 0) {
		(void)command_fail(&err);
		return STATUS_UNKNOWN;
	}
	hash = app_hash_of(operands[0]);
	look_at(&look, &hash, &view);
	look_release(&look);
	if (report_status(&context->report, operands[0], &view, &err) < 0 ||
	    report_finish(&context->report, &err) < 0) {
		(void)command_fail(&err);
		return STATUS_UNKNOWN;
	}
	return status_of(view.state);
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
