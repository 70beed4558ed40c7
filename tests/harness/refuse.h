/*
 * Makes the kernel refuse chosen system calls (seccomp), so that the ways around what an old
 *kernel, a container or a file system lacks are really run.
 *
 *	static const struct refused_call no_tmpfile[] = {
 *		{ .call = SYS_openat, .errnum = EOPNOTSUPP, .argument = 2, REFUSE_BITS(O_TMPFILE) },
 *	};
 */
#ifndef HARNESS_REFUSE_H
#define HARNESS_REFUSE_H

#include <stddef.h>
#include <stdint.h>

struct refused_call {
	int call;   /* SYS_... */
	int errnum; /* what it fails with */
	/* Only where (the argument's low half & mask) == value; mask 0: always. */
	unsigned argument; /* from 0 */
	uint32_t mask;
	uint32_t value;
};
#define REFUSE_BITS(bits) .mask = (bits), .value = (bits)

#define REFUSED_CALLS_MAX 32

/* This process (in tests: a forked child) and all that it starts or becomes, for good. Sets
 * no_new_privs. Returns 0, or -1 with errno. */
int refuse_calls(const struct refused_call *calls, size_t count);

/* Commands started from now on (harness/command.h) run so; their shell as well. count 0: none. */
void commands_refuse(const struct refused_call *calls, size_t count);

#endif
