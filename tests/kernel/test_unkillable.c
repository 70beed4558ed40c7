/*
 * What can't be killed for a while, or not be told: processes that wait for a file system that
 * doesn't answer. The reap fails for this sweep, the lockfile stays, and the next one finishes.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "harness/harness.h"
#include "harness/scripted_engine.h"
#include "kernel/marked.h"
#include "kernel/process.h"
#include "process_support.h"
#include "run_fixture.h"
#include "silent_fs.h"

#define PAGE 4096

struct place {
	const char *locks;
	const char *mount_point;
	bool has_cgroups;
};

static struct scripted_engine *engine;

/* Of runs and sweeps alike: a record names its run's. */
static void start_engine(void)
{
	engine = scripted_start();
	scripted_empty(engine);
	EXPECT(!setenv("DOCKER_HOST", scripted_host(engine), 1));
}

static struct place new_place(bool has_cgroups)
{
	return (struct place){ temp_dir(), temp_dir(), has_cgroups };
}

static void enter_private_mounts(const struct place *place)
{
	char line[1024], point[512];
	FILE *mounts;

	EXPECT(!unshare(CLONE_NEWNS));
	EXPECT(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	mounts = place->has_cgroups ? NULL : fopen("/proc/self/mounts", "re");
	while (mounts && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %511s cgroup2", point) == 1 && strstr(line, " cgroup2 "))
			EXPECT(!mount("none", point, "tmpfs", 0, NULL));
	if (mounts)
		fclose(mounts);
}

static char state_of(pid_t pid)
{
	char path[64], *stat, state;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	stat = read_text(path);
	state = stat ? strrchr(stat, ')')[2] : '-';
	free(stat);
	return state;
}

static bool has_said(const struct command_result *result, const char *text)
{
	return result->output && (strstr(result->output, text) || strstr(result->errors, text));
}

/* Sweeps while nothing can be done, lets the file system speak, and sweeps again. */
static void sweep_twice(const struct place *place, const struct silent_fs *fs, pid_t survivor,
			const char *reason)
{
	struct command_result result = { 0 };

	/* On a busy machine the time may be up before it is found out. */
	for (int seconds = 1; seconds < 60 && !has_said(&result, reason); seconds *= 4)
		EXPECT(run_command(&result, "exec " PROGRAM " --lock-dir %s sweep --timeout %ds",
				   place->locks, seconds) == 1);
	EXPECT(has_said(&result, reason));
	EXPECT(lockfile_exists(place->locks, "shop") && lockfile_is_free(place->locks, "shop"));
	EXPECT(state_of(survivor) == 'D');
	/* What it may still ask for would come after any removal. */
	EXPECT(scripted_counts(engine).requests == 0);
	silent_fs_speak(fs);
	EXPECT(ends_soon(survivor));
	EXPECT(run_command(&result, "exec " PROGRAM " --lock-dir %s sweep", place->locks) == 0);
	EXPECT(!lockfile_exists(place->locks, "shop"));
	command_result_release(&result);
	scripted_stop(engine);
}

static pid_t start_run(const struct place *place, const char *options, const char *command,
		       struct process *ret)
{
	pid_t pid;

	start_engine();
	process_start(ret, RUN "%s shop -- %s", place->locks, options, command);
	EXPECT(wait_for_phase(place->locks, "shop", RUN_PHASE_RUNNING));
	for (int i = 0; i < 4000 && !(pid = child_of(ret->pid)); i++)
		usleep(5000);
	EXPECT(pid > 0);
	return pid;
}

/* A run whose command waits for the file system's answer. Returns the command. */
static pid_t start_reader(const struct place *place, struct silent_fs *fs, const char *options,
			  struct process *run)
{
	char command[300];
	pid_t pid;

	enter_private_mounts(place);
	silent_fs_mount(fs, place->mount_point, "/etc/passwd", 0);
	snprintf(command, sizeof(command), "cat %s", fs->file);
	pid = start_run(place, options, command, run);
	silent_fs_wait(fs);
	return pid;
}

static void with_and_without_cgroups(void (*story)(void *data))
{
	struct place by_cgroup = new_place(true), by_mark = new_place(false);

	CU_ASSERT_TRUE(holds_in_child(story, &by_cgroup));
	CU_ASSERT_TRUE(holds_in_child(story, &by_mark));
}

static void reader_of_a_dead_run(void *data)
{
	const struct place *place = data;
	struct process run;
	struct silent_fs fs;
	pid_t pid = start_reader(place, &fs, "", &run);

	EXPECT(!background_signal(&run, SIGKILL));
	EXPECT(process_wait(&run, SOON_MS, NULL) == 128 + SIGKILL);
	sweep_twice(place, &fs, pid, "unable to kill what still runs of the run");
}

static void test_reader_of_a_dead_run(void)
{
	with_and_without_cgroups(reader_of_a_dead_run);
}

/* The supervisor gives up in time, and says so. */
static void reader_of_a_stopped_run(void *data)
{
	const struct place *place = data;
	struct command_result result = { 0 };
	struct process run;
	struct silent_fs fs;
	pid_t pid = start_reader(place, &fs, "--kill-grace 0 --teardown-timeout 1s", &run);

	EXPECT(!background_signal(&run, SIGTERM));
	EXPECT(process_wait(&run, SOON_MS, &result) == 128 + SIGTERM);
	EXPECT(strstr(result.errors, "could not be killed") != NULL);
	command_result_release(&result);
	sweep_twice(place, &fs, pid, "unable to kill what still runs of the run");
}

static void test_reader_of_a_stopped_run(void)
{
	with_and_without_cgroups(reader_of_a_stopped_run);
}

/* The kernel reads the program's data before there is an environment to show. */
static void endless_exec(void *data)
{
	const struct place *place = data;
	struct process run;
	struct silent_fs fs;
	char command[300];
	pid_t pid;

	enter_private_mounts(place);
	silent_fs_mount(&fs, place->mount_point, "/bin/sleep", PAGE);
	snprintf(command, sizeof(command), "sh -c 'sleep 0.2; exec %s 1000'", fs.file);
	pid = start_run(place, "", command, &run);
	silent_fs_wait(&fs);
	EXPECT(!background_signal(&run, SIGKILL));
	EXPECT(process_wait(&run, SOON_MS, NULL) == 128 + SIGKILL);
	sweep_twice(place, &fs, pid,
		    place->has_cgroups ? "unable to kill what still runs of the run"
				       : "unable to tell whether a process is one of the run's");
}

static void test_endless_exec(void)
{
	with_and_without_cgroups(endless_exec);
}

static uint64_t unread_in_a_pass(void)
{
	const char *ids[] = { "0123456789abcdef0123456789abcdef" };
	uint64_t unread = 4711;
	size_t count = 4711;

	EXPECT(!marked_kill(ids, 1, &count, &unread, NULL));
	EXPECT(count == 0);
	return unread;
}

/* Others on this machine are in the middle of an exec as well, for a moment. */
static bool is_unread(uint64_t started)
{
	int64_t end = now_ms() + SOON_MS;

	while (unread_in_a_pass() != started)
		if (now_ms() >= end)
			return false;
	return true;
}

/* Nobody's business: another run is swept beside it, when it began later or has a cgroup. */
static void strangers_exec(void *data)
{
	const struct place *place = data;
	struct silent_fs fs;
	uint64_t started;
	char script[300];
	pid_t pid;

	enter_private_mounts(place);
	silent_fs_mount(&fs, place->mount_point, "/bin/sleep", PAGE);
	snprintf(script, sizeof(script), "exec %s 1000", fs.file);
	EXPECT(is_unread(0));
	pid = start_daemon(script, NULL);
	silent_fs_wait(&fs);
	EXPECT(!process_start_time(pid, &started));
	EXPECT(is_unread(started));
	EXPECT(marked_leaves_doubt(started, 0) && marked_leaves_doubt(started, started));
	EXPECT(!marked_leaves_doubt(started, started + 1) && !marked_leaves_doubt(0, 0));
	EXPECT(!kill(pid, SIGKILL));
	silent_fs_speak(&fs);
	EXPECT(ends_soon(pid));
	EXPECT(is_unread(0));
}

static void test_strangers_exec(void)
{
	struct place place = new_place(true);

	CU_ASSERT_TRUE(holds_in_child(strangers_exec, &place));
}

static const struct test tests[] = {
	{ "a dead run's reader of a silent file system", test_reader_of_a_dead_run },
	{ "one that the supervisor can't kill in time", test_reader_of_a_stopped_run },
	{ "one in an exec that doesn't end", test_endless_exec },
	{ "a stranger in such an exec", test_strangers_exec },
	{ NULL, NULL },
};
TEST_SUITE(unkillable, tests)
