/* Lock directories that are no good, get full, are crowded, or are replaced while a sweep is at
 * work. */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"
#include "hostile_fixture.h"
#include "process_support.h"
#include "run_fixture.h"

#define UNREACHABLE "unix:///nonexistent/socket"

static void own_a_directory(void *data)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/theirs", *(const char *const *)data);
	EXPECT(!mkdir(path, 0755));
	snprintf(path, sizeof(path), "%s/link", *(const char *const *)data);
	EXPECT(!symlink("/run/lock", path));
}

static void check_dir_refused(const char *dir, const char *reason)
{
	static const char *const commands[] = { "sweep", "list", "run shop -- echo it ran",
						"reap shop" };
	struct command_result result = { 0 };
	char expected[700];

	snprintf(expected, sizeof(expected), "unable to use lock directory %s: %s", dir, reason);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		CHECK_NUMBER(run_command(&result,
					 "exec " PROGRAM " --lock-dir %s --host " UNREACHABLE " %s",
					 dir, commands[i]),
			     73);
		if (!strstr(result.errors, expected))
			CHECK_TEXT(result.errors, expected);
		CHECK_TEXT(result.output, "");
	}
	command_result_release(&result);
}

/* An attacker's directory, an attacker's link to a good one, and one that anybody may change. */
static void test_refused(void)
{
	const char *base = temp_dir();
	char path[600];

	CHECK_NUMBER(chmod(base, 01777), 0);
	as_user(NOBODY, own_a_directory, (void *)&base);
	snprintf(path, sizeof(path), "%s/theirs", base);
	check_dir_refused(path, "its owner, uid 65534, is not trusted");
	snprintf(path, sizeof(path), "%s/link", base);
	check_dir_refused(path, "it is a symbolic link");
	snprintf(path, sizeof(path), "%s/open", base);
	CHECK_NUMBER(mkdir(path, 0700), 0);
	CHECK_NUMBER(chmod(path, 0777), 0);
	check_dir_refused(path, "others may write to it and it is not sticky (mode 0777)");
}

enum replacement { RENAMED, REMOVED, LINKED, REPLACEMENT_COUNT };

static void replace(const char *dir, enum replacement how)
{
	struct command_result result = { 0 };

	switch (how) {
	case RENAMED:
		run_command(&result, "mv %s %s.old && mkdir -m 1777 %s", dir, dir, dir);
		break;
	case REMOVED:
		run_command(&result, "mv %s %s.old", dir, dir);
		break;
	case LINKED:
		run_command(&result, "mv %s %s.old && ln -s %s.old %s", dir, dir, dir, dir);
		break;
	case REPLACEMENT_COUNT:
		break;
	}
	CHECK_NUMBER(result.status, 0);
	command_result_release(&result);
}

static bool is_being_asked(void *data)
{
	return scripted_counts(data).requests > 1;
}

#define NETWORK                                                                                    \
	"[{\"Id\":\"0123456789abcdef0123456789\",\"Name\":\"shop_default\",\"Labels\":"            \
	"{\"com.docker.stack.namespace\":\"shop\"}}]"

static int format_answer(char *buffer, size_t size)
{
	return snprintf(buffer, size,
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			"Content-Length: %zu\r\n\r\n%s",
			strlen(NETWORK), NETWORK);
}

/* While the engine takes its time to list, the directory becomes another one: a run that starts now
 * locks there, so that nothing of the app may be removed. */
static void test_replaced_in_mid_sweep(void)
{
	char answer[1024];
	int length = format_answer(answer, sizeof(answer));

	for (int how = 0; how < REPLACEMENT_COUNT; how++) {
		struct hostile hostile = hostile_open();
		struct command_result result = { 0 };
		struct process sweep = { 0 };
		char dir[300], old[350];

		snprintf(dir, sizeof(dir), "%s/locks", hostile.dir);
		snprintf(old, sizeof(old), "%s.old", dir);
		CHECK_NUMBER(mkdir(dir, 0700), 0);
		hostile.dir = dir;
		plant_dead(&hostile, "shop");
		scripted_raw(hostile.engine, "GET /v1.41/networks", answer, (size_t)length, 1500,
			     SCRIPTED_KEEP);
		process_start(&sweep, "exec " PROGRAM " --lock-dir %s --host %s sweep", dir,
			      scripted_host(hostile.engine));
		CU_ASSERT_TRUE(wait_until(is_being_asked, hostile.engine, SOON_MS));
		replace(dir, (enum replacement)how);
		CHECK_NUMBER(process_wait(&sweep, SOON_MS, &result), 1);
		CU_ASSERT_PTR_NOT_NULL(
			strstr(result.output, "unable to go on with lock directory"));
		CU_ASSERT_PTR_NOT_NULL(
			strstr(result.output, how == REMOVED ? "No such file" : "it was replaced"));
		CU_ASSERT_PTR_NULL(strstr(result.output, "removed network"));
		CU_ASSERT_TRUE(lockfile_exists(old, "shop"));
		command_result_release(&result);
		hostile_close(&hostile);
	}
}

/* The same by a mount, in a mount namespace of its own: the new one has nobody's lockfiles. */
static void test_mounted_over_in_mid_sweep(void)
{
	static const char script[] =
		"exec unshare --mount sh -c '%s --lock-dir %s --host %s sweep & "
		"until [ -e %s/go ]; do sleep 0.02; done; mount -t tmpfs -o mode=1777 none %s; "
		"wait $!; echo status $?'";
	char answer[1024], go[400];
	int length = format_answer(answer, sizeof(answer));
	struct hostile hostile = hostile_open();
	struct process sweep = { 0 };

	plant_dead(&hostile, "shop");
	scripted_raw(hostile.engine, "GET /v1.41/networks", answer, (size_t)length, 1500,
		     SCRIPTED_KEEP);
	process_start(&sweep, script, PROGRAM, hostile.dir, scripted_host(hostile.engine),
		      hostile.dir, hostile.dir);
	CU_ASSERT_TRUE(wait_until(is_being_asked, hostile.engine, SOON_MS));
	snprintf(go, sizeof(go), "%s/go", hostile.dir);
	close(open(go, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	CHECK_NUMBER(process_wait(&sweep, SOON_MS, &hostile.result), 0);
	hostile_says(&hostile, "unable to go on with lock directory %s: it was replaced",
		     hostile.dir);
	hostile_says(&hostile, "status 1\n");
	hostile_close(&hostile);
}

/* Two bytes per page of a tmpfs: the blocks run out, or the inodes. */
#define FULL_SCRIPT                                                                                \
	"exec unshare --mount sh -c 'mount -t tmpfs -o mode=1777,%s none %s || exit 99;"           \
	" %s;"                                                                                     \
	" " PROGRAM " --lock-dir %s --host " UNREACHABLE                                           \
	" run --no-fresh --no-teardown shop -- touch %s/it-ran; echo status $?;"                   \
	" " PROGRAM " --lock-dir %s list'"

static void test_full(void)
{
	static const struct {
		const char *options, *fill;
	} cases[] = {
		{ "size=64k", "head -c 1M /dev/zero >fill 2>/dev/null" },
		{ "nr_inodes=4", "touch a b c d e 2>/dev/null" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct command_result result = { 0 };
		const char *dir = temp_dir(), *outside = temp_dir();
		char fill[500], ran[500];

		snprintf(fill, sizeof(fill),
			 "(cd %s && setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "
			 "\"%s\")",
			 dir, cases[i].fill);
		run_command(&result, FULL_SCRIPT, cases[i].options, dir, fill, dir, outside, dir);
		CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "status 73\n"));
		CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "no locks in"));
		CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "No space left on device"));
		CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, "lockfile"));
		snprintf(ran, sizeof(ran), "%s/it-ran", outside);
		CHECK_NUMBER(access(ran, F_OK), -1);
		command_result_release(&result);
	}
}

struct crowd {
	const char *dir;
	int count;
	bool looks_real; /* the names are lockfiles' */
};

static void plant_crowd(void *data)
{
	const struct crowd *crowd = data;
	int dir = open(crowd->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < crowd->count; i++) {
		char name[100];
		int fd;

		if (crowd->looks_real)
			snprintf(name, sizeof(name), "ci-app-%032d.lock", i);
		else
			snprintf(name, sizeof(name), "ci-app-\033[2J\n%025d.lock", i);
		fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
		EXPECT(fd >= 0);
		close(fd);
	}
}

/* 24 MiB for all its data: the entries are not collected. A sanitizer takes terabytes. */
#if defined(__SANITIZE_ADDRESS__)
#define LIMITED "exec "
#else
#define LIMITED "exec prlimit --data=25165824 "
#endif

static int64_t sweep_with(struct hostile *hostile, int count, bool looks_real, int status)
{
	struct crowd crowd = { hostile->dir, count, looks_real };
	int64_t best = INT64_MAX;

	as_user(NOBODY, plant_crowd, &crowd);
	for (int i = 0; i < 3; i++) {
		plant_dead(hostile, "dead");
		CHECK_NUMBER(run_command(&hostile->result,
					 LIMITED PROGRAM " --lock-dir %s --host %s --verbose sweep",
					 hostile->dir, scripted_host(hostile->engine)),
			     status);
		hostile_says(hostile, "dead: reaped");
		CU_ASSERT_PTR_NULL(strchr(hostile->result.output, '\033'));
		if (hostile->result.cpu_ms < best)
			best = hostile->result.cpu_ms;
	}
	return best;
}

/* Names that only look like it: streamed over, counted, never shown. */
static void test_crowded_with_junk(void)
{
	struct hostile few = hostile_open(), many = hostile_open();
	int64_t few_ms = sweep_with(&few, 10000, false, 0), many_ms;

	hostile_says(&few, ", 10000 other entries in the lock directory");
	many_ms = sweep_with(&many, 100000, false, 0);
	hostile_says(&many, ", 100000 other entries in the lock directory");
	/* Ten times as many cost ten times as much, not a hundred. */
	if (many_ms > 30 * (few_ms > 20 ? few_ms : 20))
		CHECK_NUMBER(many_ms, 10 * few_ms);
	hostile_close(&few);
	hostile_close(&many);
}

/* Names that are lockfiles': each is refused with its reason, and the dead one is reaped. */
static void test_crowded_with_lockfiles(void)
{
	struct hostile hostile = hostile_open();

	(void)sweep_with(&hostile, 5000, true, 1);
	CHECK_NUMBER(count_of(hostile.result.output, "its owner, uid 65534, is not trusted"), 5000);
	hostile_says(&hostile, "5001 locks: 0 live, 1 reaped (0 objects), 0 left, 5000 unusable");
	hostile_close(&hostile);
}

/* Told to stop before it has found anything dead. */
static void test_interrupted(void)
{
	struct hostile hostile = hostile_open();

	plant_dead(&hostile, "dead");
	plant_dead(&hostile, "dead-too");
	CHECK_NUMBER(run_command(&hostile.result,
				 "exec strace -qq -o /dev/null -e trace=openat,flock "
				 "-e inject=flock:signal=TERM:when=1 " PROGRAM
				 " --lock-dir %s --host %s sweep",
				 hostile.dir, scripted_host(hostile.engine)),
		     1);
	hostile_says(&hostile, "; interrupted\n");
	CHECK_NUMBER(hostile_run(&hostile, "sweep"), 0);
	hostile_says(&hostile, "2 reaped");
	hostile_close(&hostile);
}

/* words: the directory, the configuration, an app, the program. */
static void use_as_member(const char *const *words)
{
	struct command_result result = { 0 };

	EXPECT(run_command(&result,
			   "exec %s --config %s --lock-dir %s --host " UNREACHABLE
			   " run --no-fresh --no-teardown %s -- echo it ran",
			   words[3], words[1], words[0], words[2]) == 0);
	EXPECT(!strcmp(result.output, "it ran\n"));
	/* Left dead, for the other one to take. */
	EXPECT(run_command(&result,
			   "exec %s --config %s --lock-dir %s --host " UNREACHABLE
			   " run --no-fresh --no-teardown %s -- sh -c 'kill -KILL $PPID; sleep 9'",
			   words[3], words[1], words[0], words[2]) == 128 + SIGKILL);
	EXPECT(lockfile_exists(words[0], words[2]));
}

struct member {
	uid_t uid;
	gid_t group;
	const char *words[4];
};

static void become_member(void *data)
{
	const struct member *member = data;

	EXPECT(!setgroups(1, &member->group));
	EXPECT(!setresgid(member->uid, member->uid, member->uid));
	EXPECT(!setresuid(member->uid, member->uid, member->uid));
	use_as_member(member->words);
}

/* Two users of a group share a directory; each takes over what the other left. A third one gets
 * nothing.
 */
static void test_group(void)
{
	enum { GROUP = 4243 };
	struct member members[] = { { 5001, GROUP, { NULL } }, { 5002, GROUP, { NULL } } };
	struct command_result result = { 0 };
	const char *dir = temp_dir();
	char config[400];
	struct stat status;
	FILE *file;

	snprintf(config, sizeof(config), "%s/config", dir);
	file = fopen(config, "we");
	fprintf(file, "[lock]\ntrusted_owners = 5001 5002\ngroup = %d\n", GROUP);
	fclose(file);
	CHECK_NUMBER(chmod(config, 0644), 0);
	CHECK_NUMBER(chown(dir, 0, GROUP), 0);
	CHECK_NUMBER(chmod(dir, 02775), 0);
	for (size_t i = 0; i < 4; i++) {
		struct member *member = &members[i % 2];

		member->words[0] = dir;
		member->words[1] = config;
		member->words[2] = "shop";
		member->words[3] = program_for_all();
		CU_ASSERT_TRUE(holds_in_child(become_member, member));
	}
	CHECK_NUMBER(stat(lockfile_path(dir, "shop"), &status), 0);
	CHECK_NUMBER(status.st_mode & 07777, 0660);
	CHECK_NUMBER(status.st_gid, GROUP);
	CHECK_NUMBER(run_command(&result,
				 "exec setpriv --reuid 65534 --regid 65534 --clear-groups %s"
				 " --config %s --lock-dir %s --host " UNREACHABLE
				 " run --no-fresh --no-teardown shop -- echo it ran",
				 program_for_all(), config, dir),
		     77);
	CHECK_TEXT(result.output, "");
	CU_ASSERT_PTR_NOT_NULL(strstr(result.errors, lockfile_path(dir, "shop")));
	command_result_release(&result);
}

static const struct test tests[] = {
	{ "an attacker's directory or link, and an open one", test_refused },
	{ "replaced in mid-sweep", test_replaced_in_mid_sweep },
	{ "mounted over in mid-sweep", test_mounted_over_in_mid_sweep },
	{ "full: the command isn't started", test_full },
	{ "100,000 junk entries", test_crowded_with_junk },
	{ "5,000 planted lockfiles", test_crowded_with_lockfiles },
	{ "a sweep that is told to stop says so", test_interrupted },
	{ "a directory of a group, two users", test_group },
	{ NULL, NULL },
};
TEST_SUITE(hostile_dirs, tests)
