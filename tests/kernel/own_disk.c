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

/* Where this machine, a container, has no loop devices: one is taken and given back where they are,
 * and a node of our own leads to it. The last one who unmounts it frees it. */
#define ELSEWHERE "unshare --mount sh -c '" NEED_LOOP_DEVICES " && exec losetup \"$@\"' sh "
#define MOUNT_BY_NODE                                                                              \
	"loop=$(" ELSEWHERE "-f --show $PWD/image) && node=/dev/ci-janitor-test-$$ && "            \
	"mknod $node b 7 ${loop#/dev/loop} && { mount $node disk; mounted=$?; rm $node; "          \
	"" ELSEWHERE "-d $loop; test $mounted = 0; }"

/* ext4 gives a removed file's number to the next one at once; tmpfs does not. */
#define MAKE_DISK                                                                                  \
	"cd %s && chmod 711 . && PATH=$PATH:/usr/sbin:/sbin && truncate -s 256M image && "         \
	"mkfs.ext4 -q image &&"                                                                    \
	" mkdir disk && if test -e /dev/loop-control; then mount -o loop image disk;"              \
	" else " MOUNT_BY_NODE "; fi && rm image"

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
