/*
 * A ci-janitor with mistakes, for the test to find: the same objects as ever, linked with --wrap
 *for the functions below, which do what CRASH_BREAK says:
 *
 *	forgets-early	a dead app's lockfile goes when its reap begins
 *	unannounced	the record does not say that removals are under way
 *	short-look	an error while the lock directory is read counts as its end
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lock/app_lock.h"
#include "lock/lock_dir.h"

int __real_app_lock_probe(const struct lock_dir *dir, const struct app_hash *hash,
			  struct app_lock *ret, struct error *err);
int __wrap_app_lock_probe(const struct lock_dir *dir, const struct app_hash *hash,
			  struct app_lock *ret, struct error *err);
int __real_app_lock_write_record(const struct app_lock *lock, const struct record *record,
				 struct error *err);
int __wrap_app_lock_write_record(const struct app_lock *lock, const struct record *record,
				 struct error *err);
int __real_lock_dir_each(const struct lock_dir *dir,
			 int (*function)(const struct app_hash *hash, void *data), void *data,
			 struct error *err);
int __wrap_lock_dir_each(const struct lock_dir *dir,
			 int (*function)(const struct app_hash *hash, void *data), void *data,
			 struct error *err);

static int breaks(const char *what)
{
	const char *wanted = getenv("CRASH_BREAK");

	return wanted && !strcmp(wanted, what);
}

int __wrap_app_lock_probe(const struct lock_dir *dir, const struct app_hash *hash,
			  struct app_lock *ret, struct error *err)
{
	int state = __real_app_lock_probe(dir, hash, ret, err);
	char name[APP_LOCKFILE_NAME_SIZE];

	if (state == LOCK_FREE && breaks("forgets-early"))
		(void)unlinkat(dir->fd, app_lockfile_name(hash, name), 0);
	return state;
}

int __wrap_app_lock_write_record(const struct app_lock *lock, const struct record *record,
				 struct error *err)
{
	if (record->phase == RUN_PHASE_TEARDOWN && breaks("unannounced"))
		return 0;
	return __real_app_lock_write_record(lock, record, err);
}

int __wrap_lock_dir_each(const struct lock_dir *dir,
			 int (*function)(const struct app_hash *hash, void *data), void *data,
			 struct error *err)
{
	int result = __real_lock_dir_each(dir, function, data, err);

	return result < 0 && breaks("short-look") ? 0 : result;
}
