/* /proc/locks' text. No system calls but the stream's: fuzzers call it with any bytes. */
#ifndef KERNEL_PROC_LOCKS_INTERNAL_H
#define KERNEL_PROC_LOCKS_INTERNAL_H

#include <stdio.h>

#include "kernel/proc_locks.h"

/* Adds what the stream says to the list, as proc_locks_read does. */
int proc_locks_take(struct proc_lock_list *list, FILE *stream, struct error *err);

#endif
