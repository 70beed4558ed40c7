/* The program that `make install` puts in BINDIR: src/front.c, before this folder's whole one.
 * Where it isn't built, that one itself: all of this is true of both. */
#include <string.h>

#include "harness/harness.h"
#include "run_fixture.h"

#define FRONT BUILD_DIR "/in-place/ci-janitor"
#define FRONT_RUN "exec " FRONT " --lock-dir %s run --no-fresh --no-teardown "

static void every_command(void)
{
	const char *dir = temp_dir();
	static const char *const all[] = {
		"",
		"--version",
		"--help",
		"run --help",
		"hold",
		"run shop",
		"list --help",
		"frobnicate run",
		"list --json",
		"status run",
		"path hold",
		"release held",
		"-H unix:///nonexistent/socket reap run >/dev/null",
		"--no-such-option run shop -- true",
		"held --tied-fd 7 shop",
		"reap-held --fd 7 --mode fresh run",
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		CLEANUP_COMMAND struct command_result whole = { 0 };
		CLEANUP_COMMAND struct command_result front = { 0 };

		CHECK_NUMBER(
			run_command(&front, "CI_JANITOR_LOCK_DIR=%s " FRONT " %s", dir, all[i]),
			run_command(&whole, "CI_JANITOR_LOCK_DIR=%s " PROGRAM " %s", dir, all[i]));
		CHECK_TEXT(front.output, whole.output);
		CHECK_TEXT(front.errors, whole.errors);
	}
}

static void a_run(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct record record;

	CHECK_NUMBER(run_command(&result,
				 "exec " FRONT " --lock-dir %s run run -- sh -c 'echo never'", dir),
		     69);
	CHECK_TEXT(result.output, "");
	CHECK_NUMBER(run_command(&result,
				 FRONT_RUN "run -- sh -c 'readlink /proc/$PPID/exe; exit 7'", dir),
		     7);
	CU_ASSERT(!strncmp(result.output, BUILD_DIR, strlen(BUILD_DIR)));
	lockfile_record(dir, "run", &record);
	CU_ASSERT(record.known);
	CHECK_NUMBER(record.phase, RUN_PHASE_RELEASED);
}

/* Names are looked up, by NSS too, before a run begins. */
static void names(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result,
				 "printf '[lock]\\ntrusted_owners = daemon\\ngroup = root\\n' "
				 ">%s/conf; exec " FRONT " --config %s/conf --lock-dir %s run "
				 "--no-fresh --no-teardown run -- echo done",
				 dir, dir, dir),
		     0);
	CHECK_TEXT(result.output, "done\n");
	CHECK_NUMBER(run_command(&result, "stat -c %%a %s", lockfile_path(dir, "run")), 0);
	CHECK_TEXT(result.output, "660\n");
	CHECK_NUMBER(run_command(&result,
				 "exec unshare --mount sh -ec 'mount --bind /dev/null /etc/passwd; "
				 "exec env -i PATH=\"$PATH\" " FRONT
				 " --lock-dir %s run --no-fresh "
				 "--no-teardown shop -- echo done'",
				 dir),
		     0);
	CHECK_TEXT(result.output, "done\n");
}

static void a_docker_context(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct record record;

	CHECK_NUMBER(run_command(&result,
				 "mkdir %s/.docker && echo '{\"currentContext\": \"default\"}' "
				 ">%s/.docker/config.json && HOME=%s " FRONT_RUN "shop -- true",
				 dir, dir, dir, dir),
		     0);
	CHECK_TEXT(result.errors, "");
	lockfile_record(dir, "shop", &record);
	CU_ASSERT(!strncmp(record.engine, "unix://", 7));
}

static void a_hold(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	CHECK_NUMBER(run_command(&result,
				 "d=%s; f='" FRONT " --lock-dir '$d; "
				 "$f hold --no-fresh --no-teardown --pid $$ shop >/dev/null && "
				 "$f status -q shop && $f release shop >/dev/null; echo $?; "
				 "$f status -q shop; echo $?",
				 dir),
		     0);
	CHECK_TEXT(result.output, "0\n2\n");
}

static const struct test tests[] = {
	{ "every command says the same", every_command },
	{ "a run, and its children", a_run },
	{ "names of users and groups", names },
	{ "a docker context", a_docker_context },
	{ "a hold and its release", a_hold },
	{ NULL, NULL },
};
TEST_SUITE(front, tests)
