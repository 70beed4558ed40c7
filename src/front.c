/*
 * What makes the second program. `make install` puts this one, the front, in BINDIR where the
 * libraries' archives are installed: a static program of the same objects, which starts in
 * three quarters of the time and supervises runs by itself. For everything else it executes the
 * whole program, which loads libcurl and libcap-ng and can ask NSS: none of these is possible in
 * a static one.
 */
#define LIBRARIES_LINKED 1

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/library.h"
#include "base/memory.h"

#ifndef __x86_64__
#error "the entry is written for x86-64; elsewhere there is only the whole program (FRONT=no)"
#endif

static char **arguments; /* as they were before getopt(3) sorted them */

/*
 * The libc's own start is most of what a short command takes, so a command that is not for us is
 * handed on before it. Nothing is relocated yet, and there is no thread: no function of the libc
 * can be called, and no address stand in data. The kernel has put argc, argv and envp on the stack
 * (System V ABI, AMD64 supplement, 3.4.1).
 */
__asm__(".globl front_start\n"
	"front_start:\n\t"
	"movq %rsp, %rdi\n\t"
	"movq %rdx, %rbx\n\t"
	"call front_decide\n\t"
	"movq %rbx, %rdx\n\t"
	"jmp _start\n");

static inline __attribute__((always_inline)) bool is_word(const char *word, char a, char b, char c,
							  char d)
{
	return word[0] == a && word[1] == b && word[2] == c && word[3] == d &&
	       (d == '\0' || word[4] == '\0');
}

void front_decide(char **stack);

/* An app may be called "run": the command table decides then, in main. */
__attribute__((used)) void front_decide(char **stack)
{
	long argc = (long)stack[0], result;
	char **argv = stack + 1, **envp = argv + argc + 1;

	for (long i = 1; i < argc; i++)
		if (is_word(argv[i], 'r', 'u', 'n', '\0') || is_word(argv[i], 'h', 'o', 'l', 'd') ||
		    is_word(argv[i], 'h', 'e', 'l', 'd'))
			return;
	/* Where it fails, main says why. */
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"((long)SYS_execve), "D"(WHOLE_PROGRAM), "S"(argv), "d"(envp)
			 : "rcx", "r11", "memory");
	(void)result;
}

int library_prepare(char **argv, bool all, struct error *err)
{
	size_t count = 0;

	if (all) {
		(void)execve(WHOLE_PROGRAM, argv, environ);
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to execute %s",
				       WHOLE_PROGRAM);
	}
	while (argv[count])
		count++;
	free(arguments);
	arguments = xcalloc(count + 1, sizeof(*arguments));
	memcpy(arguments, argv, count * sizeof(*arguments));
	return 0;
}

/* jansson is linked in; what else there is no command of ours gets to. */
int library_load(const char *soname, const struct library_symbol *symbols, size_t count,
		 struct error *err)
{
	if (strncmp(soname, "libjansson.", strlen("libjansson.")) != 0)
		return error_set(err, ERROR_BUG, "unable to load %s in a static program", soname);
	for (size_t i = 0; i < count; i++)
		*symbols[i].address = symbols[i].function;
	return 0;
}

/* Users and groups are asked for before anything is taken: so it can all begin again, as the
 * program that may ask NSS. */
struct passwd *getpwnam(const char *name)
{
	(void)name;
	(void)execve(WHOLE_PROGRAM, arguments, environ);
	return NULL;
}

struct passwd *getpwuid(uid_t uid)
{
	(void)uid;
	return getpwnam("");
}

struct group *getgrnam(const char *name)
{
	(void)getpwnam(name);
	return NULL;
}
