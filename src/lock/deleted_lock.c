/*
 *	held flocks on the directory's device
 *	  - those whose inode a lockfile in the directory accounts for      -> not deleted
 *	  = candidates: seen in /proc/PID/fd of the noted pid, then of all  -> found, or explained
 *	  - those that have a name after all, or are no longer held
 *	  = found, and what is not explained: unknown
 *
 * Nothing is opened that this process could have a companion lock on: closing it would drop that.
 */
#include "lock/deleted_lock.h"

#include <errno.h>
#include <fcntl.h>
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
#include "lock_internal.h"

/* A lockfile is born locked and gets its name a moment later. */
#define BIRTH_MS 100

#define ROUNDS_MAX 10

struct search {
	const struct lock_dir *dir;
	bool blind; /* candidates may be missing */
	struct proc_lock_list candidates;
	bool *explained; /* of each candidate */
	size_t unexplained;
	struct deleted_lock_list found;
};

static void search_release(struct search *search)
{
	proc_locks_release(&search->candidates);
	free(search->explained);
	deleted_locks_release(&search->found);
}

void deleted_locks_release(struct deleted_lock_list *list)
{
	free(list->items);
	*list = (struct deleted_lock_list){ 0 };
}

static bool is_found(const struct search *search, ino_t inode)
{
	for (size_t i = 0; i < search->found.count; i++)
		if (search->found.items[i].inode == inode)
			return true;
	return false;
}

static bool is_wanted(const struct search *search, const struct descriptor *descriptor)
{
	ino_t inode = (ino_t)descriptor->status->stx_ino;
	size_t i = proc_locks_first(&search->candidates, inode);

	if (!lock_dir_may_have(search->dir, descriptor_device(descriptor)))
		return false;
	if (i < search->candidates.count && search->candidates.items[i].inode == inode)
		return !search->explained[i];
	return search->blind && descriptor->status->stx_nlink == 0 && descriptor->pid != getpid() &&
	       !is_found(search, inode);
}

static void explain(struct search *search, ino_t inode)
{
	const struct proc_lock_list *candidates = &search->candidates;

	for (size_t i = proc_locks_first(candidates, inode);
	     i < candidates->count && candidates->items[i].inode == inode; i++) {
		search->unexplained -= !search->explained[i];
		search->explained[i] = true;
	}
}

static void collect(struct search *search, const struct app_lock *own)
{
	struct proc_lock_list *candidates = &search->candidates;
	size_t kept = 0;

	for (size_t i = 0; i < candidates->count; i++) {
		const struct proc_lock *lock = &candidates->items[i];

		if (lock_dir_may_have(search->dir, lock->device) && lock->pid != getpid() &&
		    !(own && lock->inode == own->inode))
			candidates->items[kept++] = *lock;
	}
	candidates->count = search->unexplained = kept;
	search->explained = xcalloc(kept + 1, sizeof(*search->explained));
}

static void unexplain(struct search *search, ino_t inode)
{
	const struct proc_lock_list *candidates = &search->candidates;

	for (size_t i = proc_locks_first(candidates, inode);
	     i < candidates->count && candidates->items[i].inode == inode; i++) {
		search->unexplained += search->explained[i];
		search->explained[i] = false;
	}
}

static int account_for_entry(const struct dirent *entry, const struct app_hash *hash, void *data)
{
	(void)hash;
	explain(data, entry->d_ino);
	return 0;
}

static int look_at_descriptor(const struct descriptor *descriptor, void *data)
{
	struct search *search = data;
	struct deleted_lock_list *found = &search->found;
	ino_t inode = (ino_t)descriptor->status->stx_ino;
	struct deleted_lock lock = {
		.pid = descriptor->pid,
		.descriptor = (int)strtol(descriptor->number, NULL, 10),
		.inode = inode,
		.born = descriptor->status->stx_btime,
	};
	enum deleted_owner owner;

	if (!is_wanted(search, descriptor) || !descriptor_has_flock(descriptor))
		return 0;
	owner = deleted_owner_of(search->dir, descriptor, &lock);
	if (owner == OWNER_UNKNOWN)
		return 0;
	explain(search, inode);
	if (owner == OWNER_APP) {
		found->items = xgrow(found->items, &found->capacity, found->count + 1,
				     sizeof(*found->items));
		found->items[found->count++] = lock;
	}
	return !search->unexplained && !search->blind;
}

static int look_into_processes(struct search *search, struct error *err)
{
	const struct proc_lock_list *candidates = &search->candidates;

	for (size_t i = 0; search->unexplained && i < candidates->count; i++)
		if (!search->explained[i] && candidates->items[i].pid > 0)
			(void)descriptors_of(candidates->items[i].pid, look_at_descriptor, search);
	if (!search->unexplained && !search->blind)
		return 0;
	return descriptors_of_all(look_at_descriptor, search, err) < 0 ? -1 : 0;
}

static int forget_found(const struct dirent *entry, const struct app_hash *hash, void *data)
{
	struct search *search = data;
	struct deleted_lock_list *found = &search->found;

	explain(search, entry->d_ino);
	for (size_t i = 0; i < found->count; i++)
		if (found->items[i].inode == entry->d_ino &&
		    app_hash_equal(&found->items[i].hash, hash))
			found->items[i--] = found->items[--found->count];
	return 0;
}

static const struct proc_lock *find_lock(const struct search *search,
					 const struct proc_lock_list *locks, ino_t inode)
{
	for (size_t i = proc_locks_first(locks, inode);
	     i < locks->count && locks->items[i].inode == inode; i++)
		if (lock_dir_may_have(search->dir, locks->items[i].device))
			return &locks->items[i];
	return NULL;
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
static void confirm(struct search *search, const struct proc_lock_list *locks)
{
	struct deleted_lock_list *found = &search->found;

	for (size_t i = 0; i < found->count; i++) {
		ino_t inode = found->items[i].inode;

		if (is_same(&found->items[i]) && (search->blind || find_lock(search, locks, inode)))
			continue;
		found->items[i--] = found->items[--found->count];
		unexplain(search, inode);
	}
}

/* What was being born has its name by now, what has ended is held no more, and what others took
 * meanwhile has another pid. */
static int look_again(struct search *search, struct error *err)
{
	CLEANUP(proc_locks_release) struct proc_lock_list locks = { 0 };

	clock_sleep_ms(BIRTH_MS);
	if (lock_dir_walk(search->dir, forget_found, search, NULL, err) < 0 ||
	    proc_locks_read_twice(&locks, err) < 0)
		return -1;
	confirm(search, &locks);
	for (size_t i = 0; i < search->candidates.count; i++) {
		struct proc_lock *candidate = &search->candidates.items[i];
		const struct proc_lock *now = find_lock(search, &locks, candidate->inode);

		if (!now)
			explain(search, candidate->inode);
		else
			candidate->pid = now->pid;
	}
	return 0;
}

static void count_unknown(struct search *search)
{
	for (size_t i = 0; i < search->candidates.count; i++) {
		const struct proc_lock *candidate = &search->candidates.items[i];

		if (search->explained[i])
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
static int search_all(struct search *search, struct error *err)
{
	for (int round = 0; round < ROUNDS_MAX; round++) {
		if (look_into_processes(search, err) < 0)
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
	CLEANUP(search_release)
	struct search search = {
		.dir = dir,
		.blind = locks->truncated || !process_sees_all(),
		.candidates = *locks,
	};

	*locks = (struct proc_lock_list){ 0 };
	collect(&search, own);
	if (search.unexplained && lock_dir_walk(dir, account_for_entry, &search, NULL, err) < 0)
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
