#include "proc_locks_internal.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "base/memory.h"

/* What seq_file hands out at once, at least, to a reader with room for it. A line that doesn't fit
 * begins the next piece. */
#define PIECE 4096
#define LINE_MAX_LENGTH 256

static void close_stream(FILE **stream)
{
	if (*stream)
		(void)fclose(*stream);
}

/* "7: FLOCK  ADVISORY  WRITE 1234 00:1b:5678 0 EOF"; one that waits says "7: -> FLOCK ...". */
static bool parse_line(const char *line, struct proc_lock *ret)
{
	char access[8];
	int pid;
	unsigned device_major, device_minor;
	unsigned long long inode;

	if (sscanf(line, "%*20[0-9]: FLOCK %*15s %7s %11d %8x:%8x:%20llu", access, &pid,
		   &device_major, &device_minor, &inode) != 5)
		return false;
	if (strcmp(access, "WRITE") && strcmp(access, "READ"))
		return false;
	*ret = (struct proc_lock){
		.device = makedev(device_major, device_minor),
		.inode = (ino_t)inode,
		.pid = pid,
	};
	return true;
}

static int by_inode(const void *a, const void *b)
{
	const struct proc_lock *left = a, *right = b;

	if (left->inode != right->inode)
		return left->inode > right->inode ? 1 : -1;
	return (left->device > right->device) - (left->device < right->device);
}

/* Sorts, and keeps of each inode of a device one. */
static void unite(struct proc_lock_list *list)
{
	size_t kept = 0;

	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof(*list->items), by_inode);
	for (size_t i = 1; i < list->count; i++)
		if (by_inode(&list->items[i], &list->items[kept]))
			list->items[++kept] = list->items[i];
	list->count = kept + 1;
}

int proc_locks_take(struct proc_lock_list *list, FILE *stream, struct error *err)
{
	CLEANUP_FREE char *line = NULL;
	size_t before = list->count, size = 0, read = 0;
	struct proc_lock lock;

	while (read < PROC_LOCKS_SIZE_MAX && getline(&line, &size, stream) >= 0) {
		read += strlen(line);
		if (!parse_line(line, &lock))
			continue;
		list->items = xgrow(list->items, &list->capacity, list->count + 1, sizeof(lock));
		list->items[list->count++] = lock;
	}
	if (ferror(stream)) {
		list->count = before;
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to read /proc/locks");
	}
	unite(list);
	list->truncated = read >= PROC_LOCKS_SIZE_MAX;
	list->in_one_piece = read <= PIECE - LINE_MAX_LENGTH;
	return 0;
}

int proc_locks_read(struct proc_lock_list *list, struct error *err)
{
	char buffer[2 * PIECE];
	CLEANUP(close_stream) FILE *stream = fopen("/proc/locks", "re");

	if (!stream)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open /proc/locks");
	/* By itself it would read 1 KiB at once: more pieces. */
	(void)setvbuf(stream, buffer, _IOFBF, sizeof(buffer));
	return proc_locks_take(list, stream, err);
}

int proc_locks_read_twice(struct proc_lock_list *list, struct error *err)
{
	if (proc_locks_read(list, err) < 0)
		return -1;
	return list->in_one_piece || list->truncated ? 0 : proc_locks_read(list, err);
}

void proc_locks_release(struct proc_lock_list *list)
{
	free(list->items);
	*list = (struct proc_lock_list){ 0 };
}

size_t proc_locks_first(const struct proc_lock_list *list, ino_t inode)
{
	size_t low = 0, high = list->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list->items[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct proc_lock *proc_locks_find(const struct proc_lock_list *list, dev_t device,
					ino_t inode)
{
	for (size_t i = proc_locks_first(list, inode);
	     i < list->count && list->items[i].inode == inode; i++)
		if (list->items[i].device == device)
			return &list->items[i];
	return NULL;
}
