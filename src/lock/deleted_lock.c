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
#include "base/file.h"
#include "base/memory.h"
#include "kernel/descriptors.h"
#include "kernel/proc_locks.h"
#include "kernel/process.h"
#include "lock/record_file.h"
#include "lock_internal.h"

/* A lockfile is born locked and gets its name a moment later. */
#define BIRTH_MS 20

#define ROUNDS_MAX 3

#define DELETED_ENDING " (deleted)"

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

static int account_for_entry(const struct dirent *entry, const struct app_hash *hash, void *data)
{
	(void)hash;
	explain(data, entry->d_ino);
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

static void read_record(const struct descriptor *descriptor, struct record *ret)
{
	char text[RECORD_FILE_SIZE + 1];
	CLEANUP_CLOSE int fd = openat(descriptor->directory, descriptor->number,
				      O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : file_pread_start(fd, text, sizeof(text));

	*ret = (struct record){ 0 };
	if (length > 0)
		record_parse(text, (size_t)length, ret);
}

enum owner { OWNER_UNKNOWN, OWNER_OTHER, OWNER_APP };

/* A file born by O_TMPFILE shows as "DIR/#INODE (deleted)", whatever it was linked to, and a
 * renamed one with its new name: there the record says whose it is. */
static enum owner owner_by_name(const char *name, const struct descriptor *descriptor,
				struct deleted_lock *lock)
{
	struct app_hash named;

	read_record(descriptor, &lock->record);
	if (lock->record.known && *lock->record.app)
		named = app_hash_of(lock->record.app);
	else
		lock->record = (struct record){ 0 };
	if (app_hash_from_lockfile_name(name, &lock->hash)) {
		if (lock->record.known && !app_hash_equal(&named, &lock->hash))
			lock->record = (struct record){ 0 };
		return OWNER_APP;
	}
	if (!lock->record.known)
		return *name == '#' ? OWNER_UNKNOWN : OWNER_OTHER;
	lock->hash = named;
	return OWNER_APP;
}

/* Splits the link text; the name loses its " (deleted)". NULL: no such text. */
static char *split(char *link)
{
	char *name = strrchr(link, '/'), *ending;
	size_t length;

	if (!name)
		return NULL;
	*name++ = '\0';
	length = strlen(name);
	if (length < strlen(DELETED_ENDING))
		return name;
	ending = name + length - strlen(DELETED_ENDING);
	if (!strcmp(ending, DELETED_ENDING))
		*ending = '\0';
	return name;
}

static enum owner owner_of(const struct search *search, const struct descriptor *descriptor,
			   struct deleted_lock *lock)
{
	char link[4096], *name;
	ssize_t length =
		readlinkat(descriptor->directory, descriptor->number, link, sizeof(link) - 1);

	if (length < 0)
		return OWNER_UNKNOWN;
	if (!S_ISREG(descriptor->status->stx_mode) ||
	    !lock_trust_uid(search->dir->trust, descriptor->status->stx_uid) ||
	    descriptor_device(descriptor) != search->dir->device)
		return OWNER_OTHER;
	link[length] = '\0';
	name = split(link);
	if (!name || is_elsewhere(search, descriptor->pid, *link ? link : "/"))
		return OWNER_OTHER;
	return owner_by_name(name, descriptor, lock);
}

static int look_at_descriptor(const struct descriptor *descriptor, void *data)
{
	struct search *search = data;
	struct deleted_lock_list *found = &search->found;
	ino_t inode = (ino_t)descriptor->status->stx_ino;
	struct deleted_lock lock = { .pid = descriptor->pid, .inode = inode };
	enum owner owner;

	if (!is_wanted(search, descriptor) || !descriptor_has_flock(descriptor))
		return 0;
	owner = owner_of(search, descriptor, &lock);
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

/* What was being born has its name by now, what has ended is held no more, and what others took
 * meanwhile has another pid. */
static int look_again(struct search *search, struct error *err)
{
	CLEANUP(proc_locks_release) struct proc_lock_list locks = { 0 };
	struct deleted_lock_list *found = &search->found;

	clock_sleep_ms(BIRTH_MS);
	if (lock_dir_walk(search->dir, forget_found, search, err) < 0 ||
	    proc_locks_read_twice(&locks, err) < 0)
		return -1;
	for (size_t i = 0; !search->blind && i < found->count; i++)
		if (!find_lock(search, &locks, found->items[i].inode))
			found->items[i--] = found->items[--found->count];
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
		.blind = !process_sees_all(),
		.candidates = *locks,
	};

	*locks = (struct proc_lock_list){ 0 };
	collect(&search, own);
	if (search.unexplained && lock_dir_walk(dir, account_for_entry, &search, err) < 0)
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
