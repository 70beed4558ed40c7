/* Dropping to what a command needs, by libcap-ng (architecture.md, "Privileges"). */
#ifndef KERNEL_CAPABILITIES_H
#define KERNEL_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum capability_profile {
	CAPABILITIES_NONE, /* path, help, version */
	CAPABILITIES_LOOK, /* list, status: DAC_READ_SEARCH, SYS_PTRACE (who shares a lock) */
	CAPABILITIES_REAP, /* sweep, reap: DAC_OVERRIDE, KILL, SYS_PTRACE */
	CAPABILITIES_RUN,  /* run: as REAP, effective set only; CMD gets back what the caller had */
};

/* Drops this process to the profile and reads the result back. Capabilities that the caller never
 * had are no error. All profiles but RUN also empty the bounding set where that is allowed and set
 * no_new_privs. Fails with ERROR_PERMISSION when something that should be gone is still there. */
int capabilities_drop(enum capability_profile profile, struct error *err);

/* Names the profile's capabilities that are not effective, as "kill, sys_ptrace". Returns false when
 * none is missing. */
bool capabilities_missing(enum capability_profile profile, char *ret, size_t size);

/* In a forked child of a RUN process, before exec: effective = what it was before the drop.
 * Async-signal-safe; 0 or -1 with errno. */
int capabilities_restore(void);

/* In a forked child of another process, before exec: none is left. Where the bounding set is not
 * empty, exec gives root nothing back only thanks to no_new_privs. Async-signal-safe; 0 or -1 with
 * errno. */
int capabilities_give_up(void);

/* Undoes capabilities_restore in a RUN process that is to go on. */
void capabilities_drop_again(void);

#endif
