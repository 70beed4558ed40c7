/*
 * A ci-janitor with mistakes, for the test to find: the same objects as ever, linked with --wrap
 *for the functions below, which do what CRASH_BREAK says:
 *
 *	forgets-early	a dead app's lockfile goes when its reap begins
 *	blind		a record that can't be read counts as one that says nothing
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
int __real_app_lock_need_record(const struct app_lock *lock, struct record *ret, struct error *err);
int __wrap_app_lock_need_record(const struct app_lock *lock, struct record *ret, struct error *err);

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

int __wrap_app_lock_need_record(const struct app_lock *lock, struct record *ret, struct error *err)
{
	if (!breaks("blind"))
		return __real_app_lock_need_record(lock, ret, err);
	app_lock_read_record(lock->fd, &lock->hash, ret);
	return 0;
}
