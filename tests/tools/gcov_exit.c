/* For `make coverage`: processes that leave by _exit, or become another program, keep their counts,
 * too. Reset as well, since a child may share its parent's memory until its exec (kernel/clone.c):
 * what has been written once is else not written again, and the parent's later counts were lost.
 */
#include <pthread.h>
#include <unistd.h>

/* A forked child's may be locked by a thread that it doesn't have. */
extern pthread_mutex_t __gcov_mx;
void __gcov_dump(void);
void __gcov_reset(void);
_Noreturn void __real__exit(int status);
_Noreturn void __wrap__exit(int status);
int __wrap___gcov_execve(const char *path, char *const argv[], char *const envp[]);

static void write_counts(void)
{
	(void)pthread_mutex_init(&__gcov_mx, NULL);
	__gcov_dump();
	__gcov_reset();
}

_Noreturn void __wrap__exit(int status)
{
	write_counts();
	__real__exit(status);
}

int __wrap___gcov_execve(const char *path, char *const argv[], char *const envp[])
{
	write_counts();
	return execve(path, argv, envp);
}
