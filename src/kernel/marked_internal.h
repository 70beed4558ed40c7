/* Reading one process's environment from /proc, and telling why there is none to read. */
#ifndef KERNEL_MARKED_INTERNAL_H
#define KERNEL_MARKED_INTERNAL_H

#include <stddef.h>
#include <sys/types.h>

struct environment {
	char *data; /* owned, reused from process to process; NUL-terminated */
	size_t length;
	size_t capacity;
};

#define CLEANUP_ENVIRONMENT __attribute__((cleanup(environment_release)))

/* Reads the environment of pid; proc_fd is /proc. Its length is 0 when the process is gone, is over
 * (a zombie, or on its way there), is a kernel thread, has none, or may not be looked into.
 * 1: it has none yet, in an exec that takes long. -1 with errno: whether it has one can't be known.
 */
int environment_read(struct environment *environment, int proc_fd, pid_t pid);
void environment_release(struct environment *environment);

#endif
