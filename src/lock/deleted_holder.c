/*
 * Looking for a live holder whose lockfile somebody has unlinked.
 *
 *	held flocks on the directory's device
 *	  - those whose inode a lockfile in the directory accounts for      -> not deleted
 *	  = candidates: seen in /proc/PID/fd of the noted pid, then of all  -> ours, or explained
 *	  - those that are no longer held
 *	  = not explained: unknown, keep
 *
 * Nothing is opened that this process could have a companion lock on: closing it would drop that.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "lock/lock_look.h"
#include "lock/record_file.h"
#include "lock_internal.h"

struct candidate {
	dev_t device; /* as /proc/locks gives it */
	ino_t inode;
	pid_t pid;
	bool explained;
};

struct search {
	const struct lock_dir *dir;
	const struct app_hash *hash;
	char ending[APP_LOCKFILE_NAME_SIZE + sizeof("/ (deleted)")];
	struct candidate *items;
	size_t count;
	size_t capacity;
	size_t unexplained;
	pid_t holder; /* once found */
	bool found;
};

static void search_release(struct search *search)
{
	free(search->items);
}

/* The first candidate with the inode, in the sorted array; search->count when there is none. */
static size_t first_with(const struct search *search, ino_t inode)
{
	size_t low = 0, high = search->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (search->items[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low < search->count && search->items[low].inode == inode ? low : search->count;
}

static bool is_unexplained(const struct search *search, ino_t inode)
{
	size_t i = first_with(search, inode);

	return i < search->count && !search->items[i].explained;
}

static void explain(struct search *search, ino_t inode)
{
	for (size_t i = first_with(search, inode);
	     i < search->count && search->items[i].inode == inode; i++) {
		search->unexplained -= !search->items[i].explained;
		search->items[i].explained = true;
	}
}

static void add_candidates(struct search *search, const struct proc_lock_list *locks,
			   const struct app_lock *own)
{
	for (size_t i = 0; i < locks->count; i++) {
		const struct proc_lock *lock = &locks->items[i];

		if (!lock_dir_may_have(search->dir, lock->device) ||
		    (own && lock->inode == own->inode))
			continue;
		search->items = xgrow(search->items, &search->capacity, search->count + 1,
				      sizeof(*search->items));
		search->items[search->count++] = (struct candidate){
			.device = lock->device,
			.inode = lock->inode,
			.pid = lock->pid,
		};
	}
}

/* Two readings: one alone may skip a lock that stays held. */
static int collect(struct search *search, const struct app_lock *own, struct error *err)
{
	for (int i = 0; i < 2; i++) {
		CLEANUP(proc_locks_release) struct proc_lock_list locks = { 0 };

		if (proc_locks_read(&locks, err) < 0)
			return -1;
		add_candidates(search, &locks, own);
	}
	return 0;
}

static int by_inode_and_device(const void *a, const void *b)
{
	const struct candidate *left = a, *right = b;

	if (left->inode != right->inode)
		return left->inode > right->inode ? 1 : -1;
	return (left->device > right->device) - (left->device < right->device);
}

/* Sorted, and each inode of a device once. */
static void unite(struct search *search)
{
	size_t kept = 0;

	if (!search->count)
		return;
	qsort(search->items, search->count, sizeof(*search->items), by_inode_and_device);
	for (size_t i = 1; i < search->count; i++)
		if (search->items[i].inode != search->items[kept].inode ||
		    search->items[i].device != search->items[kept].device)
			search->items[++kept] = search->items[i];
	search->count = search->unexplained = kept + 1;
}

static int account_for_entry(const struct dirent *entry, const struct app_hash *hash, void *data)
{
	struct search *search = data;

	(void)hash;
	explain(search, entry->d_ino);
	return 0;
}

static bool same_mount_namespace(pid_t pid)
{
	char path[64], own[64], other[64];
	ssize_t own_length, other_length;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	own_length = readlink("/proc/self/ns/mnt", own, sizeof(own));
	other_length = readlink(path, other, sizeof(other));
	return own_length > 0 && own_length == other_length &&
	       !memcmp(own, other, (size_t)own_length);
}

/* Is the parent directory in a descriptor's link text certainly another one than ours? In another
 * mount namespace the text may name any directory of our view, and ours by any name. */
static bool is_elsewhere(const struct search *search, pid_t pid, const char *parent)
{
	struct statx there, ours;

	if (!same_mount_namespace(pid))
		return false;
	if (statx(AT_FDCWD, parent, AT_STATX_DONT_SYNC, STATX_INO, &there) < 0)
		/* A removed directory; ours may be one, too. */
		return errno == ENOENT && strcmp(parent, search->dir->path) != 0;
	if (statx(search->dir->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &ours) < 0)
		return false;
	return there.stx_ino != ours.stx_ino || there.stx_dev_major != ours.stx_dev_major ||
	       there.stx_dev_minor != ours.stx_dev_minor;
}

enum owner { OWNER_UNKNOWN, OWNER_OTHER, OWNER_APP };

/* A file born by O_TMPFILE shows as "DIR/#INODE (deleted)", whatever it was linked to: the record
 * says whose it is. Closing a second descriptor of our own would drop our companion lock. */
static enum owner owner_by_record(const struct search *search, pid_t pid, int pid_fds,
				  const char *number)
{
	CLEANUP_CLOSE int fd = -1;
	char text[RECORD_FILE_SIZE + 1];
	struct record record;
	struct app_hash named;
	ssize_t length;

	if (pid == getpid())
		return OWNER_OTHER;
	fd = openat(pid_fds, number, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	length = fd < 0 ? -1 : file_pread_start(fd, text, sizeof(text));
	if (length < 0)
		return OWNER_UNKNOWN;
	record_parse(text, (size_t)length, &record);
	if (!record.known || !*record.app)
		return OWNER_UNKNOWN;
	named = app_hash_of(record.app);
	return app_hash_equal(&named, search->hash) ? OWNER_APP : OWNER_OTHER;
}

static enum owner owner_of(const struct search *search, pid_t pid, int pid_fds, const char *number,
			   const struct statx *status)
{
	char link[4096];
	ssize_t length = readlinkat(pid_fds, number, link, sizeof(link) - 1);
	size_t ending = strlen(search->ending);
	bool named;
	char *base;

	if (length < 0)
		return OWNER_UNKNOWN;
	if (!S_ISREG(status->stx_mode) || !lock_trust_uid(search->dir->trust, status->stx_uid) ||
	    makedev(status->stx_dev_major, status->stx_dev_minor) != search->dir->device)
		return OWNER_OTHER;
	link[length] = '\0';
	named = (size_t)length >= ending && !strcmp(link + length - ending, search->ending);
	base = strrchr(link, '/');
	if (!base || (!named && base[1] != '#'))
		return OWNER_OTHER;
	*base = '\0';
	if (is_elsewhere(search, pid, base == link ? "/" : link))
		return OWNER_OTHER;
	return named ? OWNER_APP : owner_by_record(search, pid, pid_fds, number);
}

static void look_at_descriptor(struct search *search, pid_t pid, int pid_fds, const char *number)
{
	struct statx status;

	/* Without DONT_SYNC, a descriptor on a dead network file system would hang us. */
	if (statx(pid_fds, number, AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status) < 0 ||
	    !lock_dir_may_have(search->dir, makedev(status.stx_dev_major, status.stx_dev_minor)) ||
	    !is_unexplained(search, (ino_t)status.stx_ino))
		return;
	switch (owner_of(search, pid, pid_fds, number, &status)) {
	case OWNER_UNKNOWN:
		return;
	case OWNER_OTHER:
		explain(search, (ino_t)status.stx_ino);
		return;
	case OWNER_APP:
		search->holder = pid;
		search->found = true;
		return;
	}
}

static void close_stream(DIR **stream)
{
	if (*stream)
		(void)closedir(*stream);
}

static void look_at_process(struct search *search, pid_t pid)
{
	CLEANUP(close_stream) DIR *stream = NULL;
	const struct dirent *entry;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	stream = opendir(path);
	/* Gone, or not ours to look into: what it holds stays unexplained. */
	while (stream && search->unexplained && !search->found && (entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			look_at_descriptor(search, pid, dirfd(stream), entry->d_name);
}

static void look_at_noted_pids(struct search *search)
{
	for (size_t i = 0; i < search->count && !search->found; i++)
		if (!search->items[i].explained && search->items[i].pid > 0)
			look_at_process(search, search->items[i].pid);
}

static int look_at_all(struct search *search, struct error *err)
{
	CLEANUP(close_stream) DIR *stream = opendir("/proc");
	const struct dirent *entry;

	if (!stream)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open /proc");
	while (search->unexplained && !search->found && (entry = readdir(stream)))
		if (strspn(entry->d_name, "0123456789") == strlen(entry->d_name))
			look_at_process(search, (pid_t)strtol(entry->d_name, NULL, 10));
	return 0;
}

/* What is not explained and still held is unknown. */
static int judge_rest(struct search *search, struct error *err)
{
	CLEANUP(proc_locks_release) struct proc_lock_list locks = { 0 };

	/* Again: what was just being born has its name by now. */
	if (lock_dir_walk(search->dir, account_for_entry, search, err) < 0 ||
	    proc_locks_read(&locks, err) < 0)
		return -1;
	for (size_t i = 0; i < search->count; i++) {
		const struct candidate *candidate = &search->items[i];

		if (!candidate->explained &&
		    proc_locks_find(&locks, candidate->device, candidate->inode))
			return error_set(err, ERROR_LOCK,
					 "unable to tell whose lock it is that process %d holds "
					 "on inode %llu of the file system of %s",
					 (int)candidate->pid, (unsigned long long)candidate->inode,
					 search->dir->path);
	}
	return 0;
}

int lock_find_deleted_holder(const struct lock_dir *dir, const struct app_hash *hash,
			     const struct app_lock *own, pid_t *ret_pid, struct error *err)
{
	CLEANUP(search_release) struct search search = { .dir = dir, .hash = hash };
	char name[APP_LOCKFILE_NAME_SIZE];

	(void)snprintf(search.ending, sizeof(search.ending), "/%s (deleted)",
		       app_lockfile_name(hash, name));
	if (collect(&search, own, err) < 0)
		return -1;
	unite(&search);
	if (search.unexplained && lock_dir_walk(dir, account_for_entry, &search, err) < 0)
		return -1;
	if (search.unexplained)
		look_at_noted_pids(&search);
	if (search.unexplained && !search.found && look_at_all(&search, err) < 0)
		return -1;
	if (search.found) {
		*ret_pid = search.holder;
		return 1;
	}
	return search.unexplained ? judge_rest(&search, err) : 0;
}
