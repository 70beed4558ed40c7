#include "lock/lock_look.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "lock/record_file.h"
#include "lock_internal.h"

#define OPEN_ROUNDS_MAX 100

static const struct proc_lock *find_flock(const struct lock_dir *dir,
					  const struct proc_lock_list *locks, ino_t inode)
{
	const struct proc_lock *lock = proc_locks_find(locks, dir->device, inode);

	for (size_t i = 0; !lock && dir->other_devices && i < locks->count; i++)
		if (locks->items[i].inode == inode)
			lock = &locks->items[i];
	return lock;
}

/* Nobody has the companion lock: a program that knows only flock(2), or nobody at all. */
static int look_at_flocks(const struct lock_dir *dir, const struct proc_lock_list *locks,
			  ino_t inode, struct lock_view *view)
{
	CLEANUP(proc_locks_release) struct proc_lock_list again = { 0 };
	const struct proc_lock *lock = find_flock(dir, locks, inode);

	if (!lock) {
		/* One that stays held may be skipped while others go away. */
		if (proc_locks_read(&again, &view->error) < 0)
			return -1;
		lock = find_flock(dir, &again, inode);
	}
	view->state = lock ? LOCK_VIEW_HELD : LOCK_VIEW_DEAD;
	view->pid = lock && lock->pid > 0 ? lock->pid : 0;
	return 0;
}

static int look_at_holder(const struct lock_dir *dir, const struct app_lock *file,
			  const struct proc_lock_list *locks, struct lock_view *view)
{
	switch (app_lock_look(file->fd, &view->pid)) {
	case LOCK_COMPANION_RUN:
		view->state = LOCK_VIEW_HELD;
		return 0;
	case LOCK_COMPANION_JANITOR:
		view->state = LOCK_VIEW_REAPING;
		return 0;
	case LOCK_COMPANION_NONE:
		break;
	}
	if (!locks)
		return error_set(&view->error, ERROR_SYSTEM,
				 "unable to tell whether a program holds the lock: "
				 "/proc/locks could not be read");
	return look_at_flocks(dir, locks, file->inode, view);
}

/* A record that is whole, but names an app of another lockfile, is worth a word. */
static void look_at_stated_app(int fd, struct lock_view *view)
{
	char text[RECORD_FILE_SIZE + 1];
	ssize_t length = file_pread_start(fd, text, sizeof(text));
	struct record record = { 0 };

	if (length > 0)
		record_parse(text, (size_t)length, &record);
	memcpy(view->stated_app, record.app, sizeof(view->stated_app));
}

void lock_look(const struct lock_dir *dir, const struct app_hash *hash,
	       const struct proc_lock_list *locks, struct lock_view *ret)
{
	struct lock_view view = { .hash = *hash, .state = LOCK_VIEW_UNKNOWN };
	struct app_lock file = APP_LOCK_NONE;
	int result = LOCK_REPLACED;

	for (int i = 0; result == LOCK_REPLACED && i < OPEN_ROUNDS_MAX; i++)
		result = lockfile_open(dir, hash, O_RDONLY, &file, &view.error);
	if (result == LOCK_GONE)
		view.state = LOCK_VIEW_FREE;
	else if (result == LOCK_REPLACED)
		(void)error_set(&view.error, ERROR_LOCK,
				"unable to examine the lockfile: it was replaced again and again");
	if (result == LOCK_FREE) {
		app_lock_read_record(file.fd, hash, &view.record);
		if (!view.record.known)
			look_at_stated_app(file.fd, &view);
		if (look_at_holder(dir, &file, locks, &view) < 0)
			view.state = LOCK_VIEW_UNKNOWN;
		if (view.record.keep_until)
			app_lock_read_clocks(file.fd, &view.record, &view.clocks);
		(void)close(file.fd);
	}
	*ret = view;
}
