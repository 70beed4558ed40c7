/* The least that probing a directory of held lockfiles can cost: readdir, openat, flock, fstat,
 *close.
 *
 *	bench-floor DIR
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	DIR *stream = argc == 2 ? opendir(argv[1]) : NULL;
	size_t held = 0, count = 0;
	struct dirent *entry;
	struct stat status;

	if (!stream)
		return 64;
	while ((entry = readdir(stream))) {
		int fd;

		if (strncmp(entry->d_name, "ci-app-", 7) != 0)
			continue;
		fd = openat(dirfd(stream), entry->d_name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
		count++;
		held += flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
		if (fstat(fd, &status) < 0 || close(fd) < 0)
			return 1;
	}
	closedir(stream);
	printf("%zu locks: %zu held\n", count, held);
	return 0;
}
