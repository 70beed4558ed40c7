/* /proc/locks: what is read is sorted, each inode of a device once, and all of it is found again.
 */
#include "base/cleanup.h"
#include "fuzz/fuzz.h"

#include "../../src/kernel/proc_locks_internal.h"

static void require_sorted(const struct proc_lock_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		const struct proc_lock *lock = &list->items[i];

		REQUIRE(proc_locks_find(list, lock->device, lock->inode) == lock);
		REQUIRE(proc_locks_first(list, lock->inode) <= i);
		REQUIRE(!i || list->items[i - 1].inode < lock->inode ||
			(list->items[i - 1].inode == lock->inode &&
			 list->items[i - 1].device < lock->device));
	}
}

static void take(struct proc_lock_list *list, const uint8_t *data, size_t size)
{
	FILE *stream = fmemopen((void *)(uintptr_t)data, size, "r");

	REQUIRE(stream && proc_locks_take(list, stream, NULL) == 0);
	(void)fclose(stream);
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP(proc_locks_release) struct proc_lock_list list = { 0 };
	size_t count;

	if (!size)
		return;
	take(&list, data, size);
	require_sorted(&list);
	count = list.count;
	take(&list, data, size);
	REQUIRE(list.count == count);
	require_sorted(&list);
}
FUZZ_TARGET(locks, run)
