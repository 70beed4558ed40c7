/* Looks at locks as list, doctor and the metrics share them. */
#include "commands_internal.h"

static int add(const struct app_hash *hash, void *data)
{
	lock_view_list_add(data, hash);
	return 0;
}

int locks_collect(const struct lock_dir *dir, struct lock_view_list *list, struct error *err)
{
	return lock_dir_each(dir, add, list, err);
}

void locks_look(const struct context *context, const struct lock_dir *dir,
		struct lock_view_list *list, struct error *ret_problem)
{
	lock_look_all(dir, list, ret_problem);
	for (size_t i = 0; i < list->count; i++)
		lock_view_judge_kept(&list->items[i], context->settings.keep_max_ms / 1000);
}
