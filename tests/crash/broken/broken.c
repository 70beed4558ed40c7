/*
 * A ci-janitor with mistakes, for the test to find: the same objects as ever, linked with --wrap
 * for the functions below, which do what CRASH_BREAK says:
 *
 *	forgets-early	a dead app's lockfile goes when its reap begins
 *	blind		a record that can't be read counts as one that says nothing
 *	no-settling	what a killed job has asked for is not waited for
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lock/app_lock.h"
#include "lock/lock_dir.h"
#include "reap/sweep.h"

int __real_app_lock_probe(const struct lock_dir *dir, const struct app_hash *hash,
			  struct app_lock *ret, struct error *err);
int __wrap_app_lock_probe(const struct lock_dir *dir, const struct app_hash *hash,
			  struct app_lock *ret, struct error *err);
int __real_app_lock_need_record(const struct app_lock *lock, struct record *ret, struct error *err);
int __wrap_app_lock_need_record(const struct app_lock *lock, struct record *ret, struct error *err);

void __real_reap_targets(const struct lock_dir *dir, struct reap_target *targets, size_t count,
			 const struct sweep_options *options, struct sweep_result *ret);
void __wrap_reap_targets(const struct lock_dir *dir, struct reap_target *targets, size_t count,
			 const struct sweep_options *options, struct sweep_result *ret);

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

void __wrap_reap_targets(const struct lock_dir *dir, struct reap_target *targets, size_t count,
			 const struct sweep_options *options, struct sweep_result *ret)
{
	for (size_t i = 0; breaks("no-settling") && i < count; i++)
		targets[i].was_killed = false;
	__real_reap_targets(dir, targets, count, options, ret);
}
