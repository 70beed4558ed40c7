#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "report/metrics.h"

/* Counters stand in the first few kilobytes. */
#define EARLIER_MAX (1024 * 1024)
/* Anybody who may read the directory may lock it: never wait for long. */
#define TURN_ROUNDS 50
#define TURN_ROUND_MS 10

static void take_turn(int directory_fd)
{
	for (int i = 0; i < TURN_ROUNDS && flock(directory_fd, LOCK_EX | LOCK_NB) < 0; i++)
		clock_sleep_ms(TURN_ROUND_MS);
}

static void add_file(int directory_fd, const char *name, struct metrics *metrics)
{
	CLEANUP_CLOSE int fd =
		openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	CLEANUP_FREE char *text = xcalloc(1, EARLIER_MAX);
	struct stat status;

	if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
	    file_read_fd(fd, text, EARLIER_MAX) > 0)
		metrics_add_earlier(metrics, text);
}

static int replace(int directory_fd, const char *name, const char *temporary,
		   const struct text *text)
{
	CLEANUP_CLOSE int fd = -1;
	int errnum;

	/* A killed sweep's, which had the same pid: that of a container's first process always is.
	 */
	(void)unlinkat(directory_fd, temporary, 0);
	fd = openat(directory_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0644);
	if (fd < 0)
		return -1;
	if (file_write_all(fd, text_get(text), text->length) == 0 && fchmod(fd, 0644) == 0 &&
	    renameat(directory_fd, temporary, directory_fd, name) == 0)
		return 0;
	errnum = errno;
	(void)unlinkat(directory_fd, temporary, 0);
	errno = errnum;
	return -1;
}

int metrics_write(const char *path, struct metrics *metrics, struct error *err)
{
	CLEANUP_FREE char *directory = xstrdup(path);
	CLEANUP_FREE char *temporary = NULL;
	CLEANUP_TEXT struct text text = { 0 };
	CLEANUP_CLOSE int fd = -1;
	char *slash = strrchr(directory, '/');
	const char *name = strrchr(path, '/') + 1;

	slash[slash == directory] = '\0';
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to open the directory of metrics file %s", path);
	take_turn(fd);
	add_file(fd, name, metrics);
	metrics_render(metrics, &text);
	/* Not *.prom: what a killed sweep leaves is not for the collector. */
	temporary = xasprintf(".%s.%d", name, (int)getpid());
	if (replace(fd, name, temporary, &text) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to write metrics file %s",
				       path);
	return 0;
}
