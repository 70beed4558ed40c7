/* doctor: the lock directory, and that flock really excludes in it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "doctor_internal.h"
#include "kernel/child.h"
#include "kernel/process.h"

#define CHECK "lock-dir"
#define BLOCK 4096
#define FEW_LOCKFILES 100
#define CHILD_TIMEOUT_MS 10000
#define FREE_TIMEOUT_MS 5000

static void check_room(const struct lock_dir *dir, struct finding_list *findings)
{
	struct statvfs status;
	uint64_t room;

	if (fstatvfs(dir->fd, &status) < 0)
		return;
	room = (uint64_t)status.f_bavail * status.f_frsize / BLOCK;
	/* Some file systems have no fixed number of inodes and say 0. */
	if (status.f_files && status.f_favail < room)
		room = status.f_favail;
	if (room < FEW_LOCKFILES)
		finding_add(findings, FINDING_WARNING, CHECK,
			    "use a private directory ([lock] dir) on a larger file system",
			    "%s has room for %llu more lockfiles; without room no run starts",
			    dir->path, (unsigned long long)room);
}

/* false as well where it is not to be read. */
static bool hardlinks_are_open(void)
{
	char value[8];

	return file_read_at(AT_FDCWD, "/proc/sys/fs/protected_hardlinks", value, sizeof(value)) >
		       0 &&
	       value[0] == '0';
}

static void check_strangers(const struct lock_dir *dir, const struct stat *status,
			    struct finding_list *findings)
{
	if (!(status->st_mode & S_IWOTH) || !hardlinks_are_open())
		return;
	finding_add(findings, FINDING_WARNING, CHECK,
		    "sysctl fs.protected_hardlinks=1, or a private directory ([lock] dir)",
		    "anybody may put hard links of other users' files into %s", dir->path);
}

static bool is_mount_point(const struct lock_dir *dir)
{
	struct stat own, parent;

	return fstat(dir->fd, &own) == 0 && fstatat(dir->fd, "..", &parent, 0) == 0 &&
	       own.st_dev != parent.st_dev;
}

/* A lock in a container's own file system excludes nobody outside of it. */
static void check_container(const struct lock_dir *dir, struct finding_list *findings)
{
	bool inside = access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0;

	if (!inside)
		return;
	if (is_mount_point(dir))
		finding_add(findings, FINDING_OK, CHECK, NULL,
			    "this is a container, and %s is mounted into it", dir->path);
	else
		finding_add(findings, FINDING_WARNING, CHECK,
			    "unless the engine and all jobs live in here, too: bind-mount the "
			    "host's lock directory to the same path",
			    "this is a container, and %s is its own: a lock in it means nothing to "
			    "the host and to other containers",
			    dir->path);
}

bool doctor_check_lock_dir(const struct context *context, struct lock_dir *ret,
			   struct finding_list *findings)
{
	struct error err = { .kind = ERROR_NONE };
	struct stat status;

	if (lock_dir_open(ret, context->settings.lock_dir, &context->trust, &err) < 0 ||
	    fstat(ret->fd, &status) < 0) {
		finding_add(findings, FINDING_PROBLEM, CHECK,
			    "make it a directory of root's on a local file system, sticky if "
			    "others may write to it, or name another one ([lock] dir)",
			    "%s", err.message);
		return false;
	}
	finding_add(findings, FINDING_OK, CHECK, NULL, "%s, on %s, uid %u, mode %04o", ret->path,
		    ret->file_system, status.st_uid, status.st_mode & 07777U);
	if (!strcmp(ret->file_system, "overlayfs"))
		finding_add(findings, FINDING_WARNING, CHECK,
			    "use a directory that is mounted from the host, or a tmpfs",
			    "on overlayfs a lock taken below the overlay, in its upper directory, "
			    "isn't seen");
	check_container(ret, findings);
	check_strangers(ret, &status, findings);
	check_room(ret, findings);
	return true;
}

/* What the holding process does: takes the lock, says so or why not, and waits to be killed. */
struct holder {
	const struct lock_dir *dir;
	struct app_hash hash;
	struct record record;
	int ready_fd;
};

static int hold(void *data)
{
	struct holder *holder = data;
	struct error err = { .kind = ERROR_NONE };
	struct app_lock lock = APP_LOCK_NONE;
	bool created;
	int state = app_lock_try(holder->dir, &holder->hash, LOCK_ROLE_RUN, &holder->record, &lock,
				 &created, &err);

	if (state == LOCK_HELD)
		(void)error_set(&err, ERROR_LOCK, "a new lock is held by somebody else");
	if (file_write_all(holder->ready_fd, &err, sizeof(err)) < 0 || state != LOCK_FREE)
		return 1;
	for (;;)
		(void)pause();
}

static int await_holder(int fd, struct error *err)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct error said;
	int result;

	do
		result = poll(&ready, 1, CHILD_TIMEOUT_MS);
	while (result < 0 && errno == EINTR);
	if (result != 1 || read(fd, &said, sizeof(said)) != sizeof(said))
		return error_set(err, ERROR_SYSTEM, "the holding process didn't come up");
	if (said.kind == ERROR_NONE)
		return 0;
	*err = said;
	return -1;
}

/* Until the killed holder's lock is free. A sweep that came first may have removed the file. */
static int await_free(const struct holder *holder, struct error *err)
{
	int64_t deadline = clock_deadline(FREE_TIMEOUT_MS);
	struct app_lock lock = APP_LOCK_NONE;

	for (;;) {
		int state = app_lock_probe(holder->dir, &holder->hash, &lock, err);

		if (state < 0)
			return -1;
		if (state == LOCK_GONE)
			return 0;
		if (state == LOCK_FREE)
			return app_lock_forget(holder->dir, &lock, err) < 0 ? -1 : 0;
		if (clock_left(deadline) == 0)
			return error_set(err, ERROR_LOCK,
					 "the lock of a killed process isn't free");
		clock_sleep_ms(1);
	}
}

static int prove(struct holder *holder, int ready_fd, int64_t *ret_ms, struct error *err)
{
	struct child child = CHILD_NONE;
	struct app_lock lock = APP_LOCK_NONE;
	int64_t killed_ms;
	int state;

	if (child_fork(hold, holder, &child, err) < 0)
		return -1;
	if (await_holder(ready_fd, err) < 0) {
		child_kill(&child);
		return -1;
	}
	state = app_lock_probe(holder->dir, &holder->hash, &lock, err);
	killed_ms = clock_now_ms();
	child_kill(&child);
	if (state == LOCK_FREE) {
		(void)app_lock_forget(holder->dir, &lock, NULL);
		return error_set(err, ERROR_LOCK,
				 "two processes got the same lock at the same time");
	}
	if (state < 0 || await_free(holder, err) < 0)
		return -1;
	*ret_ms = clock_now_ms() - killed_ms;
	return state == LOCK_HELD ? 0
				  : error_set(err, ERROR_LOCK, "a held lockfile was taken away");
}

void doctor_check_exclusion(const struct lock_dir *dir, struct finding_list *findings)
{
	CLEANUP_CLOSE int read_fd = -1;
	CLEANUP_CLOSE int write_fd = -1;
	struct holder holder = { .dir = dir };
	struct error err = { .kind = ERROR_NONE };
	char app[APP_NAME_MAX + 1], id[33];
	int fds[2];
	int64_t took_ms = 0;

	process_random_id(id);
	(void)snprintf(app, sizeof(app), "ci-janitor-doctor-%s", id);
	holder_record(app, &holder.record);
	holder.hash = app_hash_of(app);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return;
	read_fd = fds[0];
	write_fd = holder.ready_fd = fds[1];
	if (prove(&holder, read_fd, &took_ms, &err) < 0)
		finding_add(findings, FINDING_PROBLEM, "exclusion",
			    "use another lock directory: a local tmpfs, ext4, xfs or btrfs, with "
			    "room and write permission",
			    "two processes don't exclude each other in %s: %s", dir->path,
			    err.message);
	else
		finding_add(findings, FINDING_OK, "exclusion", NULL,
			    "two processes exclude each other in %s; the lock of a killed one was "
			    "free after %lld ms",
			    dir->path, (long long)took_ms);
}
