/* `hold` in the foreground (hold.c), what it leaves behind (held.c), and whom that is tied to
 * (tie.c). */
#ifndef COMMANDS_HOLD_INTERNAL_H
#define COMMANDS_HOLD_INTERNAL_H

#include "base/error.h"

#include <sys/types.h>

/* The process with whose end a hold ends. */
struct tie {
	pid_t pid;
	int pidfd; /* owned; -1: none */
	char name[32];
};

/* pid 0: the caller's parent, which is that of the process that started this one. A process that
 * is younger than this one was never meant: its number has changed hands. */
int tie_open(pid_t pid, struct tie *ret, struct error *err);
void tie_close(struct tie *tie);

/* Says why process_open failed, by errno. Returns -1. */
int tie_refuse(pid_t pid, struct error *err);

/* The caller's parent, 0 when it can't be told. Outside of a CI it stands in the holder's id, so
 * that `release` from the same shell is of the same holder. */
pid_t tie_default_pid(void);

#endif
