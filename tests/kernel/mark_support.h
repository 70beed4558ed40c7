/* Processes that carry a run's mark. */
#ifndef TESTS_KERNEL_MARK_SUPPORT_H
#define TESTS_KERNEL_MARK_SUPPORT_H

#include <stddef.h>

#include "process_support.h"

/* A run's id, and the environment that marks its processes. */
struct mark {
	char id[33];
	char entry[64];
	char *environment[3];
};

/* "PATH=...": what a process started with a mark has besides. */
extern char search_path[];

void make_mark(struct mark *mark);

/* How many one pass finds; not found is 0. */
size_t kill_pass(const char *id);
/* Passes until one finds none. */
void kill_all_marked(const char *id);

/* Makes the kernel show this as our environment, without an exec. Ours is of no use any more then.
 */
void wear(const struct mark *mark);

#endif
