/* Trees that don't want to be removed, and what lies beyond them. */
#include "kernel/remove_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/command.h"
#include "harness/harness.h"
#include "harness/refuse.h"
#include "process_support.h"

static const struct refused_call no_openat2[] = { { .call = SYS_openat2, .errnum = ENOSYS } };

struct place {
	const char *dir;
	int fd;
};

static struct place new_place(void)
{
	struct place place = { .dir = temp_dir() };

	place.fd = open(place.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_FATAL(place.fd >= 0);
	return place;
}

static bool exists(const struct place *place, const char *name)
{
	struct stat status;

	return fstatat(place->fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Both ways of opening; the second in a child, which can't go back. */
static void remove_in(void *data)
{
	const struct place *place = data;
	struct error err = { .kind = ERROR_NONE };

	EXPECT(remove_tree(place->fd, "tree", CLOCK_NEVER, &err) == 0);
}

static void remove_without_openat2(void *data)
{
	EXPECT(refuse_calls(no_openat2, 1) == 0);
	remove_in(data);
}

static void (*const ways[])(void *data) = { remove_in, remove_without_openat2 };

static void nothing_followed(void)
{
	for (size_t i = 0; i < 2; i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		struct place place = new_place();

		CHECK_NUMBER(
			run_command(
				&result,
				"cd %s && mkdir -p outside/deep tree/a/b && touch outside/deep/x &&"
				" ln outside/deep/x tree/a/hard && ln -s %s/outside tree/a/link &&"
				" ln -s ../../outside tree/a/b/up && ln -s / tree/root &&"
				" mkfifo tree/fifo && ln -s loop tree/loop &&"
				" touch tree/'a\n b' tree/-rf",
				place.dir, place.dir),
			0);
		CU_ASSERT(holds_in_child(ways[i], &place));
		CU_ASSERT(!exists(&place, "tree"));
		CU_ASSERT(exists(&place, "outside/deep/x"));
		close(place.fd);
	}
}

/* The entry itself may be anything. */
static void not_a_directory(void)
{
	struct place place = new_place();
	struct error err = { .kind = ERROR_NONE };

	CHECK_NUMBER(mkdirat(place.fd, "target", 0700), 0);
	CHECK_NUMBER(symlinkat("target", place.fd, "link"), 0);
	CHECK_NUMBER(remove_tree(place.fd, "link", CLOCK_NEVER, &err), 0);
	CU_ASSERT(!exists(&place, "link") && exists(&place, "target"));
	CHECK_NUMBER(remove_tree(place.fd, "none", CLOCK_NEVER, &err), 0);
	CHECK_NUMBER(remove_tree(place.fd, "..", CLOCK_NEVER, &err), -1);
	CHECK_NUMBER(remove_tree(place.fd, "a/b", CLOCK_NEVER, &err), -1);
	CHECK_NUMBER(err.kind, ERROR_BUG);
	close(place.fd);
}

#define LEVELS 3000

/* Deeper than any path, and than there are descriptors. */
static void deep(void)
{
	struct place place = new_place();
	struct error err = { .kind = ERROR_NONE };
	size_t before = count_open_fds();
	int fd = dup(place.fd);

	for (int i = 0; i < LEVELS && fd >= 0; i++) {
		const char *name = i ? "directory-with-a-name-that-is-not-short" : "tree";
		int next;

		CU_ASSERT(mkdirat(fd, name, 0700) == 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(openat(fd, "file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		close(fd);
		fd = next;
	}
	close(fd);
	CHECK_NUMBER(remove_tree(place.fd, "tree", CLOCK_NEVER, &err), 0);
	CHECK_TEXT(err.message, "");
	CU_ASSERT(!exists(&place, "tree"));
	CHECK_NUMBER(count_open_fds(), before);
	close(place.fd);
}

static void deny_and_remove(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const struct place *place = data;

	become_nobody();
	EXPECT(run_command(&result,
			   "cd %s && mkdir -p tree/a/b tree/c/d && touch tree/a/b/x tree/c/d/y &&"
			   " chmod 000 tree/a/b && chmod 555 tree/c/d tree/c && chmod 300 tree",
			   place->dir) == 0);
	remove_in(data);
}

/* As build tools leave them: read-only, or closed to their own owner. */
static void without_permission(void)
{
	struct place place = new_place();

	CHECK_NUMBER(fchmod(place.fd, 0777), 0);
	CU_ASSERT(holds_in_child(deny_and_remove, &place));
	CU_ASSERT(!exists(&place, "tree"));
	close(place.fd);
}

static void mount_and_remove(struct place *place)
{
	struct error err = { .kind = ERROR_NONE };
	char target[512];

	EXPECT(unshare(CLONE_NEWNS) == 0);
	EXPECT(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	snprintf(target, sizeof(target), "%s/tree/in/bind", place->dir);
	EXPECT(mount(place->dir, target, NULL, MS_BIND, NULL) == 0);
	snprintf(target, sizeof(target), "%s/tree/in/tmp", place->dir);
	EXPECT(mount("none", target, "tmpfs", 0, NULL) == 0);
	/* The old descriptor is of the old mount namespace, where nothing is mounted. */
	place->fd = open(place->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(openat(place->fd, "tree/in/tmp/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	EXPECT(remove_tree(place->fd, "tree", CLOCK_NEVER, &err) == -1);
	EXPECT(strstr(err.message, "mount point"));
	EXPECT(exists(place, "tree/in/tmp/x") && exists(place, "precious"));
	EXPECT(!exists(place, "tree/file"));
	snprintf(target, sizeof(target), "%s/tree/in/bind", place->dir);
	EXPECT(umount(target) == 0);
	snprintf(target, sizeof(target), "%s/tree/in/tmp", place->dir);
	EXPECT(umount(target) == 0);
	EXPECT(remove_tree(place->fd, "tree", CLOCK_NEVER, &err) == 0);
}

static void mounts(void *data)
{
	mount_and_remove(data);
}

static void mounts_without_openat2(void *data)
{
	EXPECT(refuse_calls(no_openat2, 1) == 0);
	mount_and_remove(data);
}

/* A bind mount of the same file system, too: it is told by its mount, not by its device. */
static void no_mount_is_crossed(void)
{
	static void (*const both[])(void *data) = { mounts, mounts_without_openat2 };

	for (size_t i = 0; i < 2; i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		struct place place = new_place();

		CHECK_NUMBER(run_command(&result,
					 "cd %s && mkdir -p tree/in/bind tree/in/tmp &&"
					 " touch precious tree/file",
					 place.dir),
			     0);
		/* In a mount namespace of root's own. */
		if (geteuid() == 0)
			CU_ASSERT(holds_in_child(both[i], &place));
		CU_ASSERT(exists(&place, "precious"));
		close(place.fd);
	}
}

static void in_time(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct place place = new_place();
	struct error err = { .kind = ERROR_NONE };

	CHECK_NUMBER(run_command(&result, "cd %s && mkdir tree && touch tree/x", place.dir), 0);
	CHECK_NUMBER(remove_tree(place.fd, "tree", 1, &err), -1);
	CHECK_NUMBER(err.kind, ERROR_TIMEOUT);
	CU_ASSERT(exists(&place, "tree/x"));
	CHECK_NUMBER(remove_tree(place.fd, "tree", CLOCK_NEVER, &err), 0);
	close(place.fd);
}

/* Somebody puts things in while it is emptied: links to what is not his, above all. */
static void while_it_changes(void)
{
	struct place place = new_place();
	struct error err = { .kind = ERROR_NONE };
	struct process busy;

	CHECK_NUMBER(mkdirat(place.fd, "outside", 0700), 0);
	close(openat(place.fd, "outside/x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	process_start(
		&busy,
		"cd %s; i=0; while :; do mkdir -p tree/a/b; touch tree/a/b/$i;"
		" mv tree/a tree/c; ln -sfn ../outside tree/a; ln -sfn ../../outside tree/c/b;"
		" rm -f tree/a; i=$((i+1)); done 2>/dev/null",
		place.dir);
	for (int i = 0; i < 200; i++)
		(void)remove_tree(place.fd, "tree", clock_deadline(1000), &err);
	process_kill(&busy);
	CHECK_NUMBER(remove_tree(place.fd, "tree", CLOCK_NEVER, &err), 0);
	CU_ASSERT(exists(&place, "outside/x"));
	close(place.fd);
}

static struct test tests[] = {
	{ "no link is followed", nothing_followed },
	{ "an entry that is no directory", not_a_directory },
	{ "3000 levels", deep },
	{ "directories that deny their owner", without_permission },
	{ "no mount is crossed", no_mount_is_crossed },
	{ "a deadline, and going on later", in_time },
	{ "while somebody fills it", while_it_changes },
	{ NULL, NULL },
};
TEST_SUITE(remove_tree, tests);
