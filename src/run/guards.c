#include "run/guards.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/cgroup.h"
#include "kernel/child.h"
#include "kernel/process.h"

static void take_error(struct guard *guard, const char *text)
{
	(void)snprintf(guard->reason, sizeof(guard->reason), "%.*s", (int)sizeof(guard->reason) - 1,
		       text);
}

static bool by_errno(struct guard *guard, bool works)
{
	if (!works)
		take_error(guard, strerror(errno));
	return works;
}

static bool try_pidfd(struct guard *guard)
{
	CLEANUP_CLOSE int fd = process_open(getpid());

	return by_errno(guard, fd >= 0 && process_signal(fd, 0) == 0);
}

static bool try_pdeathsig(struct guard *guard)
{
	int before = 0;

	return by_errno(guard, prctl(PR_GET_PDEATHSIG, &before) == 0 &&
				       prctl(PR_SET_PDEATHSIG, before) == 0);
}

static bool try_subreaper(struct guard *guard)
{
	int before = 0;

	if (prctl(PR_GET_CHILD_SUBREAPER, &before) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return by_errno(guard, false);
	(void)prctl(PR_SET_CHILD_SUBREAPER, before);
	return true;
}

/* A group of a run that never was. */
static bool with_group(struct guard *guard, bool (*try)(struct guard *guard, int fd))
{
	struct error err = { .kind = ERROR_NONE };
	char run_id[33], path[4096];
	bool result;
	int fd = -1;

	process_random_id(run_id);
	if (cgroup_create(run_id, path, sizeof(path), &fd, &err) != 1) {
		take_error(guard, err.message);
		return false;
	}
	result = try(guard, fd);
	(void)close(fd);
	(void)cgroup_remove(path, run_id, NULL);
	return result;
}

static bool is_made(struct guard *guard, int fd)
{
	(void)guard;
	return fd >= 0;
}

static bool has_kill(struct guard *guard, int fd)
{
	return by_errno(guard, faccessat(fd, "cgroup.kill", W_OK, AT_EACCESS) == 0);
}

static bool takes_newborn(struct guard *guard, int fd)
{
	int works = child_can_be_born_in(fd);

	return by_errno(guard, works == 0);
}

static bool try_cgroup(struct guard *guard)
{
	return with_group(guard, is_made);
}

static bool try_cgroup_kill(struct guard *guard)
{
	return with_group(guard, has_kill);
}

static bool try_clone_into(struct guard *guard)
{
	return with_group(guard, takes_newborn);
}

static bool try_marker(struct guard *guard)
{
	return by_errno(guard, access("/proc/self/environ", R_OK) == 0);
}

/* Nothing is executed: that it comes so far is the answer. */
static bool try_pid_namespace(struct guard *guard)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct error err = { .kind = ERROR_NONE };
	struct child child = CHILD_NONE;
	bool exec_failed = false;
	char path[] = "/dev/null";
	char *argv[] = { path, NULL };

	setup.argv = argv;
	setup.exec_path = path;
	setup.pid_namespace = true;
	setup.death_signal = SIGKILL;
	if (child_spawn(&setup, &child, &exec_failed, &err) == 0)
		child_kill(&child);
	if (!exec_failed)
		take_error(guard, err.message);
	return exec_failed;
}

static bool try_inotify(struct guard *guard)
{
	CLEANUP_CLOSE int fd = inotify_init1(IN_CLOEXEC);

	return by_errno(guard, fd >= 0);
}

static bool try_openat2(struct guard *guard)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH };
	CLEANUP_CLOSE int fd = (int)syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));

	return by_errno(guard, fd >= 0);
}

static const struct {
	const char *name;
	bool (*try)(struct guard *guard);
	const char *in_force;
	const char *instead;
} guards[GUARD_COUNT] = {
	{ "pdeathsig", try_pdeathsig,
	  "the command dies with its supervisor, that ends with the CI agent",
	  "only polling tells of the parent's death" },
	{ "pidfd", try_pidfd,
	  "processes are watched and signalled without mistaking one for another",
	  "pid and start time are compared right before each signal; hold and release are "
	  "refused" },
	{ "subreaper", try_subreaper, "daemons of a run stay its descendants",
	  "daemons are found by cgroup and marker only" },
	{ "cgroup", try_cgroup, "each run has a cgroup, by which all its processes are found",
	  "processes of a run are found by session and marker" },
	{ "cgroup.kill", try_cgroup_kill, "a whole cgroup is killed at once",
	  "a cgroup's members are killed one by one until none is left" },
	{ "clone3", try_clone_into, "commands are born in their cgroup",
	  "commands move into their cgroup, which takes some milliseconds" },
	{ "marker", try_marker,
	  "processes of a dead run are found by the mark in their environment",
	  "without /proc only a cgroup leads to the processes of a dead run" },
	{ "pid-namespace", try_pid_namespace, "run --pid-namespace works",
	  "run --pid-namespace is refused" },
	{ "inotify", try_inotify, "a run notices that its lockfile is removed",
	  "a run doesn't notice that its lockfile is removed" },
	{ "openat2", try_openat2,
	  "scratch directories are removed by openat2(2), which crosses no mount",
	  "each directory's mount is compared before it is entered" },
};

void guards_probe(struct guard ret[GUARD_COUNT])
{
	for (size_t i = 0; i < GUARD_COUNT; i++) {
		struct guard *guard = &ret[i];

		*guard = (struct guard){ .name = guards[i].name };
		guard->in_force = guards[i].try(guard);
		guard->meaning = guard->in_force ? guards[i].in_force : guards[i].instead;
	}
}
