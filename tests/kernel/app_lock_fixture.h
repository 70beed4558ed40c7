/* A private lock directory, one app in it, and real processes that hold its lock. */
#ifndef TESTS_APP_LOCK_FIXTURE_H
#define TESTS_APP_LOCK_FIXTURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "lock/app_lock.h"
#include "lock/lock_dir.h"

struct lock_fixture {
	struct lock_trust
		*trust; /* the caller, no group; one for all fixtures, new with each open */
	struct lock_dir dir;
	struct app_hash hash;
	char name[APP_LOCKFILE_NAME_SIZE];
	struct record record; /* of a run of the app */
};

struct lock_fixture fixture_open(const char *app);
/* Another app in the same directory. */
struct lock_fixture fixture_open_in(const char *app, const struct lock_fixture *in);
void fixture_close(struct lock_fixture *fixture);

/* app_lock_try as a run, with whatever error it gave in the failure list. */
int fixture_try(struct lock_fixture *fixture, struct app_lock *ret, bool *ret_created);

/* Returns once the process holds the lock. */
pid_t fixture_start_holder(struct lock_fixture *fixture, enum lock_role role);
/* SIGKILL, and waits. */
void fixture_stop_holder(pid_t pid);

/* lock_find_deleted_holder until it is sure: beside other tests, whose locks on the same file
 * system come and go, it may not be. */
int fixture_find_deleted(const struct lock_dir *dir, const struct app_hash *hash,
			 const struct app_lock *own, pid_t *ret_pid, struct error *err);

#endif
