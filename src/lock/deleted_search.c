/* The candidates of a search for deleted lockfiles, and looking for them among the descriptors of
 * processes. */
#include "deleted_search_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "lock_internal.h"

void deleted_search_release(struct deleted_search *search)
{
	proc_locks_release(&search->candidates);
	free(search->findings);
	deleted_locks_release(&search->found);
}

static bool is_found(const struct deleted_search *search, ino_t inode)
{
	for (size_t i = 0; i < search->found.count; i++)
		if (search->found.items[i].inode == inode)
			return true;
	return false;
}

/* NULL: the inode is no candidate's. */
static struct deleted_finding *finding_of(const struct deleted_search *search, ino_t inode)
{
	size_t i = proc_locks_first(&search->candidates, inode);

	return i < search->candidates.count && search->candidates.items[i].inode == inode
		       ? &search->findings[i]
		       : NULL;
}

static bool is_wanted(const struct deleted_search *search, const struct descriptor *descriptor)
{
	ino_t inode = (ino_t)descriptor->status->stx_ino;
	const struct deleted_finding *finding = finding_of(search, inode);

	if (!lock_dir_may_have(search->dir, descriptor_device(descriptor)))
		return false;
	if (finding)
		return !finding->explained;
	return search->blind && descriptor->status->stx_nlink == 0 && descriptor->pid != getpid() &&
	       !is_found(search, inode);
}

void deleted_search_explain(struct deleted_search *search, ino_t inode)
{
	const struct proc_lock_list *candidates = &search->candidates;

	for (size_t i = proc_locks_first(candidates, inode);
	     i < candidates->count && candidates->items[i].inode == inode; i++) {
		search->unexplained -= !search->findings[i].explained;
		search->findings[i].explained = true;
	}
}

static void collect(struct deleted_search *search, const struct app_lock *own)
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
	search->findings = xcalloc(kept + 1, sizeof(*search->findings));
}

void deleted_search_unexplain(struct deleted_search *search, ino_t inode)
{
	const struct proc_lock_list *candidates = &search->candidates;

	for (size_t i = proc_locks_first(candidates, inode);
	     i < candidates->count && candidates->items[i].inode == inode; i++) {
		search->unexplained += search->findings[i].explained;
		search->findings[i].explained = false;
	}
}

static int account_for_entry(const struct dirent *entry, const struct app_hash *hash, void *data)
{
	struct deleted_finding *finding = finding_of(data, entry->d_ino);

	if (finding && hash)
		deleted_search_explain(data, entry->d_ino);
	else if (finding)
		finding->listed = true;
	return 0;
}

int deleted_search_begin(struct deleted_search *search, const struct app_lock *own,
			 struct error *err)
{
	collect(search, own);
	return search->unexplained
		       ? lock_dir_walk(search->dir, account_for_entry, search, NULL, err)
		       : 0;
}

static void add_found(struct deleted_search *search, const struct deleted_lock *lock)
{
	struct deleted_lock_list *found = &search->found;

	found->items =
		xgrow(found->items, &found->capacity, found->count + 1, sizeof(*found->items));
	found->items[found->count++] = *lock;
}

static int look_at_descriptor(const struct descriptor *descriptor, void *data)
{
	struct deleted_search *search = data;
	ino_t inode = (ino_t)descriptor->status->stx_ino;
	struct deleted_finding *finding = finding_of(search, inode);
	struct deleted_lock lock = {
		.pid = descriptor->pid,
		.descriptor = (int)strtol(descriptor->number, NULL, 10),
		.inode = inode,
		.born = descriptor->status->stx_btime,
	};
	enum deleted_owner owner;
	int mount;

	if (!is_wanted(search, descriptor) || !descriptor_has_flock(descriptor, &mount))
		return 0;
	if (finding && descriptor_device(descriptor) != search->dir->device) {
		finding->other_devices = true;
		return 0;
	}
	owner = deleted_owner_of(search->dir, descriptor, mount, finding && finding->listed, &lock);
	if (owner == OWNER_UNKNOWN)
		return 0;
	deleted_search_explain(search, inode);
	if (owner == OWNER_APP)
		add_found(search, &lock);
	return !search->unexplained && !search->blind;
}

static int by_pid(const void *a, const void *b)
{
	const pid_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* Each process once, however many locks it has. */
static void look_into_noted(struct deleted_search *search)
{
	const struct proc_lock_list *candidates = &search->candidates;
	CLEANUP_FREE pid_t *pids = xcalloc(candidates->count + 1, sizeof(*pids));
	size_t count = 0;

	for (size_t i = 0; i < candidates->count; i++)
		if (!search->findings[i].explained && candidates->items[i].pid > 0)
			pids[count++] = candidates->items[i].pid;
	qsort(pids, count, sizeof(*pids), by_pid);
	for (size_t i = 0; search->unexplained && i < count; i++)
		if (i == 0 || pids[i] != pids[i - 1])
			(void)descriptors_of(pids[i], look_at_descriptor, search);
}

/* Nobody was seen who has such a number on our device. */
static void explain_other_devices(struct deleted_search *search)
{
	for (size_t i = 0; i < search->candidates.count; i++)
		if (search->findings[i].other_devices)
			deleted_search_explain(search, search->candidates.items[i].inode);
}

int deleted_search_look(struct deleted_search *search, struct error *err)
{
	look_into_noted(search);
	if (!search->unexplained && !search->blind)
		return 0;
	if (descriptors_of_all(look_at_descriptor, search, err) < 0)
		return -1;
	explain_other_devices(search);
	return 0;
}
