#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_internal.h"
#include "kernel/capabilities.h"

#define NAMESPACES (CLONE_NEWPID | CLONE_NEWNS)

/* Enough for the child's functions, and for a copy of argv that execvpe(3) puts there. */
#define STACK_MIN (128 * 1024)

struct start {
	void (*function)(void *data);
	void *data;
};

static void fill_args(struct clone_args *args, uint64_t flags, int cgroup_fd)
{
	*args = (struct clone_args){ .flags = flags, .exit_signal = SIGCHLD };
	if (cgroup_fd < 0)
		return;
	/* Linux 5.7. The child is born in the group; moving it there afterwards takes a lock that
	 * stops every fork and exit of the machine for some milliseconds. */
	args->flags |= CLONE_INTO_CGROUP;
	args->cgroup = (uint64_t)cgroup_fd;
}

static pid_t clone_into(uint64_t flags, int cgroup_fd)
{
	struct clone_args args;

	fill_args(&args, flags, cgroup_fd);
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/*
 * With a stack of its own in our memory the child costs no copy of our page tables, which is most
 * of what a short run takes. No libc has a function for it that also sets the cgroup, and a return
 * to C on the new stack is impossible: so the call is written out where it was tried. A sanitizer
 * would mistake the stack that is gone afterwards for its own.
 */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined(__x86_64__) && !defined(__ILP32__) && !defined(__SANITIZE_ADDRESS__)
static pid_t clone_borrowing(struct clone_args *args, const struct start *start)
{
	long result;

	args->flags |= CLONE_VM | CLONE_VFORK;
	__asm__ volatile(
		"syscall\n\t"
		"testq %%rax, %%rax\n\t"
		"jnz 1f\n\t"
		"movq %[data], %%rdi\n\t"
		"callq *%[function]\n\t"
		"ud2\n"
		"1:"
		: "=a"(result)
		: "0"((long)SYS_clone3), "D"(args),
		  "S"(sizeof(*args)), [function] "r"(start->function), [data] "r"(start->data)
		: "rcx", "r11", "cc", "memory");
	if (result >= 0)
		return (pid_t)result;
	errno = (int)-result;
	return -1;
}
#else
static pid_t clone_borrowing(struct clone_args *args, const struct start *start)
{
	(void)args;
	(void)start;
	errno = ENOSYS;
	return -1;
}
#endif

static size_t stack_size_for(char *const *argv)
{
	size_t size = STACK_MIN;

	while (*argv++)
		size += sizeof(*argv);
	return (size + 4095) & ~(size_t)4095;
}

/* One for all children, since each leaves it at its exec. It stays mapped: to unmap what another
 * processor has just used means to interrupt that one. */
static char *stack_of(size_t size)
{
	static char *stack;
	static size_t mapped;

	if (size <= mapped)
		return stack + mapped - size;
	if (mapped)
		(void)munmap(stack, mapped);
	mapped = 0;
	stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (stack == MAP_FAILED)
		return NULL;
	mapped = size;
	return stack;
}

/* -1 with ENOSYS where it can't be done so. */
static pid_t clone_on_stack(const struct child_setup *setup, const struct start *start)
{
	size_t size = stack_size_for(setup->argv);
	char *stack = stack_of(size);
	struct clone_args args;

	if (!stack)
		return -1;
	fill_args(&args, 0, setup->cgroup_fd);
	args.stack = (uint64_t)(uintptr_t)stack;
	args.stack_size = size;
	return clone_borrowing(&args, start);
}

static pid_t clone_plain(uint64_t flags)
{
	if (!flags)
		return fork();
#if defined(__s390__) || defined(__s390x__)
	return (pid_t)syscall(SYS_clone, NULL, (unsigned long)flags | SIGCHLD, NULL, NULL, 0);
#else
	return (pid_t)syscall(SYS_clone, (unsigned long)flags | SIGCHLD, NULL, NULL, NULL, 0);
#endif
}

static pid_t started(pid_t pid, const struct start *start)
{
	if (pid == 0)
		start->function(start->data);
	return pid;
}

/* Whatever clone3(2) objects to, the long way finds out and reports. */
static pid_t clone_with(uint64_t flags, const struct child_setup *setup, struct cloned *cloned,
			const struct start *start)
{
	pid_t pid = -1;

	cloned->in_cgroup = setup->cgroup_fd >= 0;
	if (!flags)
		pid = clone_on_stack(setup, start);
	if (pid < 0 && cloned->in_cgroup)
		pid = started(clone_into(flags, setup->cgroup_fd), start);
	if (pid >= 0)
		return pid;
	cloned->in_cgroup = false;
	return started(clone_plain(flags), start);
}

/* As the caller of the program may, or else what every user may in a user namespace of his own. */
static pid_t clone_namespaces(const struct child_setup *setup, struct cloned *cloned,
			      const struct start *start)
{
	pid_t pid;

	if (capabilities_restore())
		return -1;
	pid = clone_with(NAMESPACES, setup, cloned, start);
	if (pid >= 0 || errno != EPERM)
		return pid;
	cloned->in_user_namespace = true;
	return clone_with(NAMESPACES | CLONE_NEWUSER, setup, cloned, start);
}

pid_t clone_child(const struct child_setup *setup, struct cloned *cloned,
		  void (*function)(void *data), void *data)
{
	struct start start = { .function = function, .data = data };
	int errnum;
	pid_t pid;

	*cloned = (struct cloned){ .in_cgroup = false };
	if (!setup->pid_namespace)
		return clone_with(0, setup, cloned, &start);
	pid = clone_namespaces(setup, cloned, &start);
	errnum = errno;
	capabilities_drop_again();
	errno = errnum;
	return pid;
}

int child_can_be_born_in(int cgroup_fd)
{
	pid_t pid = clone_into(0, cgroup_fd);

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return -1;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}
