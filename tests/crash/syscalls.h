/* What the test knows about system calls by their numbers. */
#ifndef CRASH_SYSCALLS_H
#define CRASH_SYSCALLS_H

#include <stdbool.h>

const char *syscall_name(int number);
/* Is it one with which the loader and malloc get memory and fill it? */
bool syscall_is_of_memory(int number);
/* Does the kernel never refuse it? */
bool syscall_can_not_fail(int number);

#endif
