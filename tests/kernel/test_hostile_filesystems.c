/* The lock directory on real file systems, each mounted in a mount namespace of its own: refused
 * where flock is not known to exclude, and the whole protocol where it is. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "lock/lock_dir.h"
#include "process_support.h"
#include "run_fixture.h"

#define PRIVATE "exec unshare --mount sh -c "
/* The program asks the engine only for what is dead, and none is there. */
#define CLI PROGRAM " --host unix:///nonexistent/socket --lock-dir "

static void check_refused(const char *mount, const char *dir, const char *reason)
{
	struct command_result result = { 0 };

	CHECK_NUMBER(run_command(&result, PRIVATE "'%s || exit 99; exec " CLI "%s run app -- true'",
				 mount, dir),
		     73);
	if (!strstr(result.errors, reason) || !strstr(result.errors, dir))
		CHECK_TEXT(result.errors, reason);
	command_result_release(&result);
}

static void test_refused(void)
{
	const char *dir = temp_dir();
	char mount[400];

	check_refused("true", "/proc", "its file system (type 0x9fa0) is not one");
	check_refused("true", "/sys", "its file system (type 0x62656572) is not one");
	check_refused("true", "/dev/pts", "its file system (type 0x1cd1) is not one");
	snprintf(mount, sizeof(mount), "mount -t hugetlbfs none %s", dir);
	check_refused(mount, dir, "its file system (type 0x958458f6) is not one");
}

/* As much of a FUSE server as it takes to be asked for the file system's type. */
static void serve_fuse(int fd)
{
	char request[1 << 16];
	const struct fuse_in_header *in = (const void *)request;

	while (read(fd, request, sizeof(request)) > 0) {
		struct {
			struct fuse_out_header header;
			union {
				struct fuse_init_out init;
				struct fuse_attr_out attr;
				struct fuse_statfs_out statfs;
				struct fuse_open_out open;
			};
		} out = { .header = { .unique = in->unique } };
		size_t size = 0;

		switch (in->opcode) {
		case FUSE_INIT:
			out.init = (struct fuse_init_out){ .major = FUSE_KERNEL_VERSION,
							   .minor = FUSE_KERNEL_MINOR_VERSION,
							   .max_write = 4096 };
			size = sizeof(out.init);
			break;
		case FUSE_GETATTR:
			out.attr.attr =
				(struct fuse_attr){ .ino = 1, .mode = S_IFDIR | 0700, .nlink = 2 };
			size = sizeof(out.attr);
			break;
		case FUSE_STATFS:
			out.statfs.st.bsize = 4096;
			size = sizeof(out.statfs);
			break;
		case FUSE_OPENDIR:
			size = sizeof(out.open);
			break;
		default:
			out.header.error = -ENOSYS;
		}
		out.header.len = (uint32_t)(sizeof(out.header) + size);
		if (write(fd, &out, out.header.len) < 0)
			break;
	}
	_exit(0);
}

static void mount_fuse(void *data)
{
	const char *dir = data;
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	uid_t root = 0;
	struct lock_trust trust = { .uids = &root, .uid_count = 1, .group = (gid_t)-1 };
	struct error err = { 0 };
	struct lock_dir lock_dir;
	char options[100];
	pid_t server;

	EXPECT(fd >= 0);
	EXPECT(!unshare(CLONE_NEWNS));
	EXPECT(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	EXPECT(!mount("test", dir, "fuse", 0, options));
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve_fuse(fd);
	}
	EXPECT(lock_dir_open(&lock_dir, dir, &trust, &err) == -1);
	if (!strstr(err.message, "it is on FUSE, where flock is not known to exclude"))
		fail_child(err.message, __FILE__, __LINE__);
	kill(server, SIGKILL);
}

static void test_fuse(void)
{
	char dir[300];

	snprintf(dir, sizeof(dir), "%s", temp_dir());
	CU_ASSERT_TRUE(holds_in_child(mount_fuse, dir));
}

/* The shell's lock was taken by flock(1), which has ended: only the first PID namespace tells its
 * number.
 *
 * The shell's descriptor 9 is its children's, too: ci-janitor is one of the two holders that it
 * names.
 *
 * What is said of an app that a run holds, that a shell holds as any program would, that outlives
 * its lockfile, that is dead, that is free. */
static const char story[] =
	"set -e; umask 077; dir=$1; mkdir -p $dir; cj=\"" CLI "$dir\"; "
	"$cj run --no-fresh --no-teardown run -- sh -c \"$cj status run; $cj sweep; "
	"rm \\$($cj path run); $cj status run; $cj sweep\" 2>/dev/null || true; "
	"exec 9>>$($cj path shell); flock 9; echo = shell; $cj status shell; $cj --json list; "
	"rm $($cj path shell); echo = deleted; $cj status shell; exec 9>&-; "
	"echo = free; $cj status shell || true; : >$($cj path dead); "
	"echo = dead; $cj status dead || true; $cj sweep || true; "
	"ls $dir | grep -c ci-app || true";

/* The file system's set-up leaves it mounted on $m; $d is an empty folder for images and the like.
 */
static void check_story(const char *set_up, const char *below)
{
	struct command_result result = { 0 };
	char folder[300], file[400];
	FILE *script;

	snprintf(folder, sizeof(folder), "%s", temp_dir());
	snprintf(file, sizeof(file), "%s/story", temp_dir());
	script = fopen(file, "we");
	fputs(story, script);
	fclose(script);
	CHECK_NUMBER(run_command(&result,
				 PRIVATE "'d=%s; m=$d/m; mkdir $m; PATH=$PATH:/usr/sbin:/sbin; "
					 "{ " NEED_LOOP_DEVICES
					 " && %s; } >/dev/null || exit 99; sh %s $m%s'",
				 folder, set_up, file, below),
		     0);
	if (strncmp(result.output, "held ", 5) ||
	    !strstr(result.output, "1 lock: 1 live, 0 reaped (0 objects), 0 left; ") ||
	    !strstr(result.output, "somebody has deleted the lockfile; the lock is still held") ||
	    !strstr(result.output,
		    "0 locks: 1 live, 0 reaped (0 objects), 0 left, 1 live without") ||
	    (!strstr(result.output, "= shell\nheld (pid ") &&
	     !strstr(result.output, "= shell\nheld\nthe lock is shared by pids ")) ||
	    !strstr(result.output, "\"holder_count\":2,") ||
	    !strstr(result.output, "= deleted\nheld ") ||
	    !strstr(result.output, "= free\nfree\n") || !strstr(result.output, "= dead\ndead\n") ||
	    !strstr(result.output, "1 lock: 0 live, 0 reaped (0 objects), 1 left; ")) {
		CHECK_TEXT(result.output, set_up);
		CHECK_TEXT(result.errors, "");
	}
	command_result_release(&result);
}

static void test_tmpfs(void)
{
	check_story("mount -t tmpfs none $m", "/locks");
	/* As systemd mounts it for users' services: inode numbers that repeat. */
	check_story("mount -t tmpfs -o inode32 none $m", "/locks");
	check_story("mount -t ramfs none $m", "/locks");
}

static void test_ext4(void)
{
	check_story("truncate -s 16M $d/i && mkfs.ext4 -q $d/i && mount -o loop $d/i $m", "/locks");
}

static void test_xfs(void)
{
	check_story("truncate -s 320M $d/i && mkfs.xfs -q $d/i && mount -o loop $d/i $m", "/locks");
}

/* In a subvolume, whose device /proc/locks does not name. */
static void test_btrfs(void)
{
	check_story("truncate -s 128M $d/i && mkfs.btrfs -q $d/i && mount -o loop $d/i $m && "
		    "btrfs subvolume create $m/sub",
		    "/sub/locks");
}

static void test_overlayfs(void)
{
	check_story("mount -t tmpfs none $m && cd $m && mkdir l u w o && mount -t overlay -o "
		    "lowerdir=l,upperdir=u,workdir=w none o && cd /",
		    "/o/locks");
}

static const struct test tests[] = {
	{ "refused: proc, sysfs, devpts, hugetlbfs", test_refused },
	{ "refused: FUSE", test_fuse },
	{ "tmpfs, ramfs", test_tmpfs },
	{ "ext4", test_ext4 },
	{ "xfs", test_xfs },
	{ "btrfs", test_btrfs },
	{ "overlayfs", test_overlayfs },
	{ NULL, NULL },
};
TEST_SUITE(hostile_filesystems, tests)
