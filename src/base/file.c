#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/cleanup.h"

static ssize_t read_until(int fd, bool from_start, char *buffer, size_t size)
{
	size_t length = 0;

	while (length + 1 < size) {
		size_t room = size - 1 - length;
		ssize_t count = from_start ? pread(fd, buffer + length, room, (off_t)length)
					   : read(fd, buffer + length, room);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -1;
		if (!count)
			break;
		length += (size_t)count;
	}
	buffer[length] = '\0';
	return (ssize_t)length;
}

ssize_t file_read_fd(int fd, char *buffer, size_t size)
{
	return read_until(fd, false, buffer, size);
}

ssize_t file_pread_start(int fd, char *buffer, size_t size)
{
	return read_until(fd, true, buffer, size);
}

ssize_t file_read_at(int dir_fd, const char *path, char *buffer, size_t size)
{
	CLEANUP_CLOSE int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? -1 : file_read_fd(fd, buffer, size);
}

int file_write_all(int fd, const void *bytes, size_t count)
{
	const char *rest = bytes;

	while (count) {
		ssize_t written = write(fd, rest, count);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -1;
		rest += written;
		count -= (size_t)written;
	}
	return 0;
}
