/* Real processes for the kernel tests, each of them gone at the end. */
#ifndef TESTS_PROCESS_SUPPORT_H
#define TESTS_PROCESS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NOBODY 65534

/* For children: CUnit's assertions count in the process that prints the summary only. */
#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			fail_child(#condition, __FILE__, __LINE__);                                \
	} while (0)
_Noreturn void fail_child(const char *condition, const char *file, unsigned line);

/* An argv or environment from string literals, which exec never writes to. */
#define WORDS(...) ((void *)(const char *[]){ __VA_ARGS__, NULL })

/* Runs function(data) in a forked child with a time limit; true when it came to its end. */
bool holds_in_child(void (*function)(void *data), void *data);

/* The whole file, NUL-terminated; the caller frees it. NULL when it can't be read. */
char *read_text(const char *path);
char *read_text_fd(int fd);

/* The hexadecimal number behind "name:" in the text of a /proc/PID/status. */
uint64_t status_bits(const char *status, const char *name);
uint64_t own_status_bits(const char *name);

size_t count_open_fds(void);

/* Waits up to five seconds until no process with this number is left, or only a zombie. */
bool ends_soon(pid_t pid);

/* Becomes an ordinary user for good, without any supplementary group. */
void become_nobody(void);

/* Starts `sh -c script` as a daemon: forked twice, own session, only /dev/null open, with the
 * environment given (NULL: ours). What it inherits: uid, cgroup, namespaces. Returns its number. */
pid_t start_daemon(const char *script, char *const *envp);

/* A test that changes groups, namespaces, users or its own memory: in a process of its own. */
#define IN_CHILD(name)                                                                             \
	static void name(void *data);                                                              \
	static void test_##name(void)                                                              \
	{                                                                                          \
		CU_ASSERT_TRUE(holds_in_child(name, NULL));                                        \
	}                                                                                          \
	static void name(__attribute__((unused)) void *data)

#endif
