#include "mark_support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/command.h"
#include "kernel/marked.h"
#include "kernel/process.h"

char search_path[] = "PATH=/usr/bin:/bin";

void make_mark(struct mark *mark)
{
	process_random_id(mark->id);
	snprintf(mark->entry, sizeof(mark->entry), MARKER_VARIABLE "=%.32s", mark->id);
	mark->environment[0] = search_path;
	mark->environment[1] = mark->entry;
	mark->environment[2] = NULL;
}

size_t kill_pass(const char *id)
{
	const char *ids[] = { id };
	struct error err = { 0 };
	uint64_t unread = 4711;
	size_t count = 4711;

	EXPECT(!marked_kill(ids, 1, &count, &unread, &err));
	EXPECT(err.kind == ERROR_NONE);
	return count;
}

void kill_all_marked(const char *id)
{
	int64_t end = now_ms() + 60000;

	while (kill_pass(id)) {
		EXPECT(now_ms() < end);
		usleep(2000);
	}
}

/* Fields 50 and 51 of our stat say where the kernel looks. */
void wear(const struct mark *mark)
{
	char *stat = read_text("/proc/self/stat"), *field = strrchr(stat, ')');
	unsigned long start, end;

	for (int number = 2; number < 50; number++)
		field = strchr(field + 1, ' ');
	EXPECT(sscanf(field, "%lu %lu", &start, &end) == 2);
	EXPECT(end - start > strlen(mark->entry));
	memcpy((void *)start, mark->entry, strlen(mark->entry) + 1);
	free(stat);
}
