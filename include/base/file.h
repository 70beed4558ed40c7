/* Small files and plain descriptors, without surprises from short or interrupted calls. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stddef.h>
#include <sys/types.h>

/* Reads from the descriptor's start or current position until end of file or size - 1 bytes,
 * and NUL-terminates. Returns the bytes read, or -1 with errno. */
ssize_t file_read_fd(int fd, char *buffer, size_t size);

/* The same with pread from offset 0: the descriptor's position stays. */
ssize_t file_pread_start(int fd, char *buffer, size_t size);

/* Opens path relative to dir_fd (O_RDONLY|O_CLOEXEC|O_NOCTTY), reads as file_read_fd, closes. */
ssize_t file_read_at(int dir_fd, const char *path, char *buffer, size_t size);

/* Writes everything. Returns 0, or -1 with errno. */
int file_write_all(int fd, const void *bytes, size_t count);

#endif
