/* What others plant in a world-writable lock directory: each entry is refused or left with its
 * reason, and the sweep goes on. The rows of the design's threat table. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/harness.h"
#include "hostile_fixture.h"
#include "lock/record_file.h"
#include "model/app.h"
#include "process_support.h"
#include "run_fixture.h"

#define OTHER_USER 4242

/* Each runs as the attacker, with the path at which to plant; `argument` is the victim's path. */
static void plant_symlink(const char *path, const char *victim)
{
	EXPECT(!symlink(victim, path));
}

static void plant_dangling(const char *path, const char *victim)
{
	(void)victim;
	EXPECT(!symlink("/nonexistent/target", path));
}

static void plant_fifo(const char *path, const char *victim)
{
	(void)victim;
	EXPECT(!mkfifo(path, 0666));
}

static void plant_directory(const char *path, const char *victim)
{
	(void)victim;
	EXPECT(!mkdir(path, 0777));
}

static void plant_socket(const char *path, const char *victim)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)victim;
	EXPECT(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path) + 1);
	EXPECT(!bind(fd, (struct sockaddr *)&address, sizeof(address)));
	EXPECT(!listen(fd, 1));
}

/* Named so that a reap of it would be one of a production app. */
static void plant_file(const char *path, const char *victim)
{
	struct record record = { .known = true, .app = "p-file", .phase = RUN_PHASE_RUNNING };
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char text[RECORD_FILE_SIZE];
	size_t length = record_format(&record, text);

	(void)victim;
	EXPECT(fd >= 0 && write(fd, text, length) == (ssize_t)length);
}

static void plant_open_file(const char *path, const char *victim)
{
	plant_file(path, victim);
	EXPECT(!chmod(path, 0666));
}

static const struct plant {
	const char *app;
	void (*plant)(const char *path, const char *victim);
	const char *reason;
} plants[] = {
	{ "p-symlink", plant_symlink, "it is a symbolic link" },
	{ "p-dangling", plant_dangling, "it is a symbolic link" },
	{ "p-fifo", plant_fifo, "it is not a regular file" },
	{ "p-directory", plant_directory, "it is not a regular file" },
	{ "p-socket", plant_socket, "it is not a regular file" },
	{ "p-file", plant_file, "its owner, uid 65534, is not trusted" },
	{ "p-open", plant_open_file, "its owner, uid 65534, is not trusted" },
};
#define PLANT_COUNT (sizeof(plants) / sizeof(plants[0]))

static void plant_all(void *data)
{
	const struct hostile *hostile = data;

	for (size_t i = 0; i < PLANT_COUNT; i++)
		plants[i].plant(lockfile_path(hostile->dir, plants[i].app), hostile->victim);
}

/* Everything an unprivileged user may try with root's lockfiles fails. */
static void try_all(void *data)
{
	const struct hostile *hostile = data;
	const char *path = lockfile_path(hostile->dir, "dead");
	char away[600];

	snprintf(away, sizeof(away), "%s/away-%d", hostile->dir, (int)getpid());
	EXPECT(open(path, O_RDONLY | O_CLOEXEC) < 0);
	EXPECT(open(path, O_RDWR | O_CLOEXEC) < 0);
	EXPECT(unlink(path) < 0);
	EXPECT(rename(path, away) < 0);
	EXPECT(chmod(path, 0666) < 0);
	EXPECT(truncate(path, 0) < 0);
}

/* One path becomes everything by turns, as fast as it goes. */
static void churn(void *data)
{
	const struct hostile *hostile = data;
	char path[600];

	snprintf(path, sizeof(path), "%s", lockfile_path(hostile->dir, "churn"));
	for (size_t i = 0; i < PLANT_COUNT; i++) {
		if (plants[i].plant == plant_socket)
			continue; /* its descriptor stays */
		plants[i].plant(path, hostile->victim);
		if (plants[i].plant == plant_file || plants[i].plant == plant_open_file) {
			int fd = open(path, O_RDWR | O_CLOEXEC);

			EXPECT(fd >= 0 && !flock(fd, LOCK_EX));
			close(fd);
		}
		EXPECT(!remove(path));
		try_all(data);
	}
	for (int fd = 3; fd < 16; fd++)
		close(fd);
}

static void check_plant(struct hostile *hostile, const struct plant *plant)
{
	const char *path = lockfile_path(hostile->dir, plant->app);
	char expected[700];

	snprintf(expected, sizeof(expected), "unable to use lockfile %s: %s", path, plant->reason);
	CHECK_NUMBER(hostile_run(hostile, "sweep"), 1);
	hostile_says(hostile, "%s", expected);
	CHECK_NUMBER(hostile_run(hostile, "run %s -- echo it ran", plant->app), 73);
	hostile_says(hostile, "%s", expected);
	CU_ASSERT_PTR_NULL(strstr(hostile->result.output, "it ran"));
	CHECK_NUMBER(hostile_run(hostile, "reap %s", plant->app), 73);
	hostile_says(hostile, "%s", expected);
	CHECK_NUMBER(hostile_run(hostile, "status %s", plant->app), 4);
	hostile_says(hostile, "unknown: %s", expected);
}

/* With all that is planted, and two who change it under the janitor's hands. */
static void attack(struct hostile *hostile)
{
	struct stat before[PLANT_COUNT], after;
	pid_t first, second;

	as_user(NOBODY, plant_all, hostile);
	for (size_t i = 0; i < PLANT_COUNT; i++)
		CHECK_NUMBER(lstat(lockfile_path(hostile->dir, plants[i].app), &before[i]), 0);
	first = attacker_start(NOBODY, churn, hostile);
	second = attacker_start(OTHER_USER, try_all, hostile);
	for (size_t i = 0; i < PLANT_COUNT; i++)
		check_plant(hostile, &plants[i]);
	for (int i = 0; i < 5; i++)
		check_reaped(hostile, 1, "dead");
	CHECK_NUMBER(hostile_run(hostile, "list"), 0);
	attacker_stop(first);
	attacker_stop(second);
	for (size_t i = 0; i < PLANT_COUNT; i++) {
		CHECK_NUMBER(lstat(lockfile_path(hostile->dir, plants[i].app), &after), 0);
		CHECK_NUMBER(after.st_ino, before[i].st_ino);
		CHECK_NUMBER(after.st_mode, before[i].st_mode);
		CHECK_NUMBER(after.st_size, before[i].st_size);
	}
}

static void test_planted(void)
{
	static const struct protections cases[] = {
		{ .regular = 0, .fifos = 0, .hardlinks = 1, .symlinks = 1 },
		{ .regular = 2, .fifos = 2, .hardlinks = 1, .symlinks = 1 },
		{ .regular = 0, .fifos = 0, .hardlinks = 0, .symlinks = 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hostile hostile = hostile_open();

		if (protections_set(&cases[i])) {
			attack(&hostile);
			protections_restore();
		} else {
			CU_FAIL("fs.protected_* can't be set");
		}
		hostile_close(&hostile);
	}
}

/* A user's run in a directory of many: under protected_regular=2 not even root may open such a file
 * with O_CREAT, so that no acquirer and no janitor may use it. */
static void test_trusted_user(void)
{
	for (int regular = 0; regular <= 2; regular += 2) {
		struct protections protections = { .regular = regular,
						   .hardlinks = 1,
						   .symlinks = 1 };
		struct hostile hostile = hostile_open();
		char config[400];
		FILE *file;

		snprintf(config, sizeof(config), "%s/config", temp_dir());
		file = fopen(config, "we");
		fprintf(file, "[lock]\ntrusted_owners = 65534\n");
		fclose(file);
		CU_ASSERT_TRUE_FATAL(protections_set(&protections));
		as_user(NOBODY, plant_all, &hostile);
		CHECK_NUMBER(hostile_run(&hostile, "--config %s run p-file -- echo it ran", config),
			     0);
		hostile_says(&hostile, "it ran");
		CU_ASSERT_FALSE(lockfile_exists(hostile.dir, "p-file"));
		CHECK_NUMBER(hostile_run(&hostile, "--config %s run p-open -- echo it ran", config),
			     73);
		hostile_says(&hostile, "%s: its mode lets others use it",
			     lockfile_path(hostile.dir, "p-open"));
		protections_restore();
		hostile_close(&hostile);
	}
}

static void link_victim(void *data)
{
	const struct hostile *hostile = data;

	EXPECT(!link(hostile->victim, lockfile_path(hostile->dir, "linked")));
}

static void fail_to_link_victim(void *data)
{
	const struct hostile *hostile = data;

	EXPECT(link(hostile->victim, lockfile_path(hostile->dir, "linked")) < 0);
}

static void link_lockfile(void *data)
{
	const struct hostile *hostile = data;
	char away[600];

	snprintf(away, sizeof(away), "%s/second-name", hostile->dir);
	EXPECT(!link(lockfile_path(hostile->dir, "shop"), away));
}

/* A victim's file under a lockfile's name; and a second name for a lockfile in use. */
static void test_hard_links(void)
{
	struct protections open_door = { .regular = 2, .fifos = 2 };
	struct protections closed = { .regular = 2, .fifos = 2, .hardlinks = 1, .symlinks = 1 };
	struct hostile hostile = hostile_open();
	struct process run = { 0 };

	/* The attacker needs to come to the victim at all. */
	*strrchr(hostile.victim, '/') = '\0';
	CHECK_NUMBER(chmod(hostile.victim, 0755), 0);
	hostile.victim[strlen(hostile.victim)] = '/';
	CU_ASSERT_TRUE_FATAL(protections_set(&closed));
	as_user(NOBODY, fail_to_link_victim, &hostile);
	protections_restore();
	CU_ASSERT_TRUE_FATAL(protections_set(&open_door));
	as_user(NOBODY, link_victim, &hostile);
	check_reaped(&hostile, 1, "dead");
	hostile_says(&hostile, "unable to use lockfile %s: it has more than one hard link",
		     lockfile_path(hostile.dir, "linked"));
	CHECK_NUMBER(hostile_run(&hostile, "run linked -- true"), 73);
	CHECK_NUMBER(unlink(lockfile_path(hostile.dir, "linked")), 0);

	process_start(&run,
		      "exec " PROGRAM " --lock-dir %s --host %s run shop -- sh -c 'echo up; "
		      "while [ ! -e %s/second-name ]; do sleep 0.02; done; exit 9'",
		      hostile.dir, scripted_host(hostile.engine), hostile.dir);
	CU_ASSERT_TRUE(wait_for_output(&run, "up"));
	as_user(NOBODY, link_lockfile, &hostile);
	CHECK_NUMBER(process_wait(&run, SOON_MS, NULL), 9);
	CU_ASSERT_FALSE(lockfile_exists(hostile.dir, "shop"));
	protections_restore();
	hostile_close(&hostile);
}

/* Root's own files that are no good: a device, too large, open to others. */
static void test_odd_files_of_root(void)
{
	struct hostile hostile = hostile_open();

	CHECK_NUMBER(mknod(lockfile_path(hostile.dir, "device"), S_IFCHR | 0600, makedev(1, 5)), 0);
	close(open(lockfile_path(hostile.dir, "large"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK_NUMBER(truncate(lockfile_path(hostile.dir, "large"), (off_t)1 << 40), 0);
	close(open(lockfile_path(hostile.dir, "open"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK_NUMBER(chmod(lockfile_path(hostile.dir, "open"), 0666), 0);
	check_reaped(&hostile, 1, "dead");
	hostile_says(&hostile, "%s: it is not a regular file",
		     lockfile_path(hostile.dir, "device"));
	hostile_says(&hostile, "%s: it is too large", lockfile_path(hostile.dir, "large"));
	hostile_says(&hostile, "%s: its mode lets others use it",
		     lockfile_path(hostile.dir, "open"));
	CHECK_NUMBER(unlink(lockfile_path(hostile.dir, "device")), 0);
	hostile_close(&hostile);
}

static void put(const struct hostile *hostile, const char *app, const void *bytes, size_t length)
{
	int fd = open(lockfile_path(hostile->dir, app), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	CHECK_NUMBER(write(fd, bytes, length), length);
	close(fd);
}

/* A trusted file with bad content is a lockfile: it is reaped by its name's hash, and nothing that
 * it says reaches the terminal as it is. */
static void test_content(void)
{
	static const char forged[] = "[run]\napp=bomb\nholder=\033[2J\n[end]\n";
	static const char other[] = "[run]\napp=production\n[end]\n";
	struct hostile hostile = hostile_open();
	char noise[RECORD_FILE_SIZE];

	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (char)(i * 7 + i / 256);
	put(&hostile, "bomb", forged, strlen(forged));
	put(&hostile, "liar", other, strlen(other));
	put(&hostile, "noise", noise, sizeof(noise));
	put(&hostile, "zeros", "\0\0\0", 3);
	CHECK_NUMBER(hostile_run(&hostile, "list"), 0);
	CU_ASSERT_PTR_NULL(strchr(hostile.result.output, '\033'));
	CU_ASSERT_PTR_NULL(strstr(hostile.result.output, "production"));
	CHECK_NUMBER(hostile_run(&hostile, "sweep"), 0);
	CU_ASSERT_PTR_NULL(strstr(hostile.result.output, "production"));
	hostile_says(&hostile, "4 locks: 0 live, 4 reaped");
	hostile_close(&hostile);
}

static const struct test tests[] = {
	{ "planted by others, under protections on and off", test_planted },
	{ "files of a trusted user, with protected_regular on and off", test_trusted_user },
	{ "hard links", test_hard_links },
	{ "odd files of root's own", test_odd_files_of_root },
	{ "hostile content", test_content },
	{ NULL, NULL },
};
TEST_SUITE(hostile_files, tests)
