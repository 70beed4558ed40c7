/*
 * Deliberately broken builds, for the torture to find: the same objects as ever, linked with --wrap
 * for the C library's functions below, which do what TORTURE_BREAK says:
 *
 *	identity	the identity check is blind: the path names whatever is locked
 *	unlink-late	a lockfile is unlinked after it was closed, not while it is held
 *	no-lock		flock(2) excludes nobody
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int __real_fstat(int fd, struct stat *ret);
int __wrap_fstat(int fd, struct stat *ret);
int __real_fstatat(int dir, const char *name, struct stat *ret, int flags);
int __wrap_fstatat(int dir, const char *name, struct stat *ret, int flags);
int __real_unlinkat(int dir, const char *name, int flags);
int __wrap_unlinkat(int dir, const char *name, int flags);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

static int breaks(const char *what)
{
	const char *wanted = getenv("TORTURE_BREAK");

	return wanted && !strcmp(wanted, what);
}

/* The check compares fstat of the lock with fstatat of its name, in this order. */
static int examined = -1;

int __wrap_fstat(int fd, struct stat *ret)
{
	int result = __real_fstat(fd, ret);

	examined = fd;
	if (result == 0 && breaks("identity") && ret->st_nlink == 0)
		ret->st_nlink = 1;
	return result;
}

int __wrap_fstatat(int dir, const char *name, struct stat *ret, int flags)
{
	if (breaks("identity") && examined >= 0)
		return __wrap_fstat(examined, ret);
	return __real_fstatat(dir, name, ret, flags);
}

static struct {
	int dir;
	char name[128];
} late = { .dir = -1 };

int __wrap_unlinkat(int dir, const char *name, int flags)
{
	if (!breaks("unlink-late"))
		return __real_unlinkat(dir, name, flags);
	late.dir = dir;
	(void)snprintf(late.name, sizeof(late.name), "%s", name);
	return 0;
}

int __wrap_close(int fd)
{
	int result = __real_close(fd);

	if (late.dir >= 0) {
		(void)__real_unlinkat(late.dir, late.name, 0);
		late.dir = -1;
	}
	return result;
}

int __wrap_flock(int fd, int operation)
{
	return breaks("no-lock") ? 0 : __real_flock(fd, operation);
}
