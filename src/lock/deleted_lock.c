/*
 *	held flocks on the directory's device
 *	  - those whose inode a lockfile in the directory accounts for      -> not deleted
 *	  = candidates: seen in /proc/PID/fd of the noted pids, then of all -> found, or explained
 *	  - those that have a name after all, or are no longer held
 *	  = found, and what is not explained: unknown
 *
 * Nothing is opened that this process could have a companion lock on: closing it would drop that.
 */
#include "lock/deleted_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "kernel/descriptors.h"
#include "kernel/proc_locks.h"
#include "kernel/process.h"
#include "deleted_search_internal.h"
#include "lock_internal.h"

/* A lockfile is born locked and gets its name a moment later. */
#define BIRTH_MS 100

/* A lockfile is forgotten by unlinking it and then closing it, by every process that shares it. */
#define CLOSING_MS 3000
#define CLOSING_STEP_MS 50

/* A round takes the longer the more files are open on the machine. */
#define ROUNDS_MIN 3
#define ROUNDS_MAX 10
#define ROUNDS_MS 5000

void deleted_locks_release(struct deleted_lock_list *list)
{
	free(list->items);
	*list = (struct deleted_lock_list){ 0 };
}

static int forget_found(const struct dirent *entry, const struct app_hash *hash, void *data)
{
	struct deleted_search *search = data;
	struct deleted_lock_list *found = &search->found;

	if (!hash)
		return 0;
	deleted_search_explain(search, entry->d_ino);
	for (size_t i = 0; i < found->count; i++)
		if (found->items[i].inode == entry->d_ino &&
		    app_hash_equal(&found->items[i].hash, hash))
			found->items[i--] = found->items[--found->count];
	return 0;
}

/* Is it the same file still? Births that follow each other get one inode number again and again. */
static bool is_same(const struct deleted_lock *lock)
{
	struct statx status;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)lock->pid, lock->descriptor);
	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_BTIME,
		     &status) == 0 &&
	       status.stx_ino == lock->inode && status.stx_btime.tv_sec == lock->born.tv_sec &&
	       status.stx_btime.tv_nsec == lock->born.tv_nsec;
}

/* Takes back what was found but is no longer there. */
static void confirm(struct deleted_search *search, const struct proc_lock_list *locks)
{
	struct deleted_lock_list *found = &search->found;

	for (size_t i = 0; i < found->count; i++) {
		ino_t inode = found->items[i].inode;

		if (is_same(&found->items[i]) &&
		    (search->blind || lock_dir_find_lock(search->dir, locks, inode)))
			continue;
		found->items[i--] = found->items[--found->count];
		deleted_search_unexplain(search, inode);
	}
}

/* What was being born has its name by now, what has ended is held no more, and what others took
 * meanwhile has another pid. */
static int look_again(struct deleted_search *search, struct error *err)
{
	CLEANUP(proc_locks_release) struct proc_lock_list locks = { 0 };

	clock_sleep_ms(BIRTH_MS);
	if (lock_dir_walk(search->dir, forget_found, search, NULL, err) < 0 ||
	    proc_locks_read_twice(&locks, err) < 0)
		return -1;
	confirm(search, &locks);
	for (size_t i = 0; i < search->candidates.count; i++) {
		struct proc_lock *candidate = &search->candidates.items[i];
		const struct proc_lock *now =
			lock_dir_find_lock(search->dir, &locks, candidate->inode);

		if (!now)
			deleted_search_explain(search, candidate->inode);
		else
			candidate->pid = now->pid;
	}
	return 0;
}

static void count_unknown(struct deleted_search *search)
{
	for (size_t i = 0; i < search->candidates.count; i++) {
		const struct proc_lock *candidate = &search->candidates.items[i];

		if (search->findings[i].explained)
			continue;
		search->found.unknown++;
		(void)error_set(&search->found.unknown_error, ERROR_LOCK,
				"unable to tell whose lock it is that process %d holds on inode "
				"%llu of the file system of %s",
				(int)candidate->pid, (unsigned long long)candidate->inode,
				search->dir->path);
	}
}

/* Short-lived holders on the same file system may be gone before they are looked at: more rounds.
 */
static int search_all(struct deleted_search *search, struct error *err)
{
	int64_t end = clock_deadline(ROUNDS_MS);

	for (int round = 0; round < ROUNDS_MIN || (round < ROUNDS_MAX && clock_now_ms() < end);
	     round++) {
		if (deleted_search_look(search, err) < 0)
			return -1;
		if (!search->unexplained && !search->found.count)
			return 0;
		if (look_again(search, err) < 0)
			return -1;
		if (!search->unexplained)
			return 0;
	}
	count_unknown(search);
	return 0;
}

int deleted_locks_among(const struct lock_dir *dir, struct proc_lock_list *locks,
			const struct app_lock *own, struct deleted_lock_list *ret,
			struct error *err)
{
	CLEANUP(deleted_search_release)
	struct deleted_search search = {
		.dir = dir,
		.blind = locks->truncated || !process_sees_all(),
		.candidates = *locks,
	};

	*locks = (struct proc_lock_list){ 0 };
	if (deleted_search_begin(&search, own, err) < 0)
		return -1;
	if ((search.unexplained || search.blind) && search_all(&search, err) < 0)
		return -1;
	*ret = search.found;
	search.found = (struct deleted_lock_list){ 0 };
	return 0;
}

int deleted_locks_find(const struct lock_dir *dir, const struct app_lock *own,
		       struct deleted_lock_list *ret, struct error *err)
{
	CLEANUP(proc_locks_release) struct proc_lock_list locks = { 0 };

	if (proc_locks_read_twice(&locks, err) < 0)
		return -1;
	return deleted_locks_among(dir, &locks, own, ret, err);
}

const struct deleted_lock *deleted_locks_of(const struct deleted_lock_list *list,
					    const struct app_hash *hash)
{
	for (size_t i = 0; i < list->count; i++)
		if (app_hash_equal(&list->items[i].hash, hash))
			return &list->items[i];
	return NULL;
}

int lock_find_deleted_holder(const struct lock_dir *dir, const struct app_hash *hash,
			     const struct app_lock *own, pid_t *ret_pid, struct error *err)
{
	CLEANUP(deleted_locks_release) struct deleted_lock_list list = { 0 };
	const struct deleted_lock *lock;

	if (deleted_locks_find(dir, own, &list, err) < 0)
		return -1;
	lock = deleted_locks_of(&list, hash);
	if (lock) {
		*ret_pid = lock->pid;
		return 1;
	}
	if (!list.unknown)
		return 0;
	if (err)
		*err = list.unknown_error;
	return -1;
}

int lock_find_lasting_deleted_holder(const struct lock_dir *dir, const struct app_hash *hash,
				     const struct app_lock *own, int wake_fd, pid_t *ret_pid,
				     struct error *err)
{
	int64_t end = clock_deadline(CLOSING_MS);
	struct pollfd wake = { .fd = wake_fd, .events = POLLIN };
	int found;

	do
		found = lock_find_deleted_holder(dir, hash, own, ret_pid, err);
	while (found > 0 && clock_now_ms() < end && poll(&wake, 1, CLOSING_STEP_MS) <= 0);
	return found;
}
