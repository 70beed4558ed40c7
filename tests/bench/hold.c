/* Makes N lockfiles, holds them all, says so on stdout, and waits until stdin ends. As many
 *processes hold as the limit on descriptors asks for.
 *
 *	bench-hold DIR N
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define OTHER_DESCRIPTORS 64

static long descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return -1;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return -1;
	return (long)limit.rlim_cur - OTHER_DESCRIPTORS;
}

static int hold(long first, long end)
{
	char name[64];

	for (long i = first; i < end; i++) {
		int fd;

		/* Spread, as hashes are. */
		snprintf(name, sizeof(name), "ci-app-%016lx%016lx.lock",
			 (unsigned long)i * 0x9e3779b97f4a7c15UL, (unsigned long)i);
		fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB)) {
			perror(name);
			return 1;
		}
	}
	return 0;
}

/* In a child, which says one byte when it holds, and ends with our stdin. */
static int hold_in_child(long first, long end)
{
	int ready[2];
	char byte;

	if (pipe(ready))
		return 1;
	if (fork() == 0) {
		close(ready[0]);
		if (hold(first, end) || write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(STDIN_FILENO, &byte, 1) < 0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		return 1;
	close(ready[0]);
	return 0;
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : -1, most = descriptors();
	char byte;

	if (count < 0 || most < 1 || chdir(argv[1]))
		return 64;
	for (long first = 0; first < count; first += most)
		if (hold_in_child(first, first + most < count ? first + most : count))
			return 1;
	printf("held\n");
	fflush(stdout);
	(void)!read(STDIN_FILENO, &byte, 1);
	while (wait(NULL) > 0)
		;
	return 0;
}
