/* Makes N lockfiles, holds them all, says so on stdout, and waits until stdin ends.
 *
 *	bench-hold DIR N
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : -1;
	struct rlimit limit = { (rlim_t)count + 64, (rlim_t)count + 64 };
	char name[64], byte;

	if (count < 0 || chdir(argv[1]) || (count > 900 && setrlimit(RLIMIT_NOFILE, &limit)))
		return 64;
	for (long i = 0; i < count; i++) {
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
	printf("held\n");
	fflush(stdout);
	return read(STDIN_FILENO, &byte, 1) < 0;
}
