#include "own_disk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "harness/command.h"

static const char *mounted; /* NULL: not */
static pid_t owner;
static char *before; /* TMPDIR; NULL: unset */

/* Also when the program is told to stop in between; temp_dir()'s own removal comes after it. */
static void unmount(void)
{
	if (mounted && getpid() == owner)
		(void)umount2(mounted, MNT_DETACH);
	mounted = NULL;
}

int own_disk_mount(void)
{
	const char *path = temp_dir();
	const char *base = getenv("TMPDIR");

	if (!owner && atexit(unmount))
		return -1;
	owner = getpid();
	if (mount("none", path, "tmpfs", 0, "mode=700"))
		return -1;
	mounted = path;
	before = base ? strdup(base) : NULL;
	return setenv("TMPDIR", path, 1);
}

int own_disk_unmount(void)
{
	unmount();
	if (!before)
		return unsetenv("TMPDIR");
	(void)setenv("TMPDIR", before, 1);
	free(before);
	before = NULL;
	return 0;
}
