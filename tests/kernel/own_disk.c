#include "own_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/memory.h"
#include "harness/command.h"
#include "run_fixture.h"

static char *mounted; /* NULL: not */
static pid_t owner;
static char *before; /* TMPDIR; NULL: unset */

/* Also when the program is told to stop in between; temp_dir()'s own removal comes after it. */
static void unmount(void)
{
	if (mounted && getpid() == owner)
		(void)umount2(mounted, MNT_DETACH);
	free(mounted);
	mounted = NULL;
}

/* ext4 gives a removed file's number to the next one at once; tmpfs does not. */
#define MAKE_DISK                                                                                  \
	"cd %s && PATH=$PATH:/usr/sbin:/sbin && " NEED_LOOP_DEVICES                                \
	" && truncate -s 256M image && mkfs.ext4 -q image && mkdir disk &&"                        \
	" mount -o loop image disk && rm image"

int own_disk_mount(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *path = temp_dir();
	const char *base = getenv("TMPDIR");

	if (!owner && atexit(unmount))
		return -1;
	owner = getpid();
	if (run_command(&result, MAKE_DISK, path)) {
		(void)fprintf(stderr, "%s", result.errors);
		return -1;
	}
	mounted = xasprintf("%s/disk", path);
	before = base ? strdup(base) : NULL;
	return setenv("TMPDIR", mounted, 1);
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
