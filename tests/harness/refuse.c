#include "harness/refuse.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#error "name this machine's architecture as <linux/audit.h> does"
#endif

#define LOW_HALF (__BYTE_ORDER == __LITTLE_ENDIAN ? 0 : 4)
#define STEPS_PER_CALL 6

struct program {
	struct sock_filter steps[REFUSED_CALLS_MAX * STEPS_PER_CALL + 5];
	unsigned short count;
};

static void add(struct program *program, struct sock_filter step)
{
	program->steps[program->count++] = step;
}

static void load(struct program *program, size_t offset)
{
	add(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void add_call(struct program *program, const struct refused_call *call)
{
	load(program, offsetof(struct seccomp_data, nr));
	add(program,
	    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->call, 0, 4));
	load(program, offsetof(struct seccomp_data, args) + 8 * call->argument + LOW_HALF);
	add(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, call->mask));
	add(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						  call->value & call->mask, 0, 1));
	add(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						  SECCOMP_RET_ERRNO | (uint32_t)call->errnum));
}

int refuse_calls(const struct refused_call *calls, size_t count)
{
	struct program program = { .count = 0 };
	struct sock_fprog filter;

	if (count > REFUSED_CALLS_MAX) {
		errno = E2BIG;
		return -1;
	}
	/* What comes in through another architecture's numbers is let by. */
	load(&program, offsetof(struct seccomp_data, arch));
	add(&program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
	add(&program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	for (size_t i = 0; i < count; i++)
		add_call(&program, &calls[i]);
	add(&program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	filter = (struct sock_fprog){ .len = program.count, .filter = program.steps };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}
