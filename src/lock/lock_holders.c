/* Which processes share a lock's open file description: whoever has it open holds the lock. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "kernel/descriptors.h"
#include "lock_internal.h"

struct holders {
	const struct lock_dir *dir;
	struct lock_view **views; /* those with an inode, sorted by it; owned */
	size_t count;
};

static int by_inode(const void *a, const void *b)
{
	const struct lock_view *left = *(struct lock_view *const *)a;
	const struct lock_view *right = *(struct lock_view *const *)b;

	return (left->inode > right->inode) - (left->inode < right->inode);
}

static struct lock_view *find(const struct holders *holders, ino_t inode)
{
	const struct lock_view key = { .inode = inode }, *pointer = &key;
	struct lock_view **found = bsearch(&pointer, holders->views, holders->count,
					   sizeof(*holders->views), by_inode);

	return found ? *found : NULL;
}

static bool has(const struct lock_view *view, pid_t pid)
{
	/* A process may have it open more than once; its descriptors come one after the other. */
	size_t last = view->holder_count < LOCK_VIEW_HOLDERS_MAX ? view->holder_count
								 : LOCK_VIEW_HOLDERS_MAX;

	return last && view->holders[last - 1] == pid;
}

static int take(const struct descriptor *descriptor, void *data)
{
	const struct holders *holders = data;
	struct lock_view *view = find(holders, (ino_t)descriptor->status->stx_ino);
	int mount;

	if (!view || !lock_dir_may_have(holders->dir, descriptor_device(descriptor)) ||
	    has(view, descriptor->pid) || !descriptor_has_flock(descriptor, &mount))
		return 0;
	if (view->holder_count < LOCK_VIEW_HOLDERS_MAX)
		view->holders[view->holder_count] = descriptor->pid;
	view->holder_count++;
	if (view->state == LOCK_VIEW_DEAD)
		view->state = LOCK_VIEW_HELD;
	return 0;
}

static bool any_held(const struct lock_view *views, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (views[i].state == LOCK_VIEW_HELD || views[i].state == LOCK_VIEW_REAPING)
			return true;
	return false;
}

int lock_holders_find(const struct lock_dir *dir, struct lock_view *views, size_t count,
		      bool dead_too, struct error *err)
{
	CLEANUP_FREE struct lock_view **sorted = xcalloc(count + 1, sizeof(struct lock_view *));
	struct holders holders = { .dir = dir, .views = sorted };

	for (size_t i = 0; i < count; i++)
		if (views[i].inode)
			sorted[holders.count++] = &views[i];
	if (!holders.count || (!dead_too && !any_held(views, count)))
		return 0;
	qsort(sorted, holders.count, sizeof(struct lock_view *), by_inode);
	return descriptors_of_all(take, &holders, err) < 0 ? -1 : 0;
}
