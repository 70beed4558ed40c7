/* What a run has in the file system: its scratch directory, its record's keep_until, its lockfile.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/harness.h"
#include "lock/scratch.h"
#include "run_fixture.h"

#define WITH_CONFIG "exec " PROGRAM " -c %s/conf --lock-dir %s "
#define OFFLINE "-H unix:///nonexistent/socket "

static char *configured_dir(const char *scratch)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *dir = strdup(temp_dir());

	CHECK_NUMBER(run_command(&result,
				 "mkdir -m 700 %s/scratch && cat >%s/conf <<EOF\n"
				 "[run]\n"
				 "scratch_dir = %s%s\n"
				 "scratch_link = servers=/etc\n"
				 "scratch_link = catalogue=/usr\n"
				 "scratch_env = ABRA_DIR={scratch}\n"
				 "scratch_env = BOTH={scratch}/a:{scratch}/b\n"
				 "EOF",
				 dir, dir, dir, scratch),
		     0);
	return dir;
}

static void scratch_directory(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *dir = configured_dir("/scratch");
	struct app_hash hash = app_hash_of("shop");
	char expected[4096], path[600];
	struct record record;

	CHECK_NUMBER(
		run_command(
			&result,
			WITH_CONFIG
			"run --no-fresh --no-teardown --scratch shop -- sh -c '"
			"cd $CI_JANITOR_SCRATCH; pwd; stat -c %%a .; readlink servers catalogue;"
			" echo $ABRA_DIR; echo $BOTH; ls -A'",
			dir, dir),
		0);
	lockfile_record(dir, "shop", &record);
	snprintf(path, sizeof(path), "%s/scratch/%s.%s", dir, hash.hex, record.run_id);
	snprintf(expected, sizeof(expected),
		 "%s\n700\n/etc\n/usr\n%s\n%s/a:%s/b\ncatalogue\nservers\n", path, path, path,
		 path);
	CHECK_TEXT(result.output, expected);
	/* Left to the next sweep with the rest, by --no-teardown. */
	CHECK_NUMBER(access(path, F_OK), 0);
	free(dir);
}

/* No scratch directory, no command. */
static void no_scratch_to_be_had(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *dir = configured_dir("/none");

	CU_ASSERT(run_command(&result,
			      WITH_CONFIG "run --no-fresh --no-teardown --scratch shop -- echo ran",
			      dir, dir) != 0);
	CHECK_TEXT(result.output, "");
	CU_ASSERT(strstr(result.errors, "/none") != NULL);
	CU_ASSERT(!lockfile_exists(dir, "shop"));
	CHECK_NUMBER(run_command(&result, "sed -i s,/none,/open, %s/conf; mkdir -m 777 %s/open",
				 dir, dir),
		     0);
	if (run_command(&result,
			"chmod 777 %s/open; " WITH_CONFIG
			"run --no-fresh --no-teardown --scratch shop -- echo ran",
			dir, dir, dir) == 0)
		CU_FAIL("a directory that others may write to was used");
	CU_ASSERT(strstr(result.errors, "sticky") != NULL);
	free(dir);
}

/* Ours by the hash and by the owner; everything else stays. */
static void scratch_removal(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	uid_t uids[] = { 0, geteuid() };
	struct lock_trust trust = { .uids = uids, .uid_count = 2, .group = (gid_t)-1 };
	struct app_hash hash = app_hash_of("shop"), other = app_hash_of("blog");
	struct error err = { .kind = ERROR_NONE };
	const char *dir = temp_dir();
	size_t count = 0;

	CHECK_NUMBER(run_command(&result,
				 "cd %s && id=0123456789abcdef0123456789abcdef &&"
				 " mkdir -p outside %s.$id/a/b %s.f$id %s.$id x%s.$id &&"
				 " touch outside/x && ln -s %s/outside %s.$id/a/link &&"
				 " ln -s %s/outside %s.$(echo $id | tr 0-9 a-f0-3)",
				 dir, hash.hex, hash.hex, other.hex, hash.hex, dir, hash.hex, dir,
				 hash.hex),
		     0);
	if (geteuid() == 0)
		CHECK_NUMBER(run_command(&result,
					 "cd %s && mkdir %s.ffffffffffffffffffffffffffffffff &&"
					 " chown 65534 %s.ff*",
					 dir, hash.hex, hash.hex),
			     0);
	CHECK_NUMBER(scratch_remove(dir, &trust, &hash, SCRATCH_ANY_AGE, CLOCK_NEVER, &count, &err),
		     0);
	CHECK_NUMBER(count, 2);
	CHECK_NUMBER(run_command(&result, "cd %s && ls -d outside/x %s.0* x%s* %s.f*", dir,
				 other.hex, hash.hex, hash.hex),
		     0);
	/* The stranger's, and what is no run id. */
	CHECK_NUMBER(count_of(result.output, hash.hex), geteuid() == 0 ? 3 : 2);
	CHECK_NUMBER(scratch_remove("/nonexistent/base", &trust, &hash, SCRATCH_ANY_AGE,
				    CLOCK_NEVER, &count, &err),
		     0);
}

static void keep_on_failure(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *dir = configured_dir("/scratch");
	struct record record;

	CHECK_NUMBER(run_command(&result,
				 WITH_CONFIG OFFLINE
				 "run --no-fresh --keep-on-failure 2h shop -- sh -c 'exit 5'",
				 dir, dir),
		     5);
	CU_ASSERT(strstr(result.errors, "kept until 2") != NULL);
	lockfile_record(dir, "shop", &record);
	CU_ASSERT(record.keep_until - clock_wall_seconds() > 7000);
	CU_ASSERT(record.keep_until - clock_wall_seconds() <= 7200);
	CHECK_NUMBER(run_command(&result, WITH_CONFIG "status shop", dir, dir), 2);
	CHECK_NUMBER(strncmp(result.output, "kept ", 5), 0);
	CHECK_NUMBER(run_command(&result, WITH_CONFIG "list", dir, dir), 0);
	CU_ASSERT(strstr(result.output, "kept until ") != NULL);
	/* No engine is asked for. */
	CHECK_NUMBER(run_command(&result, WITH_CONFIG OFFLINE "sweep", dir, dir), 0);
	CU_ASSERT(strstr(result.output, "shop: kept until 2") != NULL);
	CU_ASSERT(lockfile_exists(dir, "shop"));
	/* Whoever names it means it, and so does the next run. */
	CHECK_NUMBER(run_command(&result, WITH_CONFIG OFFLINE "reap shop", dir, dir), 69);
	CHECK_NUMBER(run_command(&result, WITH_CONFIG OFFLINE "run shop -- echo ran", dir, dir),
		     69);
	/* The configuration of the sweep bounds what a record may ask for. */
	CHECK_NUMBER(run_command(&result,
				 "echo 'keep_max = 1ms' >>%s/conf; " WITH_CONFIG OFFLINE "sweep",
				 dir, dir, dir),
		     69);
	free(dir);
}

static void when_nothing_is_kept(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	char *dir = configured_dir("/scratch");
	struct process process;
	struct record record;

	CHECK_NUMBER(run_command(&result,
				 WITH_CONFIG OFFLINE
				 "run --no-fresh --keep-on-failure 2d shop -- echo ran",
				 dir, dir),
		     64);
	CHECK_TEXT(result.output, "");
	CU_ASSERT(strstr(result.errors, "keep_max") != NULL);
	/* Success: the teardown is tried. */
	CHECK_NUMBER(run_command(&result,
				 WITH_CONFIG OFFLINE
				 "run --no-fresh --keep-on-failure 2h shop -- true",
				 dir, dir),
		     1);
	lockfile_record(dir, "shop", &record);
	CHECK_NUMBER(record.keep_until, 0);
	/* Cancelled: nobody will look at it. */
	process_start(
		&process,
		WITH_CONFIG OFFLINE
		"run --no-fresh --keep-on-failure 2h shop -- sh -c 'echo ready; exec sleep 600'",
		dir, dir);
	CU_ASSERT(wait_for_output(&process, "ready"));
	kill(process.pid, SIGTERM);
	CHECK_NUMBER(process_wait(&process, SOON_MS, NULL), 143);
	lockfile_record(dir, "shop", &record);
	CHECK_NUMBER(record.keep_until, 0);
	/* The deadline is a failure. */
	CHECK_NUMBER(
		run_command(&result,
			    WITH_CONFIG OFFLINE
			    "run --no-fresh --keep-on-failure 2h --deadline 200ms shop -- sleep 60",
			    dir, dir),
		142);
	lockfile_record(dir, "shop", &record);
	CU_ASSERT(record.keep_until > 0);
	free(dir);
}

/* Deleted, renamed, replaced: each is noticed, whenever it happens, and said once. */
static void the_lockfile_is_watched(void)
{
	static const char *const deeds[] = {
		"rm %s",
		"mv %s %s.gone",
		"cp %s %s.new && mv %s.new %s",
	};

	for (size_t i = 0; i < 6; i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = temp_dir();
		char *path = strdup(lockfile_path(dir, "shop"));
		struct process process;
		char deed[2048];

		process_start(&process, RUN "shop -- sh -c 'echo ready; exec sleep 600'", dir);
		CU_ASSERT(wait_for_output(&process, "ready"));
		/* Before and after the watch begins. */
		if (i >= 3)
			usleep(1500000);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(deed, sizeof(deed), deeds[i % 3], path, path, path, path);
#pragma GCC diagnostic pop
		CHECK_NUMBER(run_command(&result, "%s", deed), 0);
		CU_ASSERT(wait_for_errors(&process, "was removed, renamed or replaced"));
		kill(process.pid, SIGTERM);
		CHECK_NUMBER(process_wait(&process, SOON_MS, &result), 143);
		CHECK_NUMBER(count_of(result.errors, "was removed"), 1);
		free(path);
	}
}

/* Touching it, writing it ourselves and our own removal of it are nothing to shout about. */
static void what_is_no_alarm(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result,
				 RUN "shop -- sh -c 'sleep 1.5; touch $CI_APP_LOCK; chmod 600"
				     " $CI_APP_LOCK; cat $CI_APP_LOCK; sleep 0.3'",
				 dir),
		     0);
	CHECK_TEXT(result.errors, "");
}

static struct test tests[] = {
	{ "the scratch directory, its links and variables", scratch_directory },
	{ "no scratch directory, no command", no_scratch_to_be_had },
	{ "whose scratch directories are removed", scratch_removal },
	{ "--keep-on-failure", keep_on_failure },
	{ "when nothing is kept", when_nothing_is_kept },
	{ "a lockfile that is taken away is noticed", the_lockfile_is_watched },
	{ "what is no alarm", what_is_no_alarm },
	{ NULL, NULL },
};
TEST_SUITE(run_files, tests);
