#include "lock/lock_look.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "kernel/process.h"
#include "lock_internal.h"

#define OPEN_ROUNDS_MAX 100

/* Nobody has the companion lock: a program that knows only flock(2), or nobody at all. */
static void judge_by_flocks(const struct lock_dir *dir, const struct proc_lock_list *locks,
			    struct lock_view *view)
{
	const struct proc_lock *lock = lock_dir_find_lock(dir, locks, view->inode);

	view->state = lock ? LOCK_VIEW_HELD : LOCK_VIEW_DEAD;
	view->pid = lock && lock->pid > 0 ? lock->pid : 0;
}

static void look_at_companion(const struct app_lock *file, struct lock_view *view)
{
	switch (app_lock_look(file->fd, &view->pid)) {
	case LOCK_COMPANION_RUN:
		view->state = LOCK_VIEW_HELD;
		break;
	case LOCK_COMPANION_JANITOR:
		view->state = LOCK_VIEW_REAPING;
		break;
	case LOCK_COMPANION_NONE:
		return;
	}
	view->elsewhere = view->pid == 0;
}

/* Is the view still to be judged by the flocks of others? */
static bool is_open(const struct lock_view *view)
{
	return view->state == LOCK_VIEW_UNKNOWN && view->inode;
}

/* A record that is whole, but names an app of another lockfile, is worth a word. */
static void look_at_record(int fd, struct lock_view *view)
{
	struct record record;

	(void)lockfile_read_record(fd, &record);
	if (lockfile_record_is_of(&record, &view->hash))
		view->record = record;
	else
		memcpy(view->stated_app, record.app, sizeof(view->stated_app));
}

int lock_look_open(const struct lock_dir *dir, const struct app_hash *hash, struct app_lock *ret,
		   struct error *err)
{
	int result = LOCK_REPLACED;

	for (int i = 0; result == LOCK_REPLACED && i < OPEN_ROUNDS_MAX; i++)
		result = lockfile_open(dir, hash, O_RDONLY, ret, err);
	if (result == LOCK_REPLACED)
		return error_set(err, ERROR_LOCK,
				 "unable to examine the lockfile: it was replaced again and again");
	return result;
}

bool lock_look_is_unlinked(const struct app_lock *file)
{
	struct stat status;

	return fstat(file->fd, &status) == 0 && status.st_nlink == 0;
}

/* By the companion lock. */
static void look_at_file(const struct lock_dir *dir, struct lock_view *view)
{
	struct app_lock file = APP_LOCK_NONE;
	int result = lock_look_open(dir, &view->hash, &file, &view->error);

	if (result == LOCK_GONE)
		view->state = LOCK_VIEW_FREE;
	if (result != LOCK_FREE)
		return;
	view->inode = file.inode;
	look_at_record(file.fd, view);
	look_at_companion(&file, view);
	if (view->record.keep_until)
		app_lock_read_clocks(file.fd, &view->record, &view->clocks);
	(void)close(file.fd);
}

static void leave_open(struct lock_view *view)
{
	(void)error_set(&view->error, ERROR_SYSTEM,
			"unable to tell whether a program holds the lock: "
			"/proc/locks could not be read");
}

void lock_look(const struct lock_dir *dir, const struct app_hash *hash,
	       const struct proc_lock_list *locks, struct lock_view *ret)
{
	struct lock_view view = { .hash = *hash, .state = LOCK_VIEW_UNKNOWN };

	look_at_file(dir, &view);
	if (is_open(&view) && locks)
		judge_by_flocks(dir, locks, &view);
	else if (is_open(&view))
		leave_open(&view);
	*ret = view;
}

void lock_view_list_add(struct lock_view_list *list, const struct app_hash *hash)
{
	list->items = xgrow(list->items, &list->capacity, list->count + 1, sizeof(*list->items));
	list->items[list->count++] =
		(struct lock_view){ .hash = *hash, .state = LOCK_VIEW_UNKNOWN };
}

void lock_view_list_release(struct lock_view_list *list)
{
	free(list->items);
	*list = (struct lock_view_list){ 0 };
}

static int add_deleted(const struct lock_dir *dir, struct proc_lock_list *locks,
		       struct lock_view_list *list, struct error *err)
{
	CLEANUP(deleted_locks_release) struct deleted_lock_list deleted = { 0 };

	if (deleted_locks_among(dir, locks, NULL, &deleted, err) < 0)
		return -1;
	for (size_t i = 0; i < deleted.count; i++) {
		struct lock_view *view;

		lock_view_list_add(list, &deleted.items[i].hash);
		view = &list->items[list->count - 1];
		view->state = LOCK_VIEW_HELD;
		view->deleted = true;
		view->inode = deleted.items[i].inode;
		view->pid = deleted.items[i].pid;
		view->record = deleted.items[i].record;
	}
	if (!deleted.unknown)
		return 0;
	*err = deleted.unknown_error;
	return -1;
}

/* Nobody has the companion lock: the record is a dead run's, or that of a program which takes none.
 */
static bool is_run_over(const struct lock_view *view)
{
	uint64_t start_time;

	if (!view->record.known || view->record.pid <= 0)
		return false;
	for (size_t i = 0; i < view->holder_count && i < LOCK_VIEW_HOLDERS_MAX; i++)
		if (view->holders[i] == view->record.pid)
			return false;
	return process_start_time(view->record.pid, &start_time) < 0 ||
	       (view->record.start_time && start_time != view->record.start_time);
}

void lock_look_all(const struct lock_dir *dir, struct lock_view_list *list,
		   struct error *ret_problem)
{
	CLEANUP(proc_locks_release) struct proc_lock_list locks = { 0 };
	CLEANUP_FREE bool *without_companion = xcalloc(list->count + 1, sizeof(bool));
	bool readable, look_at_all, sees_all = process_sees_all();
	size_t asked = list->count;

	*ret_problem = (struct error){ .kind = ERROR_NONE };
	for (size_t i = 0; i < asked; i++)
		look_at_file(dir, &list->items[i]);
	readable = proc_locks_read_twice(&locks, ret_problem) == 0;
	for (size_t i = 0; i < asked; i++) {
		without_companion[i] = is_open(&list->items[i]);
		if (without_companion[i] && readable)
			judge_by_flocks(dir, &locks, &list->items[i]);
		else if (without_companion[i])
			leave_open(&list->items[i]);
	}
	look_at_all = locks.truncated || !sees_all;
	if (readable)
		(void)add_deleted(dir, &locks, list, ret_problem);
	(void)lock_holders_find(dir, list->items, list->count, look_at_all, ret_problem);
	for (size_t i = 0; i < list->count; i++) {
		struct lock_view *view = &list->items[i];

		view->doubtful = view->state == LOCK_VIEW_DEAD && !sees_all;
		view->run_ended = view->state == LOCK_VIEW_HELD && i < asked &&
				  without_companion[i] && is_run_over(view);
	}
}
