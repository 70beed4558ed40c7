/* Orphans, and runs that start between the search and the look under the lock. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "kernel/small_engine.h"

static struct lock_dir dir;
static pid_t run;

static int set_up(void)
{
	return small_engine_dir(&dir);
}

static int tear_down(void)
{
	lock_dir_close(&dir);
	return 0;
}

static void sweep(struct small_engine *engine, struct sweep_result *result)
{
	struct record janitor = { .known = true };
	char template[600];
	struct settings settings;
	struct sweep_options options = small_engine_options(engine, &settings);

	options.orphans = true;
	options.orphan_record = &janitor;
	word_list_append(&settings.orphan_pattern, "pr*", 3);
	snprintf(template, sizeof(template), "%s/{app}.env", dir.path);
	word_list_append(&settings.app_files, template, strlen(template));
	CHECK_NUMBER(reap_sweep(&dir, &options, result, NULL), 0);
	CHECK_TEXT(result->orphan_error.message, "");
	settings_release(&settings);
}

#define ORPHAN                                                                                     \
	{                                                                                          \
		{                                                                                  \
			RESOURCE_VOLUME, "pr_data", "pr"                                           \
		}                                                                                  \
	}

static void test_nobody_comes(void)
{
	struct small_engine engine = { .objects = ORPHAN };
	struct sweep_result result;

	sweep(&engine, &result);
	CHECK_NUMBER(result.reaped, 1);
	CU_ASSERT_PTR_NULL(engine.objects[0].name);
}

/* A file may be younger than all that the engine has, and then isn't the orphan's for sure. */
static void test_files(void)
{
	const struct timespec long_ago[2] = { { .tv_sec = 1000000 }, { .tv_sec = 1000000 } };
	struct small_engine engine = { .objects = ORPHAN };
	struct sweep_result result;
	int fd = openat(dir.fd, "pr.env", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	CU_ASSERT_FATAL(fd >= 0);
	sweep(&engine, &result);
	CHECK_NUMBER(result.removed, 1);
	CHECK_NUMBER(faccessat(dir.fd, "pr.env", F_OK, 0), 0);
	CHECK_NUMBER(futimens(fd, long_ago), 0);
	engine = (struct small_engine){ .objects = ORPHAN };
	sweep(&engine, &result);
	CHECK_NUMBER(result.removed, 2);
	CHECK_NUMBER(faccessat(dir.fd, "pr.env", F_OK, 0), -1);
	(void)close(fd);
}

static void end_run(void)
{
	(void)kill(run, SIGKILL);
	(void)waitpid(run, NULL, 0);
}

/* The search's listing is the first one, that under the lock the second. */
static void its_own(int nth)
{
	if (nth == 0)
		run = small_engine_run(&dir, "pr", "", false);
}

static void by_its_stack(int nth)
{
	if (nth == 1)
		run = small_engine_run(&dir, "p.r", "pr", false);
}

static void deleted(int nth)
{
	if (nth == 0)
		run = small_engine_run(&dir, "pr", "", true);
}

static void deleted_by_its_stack(int nth)
{
	if (nth == 1)
		run = small_engine_run(&dir, "p.r", "pr", true);
}

static void check_race(void (*start)(int nth), const char *app)
{
	struct small_engine engine = { .objects = ORPHAN, .before_volumes = start };
	struct app_hash hash = app_hash_of(app);
	char name[APP_LOCKFILE_NAME_SIZE];
	struct sweep_result result;

	sweep(&engine, &result);
	CHECK_NUMBER(result.removed, 0);
	CU_ASSERT_PTR_NOT_NULL(engine.objects[0].name);
	CHECK_NUMBER(kill(run, 0), 0);
	end_run();
	(void)unlinkat(dir.fd, app_lockfile_name(&hash, name), 0);
}

static void test_races(void)
{
	check_race(its_own, "pr");
	check_race(by_its_stack, "p.r");
	check_race(deleted, "pr");
	check_race(deleted_by_its_stack, "p.r");
}

#define JANITOR_MS 400

/* The run's lock is another one: its fresh start waits for the janitor, and then goes on itself. */
static void test_run_waits(void)
{
	struct small_engine engine = { .objects = ORPHAN };
	struct reap_target target = { .lock = APP_LOCK_NONE, .for_run = true };
	struct record record = { .known = true, .phase = RUN_PHASE_FRESH_START };
	struct app_hash hash = app_hash_of("p.r");
	struct sweep_result result = { 0 };
	struct settings settings;
	struct sweep_options options = small_engine_options(&engine, &settings);
	struct record reaping = { .known = true, .app = "pr", .phase = RUN_PHASE_TEARDOWN };
	int64_t began = now_ms();
	pid_t janitor = small_engine_hold(&dir, LOCK_ROLE_JANITOR, &reaping, JANITOR_MS);
	int status;

	strcpy(record.app, "p.r");
	strcpy(target.app, "p.r");
	strcpy(target.extra_stack, "pr");
	CHECK_NUMBER(app_lock_try(&dir, &hash, LOCK_ROLE_RUN, &record, &target.lock,
				  &target.created, NULL),
		     LOCK_FREE);
	reap_targets(&dir, &target, 1, &options, &result);
	CHECK_NUMBER(result.reaped, 1);
	CHECK_NUMBER(result.removed, 1);
	CU_ASSERT_PTR_NULL(engine.objects[0].name);
	CU_ASSERT(now_ms() - began >= JANITOR_MS);
	CHECK_NUMBER(waitpid(janitor, &status, 0), janitor);
	CHECK_NUMBER(status, 0);
	CHECK_NUMBER(app_lock_forget(&dir, &target.lock, NULL), LOCK_FREE);
	settings_release(&settings);
}

static const struct test tests[] = {
	{ "an old app without a lockfile goes", test_nobody_comes },
	{ "its old files, too", test_files },
	{ "not when a run of it starts meanwhile, its lockfile there or not", test_races },
	{ "a run whose stack it is waits for its janitor", test_run_waits },
	{ NULL, NULL },
};
TEST_SUITE_WITH(orphan_race, tests, set_up, tear_down)
