#include "syscalls.h"

#include <stddef.h>
#include <sys/syscall.h>

static const char *const names[] = {
#include "syscall_names.inc"
};

const char *syscall_name(int number)
{
	if (number < 0 || (size_t)number >= sizeof(names) / sizeof(names[0]) || !names[number])
		return "unknown";
	return names[number];
}

bool syscall_is_of_memory(int number)
{
	static const int numbers[] = { SYS_mmap, SYS_munmap,	 SYS_mprotect,
				       SYS_brk,	 SYS_arch_prctl, SYS_rseq };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

bool syscall_can_not_fail(int number)
{
	static const int numbers[] = { SYS_getpid,	    SYS_getppid, SYS_gettid,	SYS_getuid,
				       SYS_geteuid,	    SYS_getgid,	 SYS_getegid,	SYS_umask,
				       SYS_set_tid_address, SYS_exit,	 SYS_exit_group };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] == number)
			return true;
	return false;
}
