#include "app_lock_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "lock/deleted_lock.h"
#include "process_support.h"

static struct lock_fixture open_at(const char *app, const char *path)
{
	struct lock_fixture fixture = { .hash = app_hash_of(app) };
	static uid_t caller;
	static struct lock_trust trust;
	struct error err = { 0 };

	caller = geteuid();
	trust = (struct lock_trust){ .uids = &caller, .uid_count = 1, .group = (gid_t)-1 };
	CHECK_NUMBER(lock_dir_open(&fixture.dir, path, &trust, &err), 0);
	CHECK_TEXT(err.message, "");
	fixture.trust = &trust;
	(void)app_lockfile_name(&fixture.hash, fixture.name);
	fixture.record =
		(struct record){ .known = true, .phase = RUN_PHASE_RUNNING, .pid = getpid() };
	(void)snprintf(fixture.record.app, sizeof(fixture.record.app), "%s", app);
	return fixture;
}

struct lock_fixture fixture_open(const char *app)
{
	return open_at(app, temp_dir());
}

struct lock_fixture fixture_open_in(const char *app, const struct lock_fixture *in)
{
	return open_at(app, in->dir.path);
}

void fixture_close(struct lock_fixture *fixture)
{
	lock_dir_close(&fixture->dir);
}

int fixture_try(struct lock_fixture *fixture, struct app_lock *ret, bool *ret_created)
{
	struct error err = { 0 };
	int result = app_lock_try(&fixture->dir, &fixture->hash, LOCK_ROLE_RUN, &fixture->record,
				  ret, ret_created, &err);

	CHECK_TEXT(err.message, "");
	return result;
}

pid_t fixture_start_holder(struct lock_fixture *fixture, enum lock_role role)
{
	struct app_lock lock;
	int ready[2];
	bool created;
	char byte;
	pid_t pid;

	CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		EXPECT(app_lock_try(&fixture->dir, &fixture->hash, role, &fixture->record, &lock,
				    &created, NULL) == LOCK_FREE);
		EXPECT(write(ready[1], "", 1) == 1);
		for (;;)
			pause();
	}
	close(ready[1]);
	CHECK_NUMBER(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

void fixture_stop_holder(pid_t pid)
{
	CHECK_NUMBER(kill(pid, SIGKILL), 0);
	CHECK_NUMBER(waitpid(pid, NULL, 0), pid);
}

int fixture_find_deleted(const struct lock_dir *dir, const struct app_hash *hash,
			 const struct app_lock *own, pid_t *ret_pid, struct error *err)
{
	int64_t end = now_ms() + 60000;
	struct error unsure = { 0 };
	int found;

	do
		found = lock_find_deleted_holder(dir, hash, own, ret_pid, &unsure);
	while (found < 0 && now_ms() < end);
	if (found < 0 && err)
		*err = unsure;
	return found;
}
