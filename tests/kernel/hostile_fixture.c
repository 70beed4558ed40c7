#include "hostile_fixture.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "lock/app_lock.h"
#include "process_support.h"
#include "run_fixture.h"

#define VICTIM_TEXT "root's own\n"
/* A lock on the setting itself leaves no file behind. */
#define GUARD_LOCK "/proc/sys/fs/protected_regular"

struct hostile hostile_open(void)
{
	struct hostile hostile = { .dir = temp_dir(), .engine = scripted_start() };
	FILE *victim;

	scripted_empty(hostile.engine);
	CHECK_NUMBER(chmod(hostile.dir, 01777), 0);
	snprintf(hostile.victim, sizeof(hostile.victim), "%s/victim", temp_dir());
	victim = fopen(hostile.victim, "we");
	fputs(VICTIM_TEXT, victim);
	fclose(victim);
	CHECK_NUMBER(chmod(hostile.victim, 0600), 0);
	return hostile;
}

void hostile_close(struct hostile *hostile)
{
	char *text = read_text(hostile->victim);
	struct stat status;

	CHECK_TEXT(text, VICTIM_TEXT);
	CHECK_NUMBER(stat(hostile->victim, &status), 0);
	CHECK_NUMBER(status.st_mode & 07777, 0600);
	CHECK_NUMBER(status.st_uid, 0);
	free(text);
	scripted_stop(hostile->engine);
	command_result_release(&hostile->result);
}

int hostile_run(struct hostile *hostile, const char *arguments, ...)
{
	char text[1024];
	va_list list;

	va_start(list, arguments);
	vsnprintf(text, sizeof(text), arguments, list);
	va_end(list);
	return run_command(&hostile->result, "exec " PROGRAM " --lock-dir %s --host %s %s",
			   hostile->dir, scripted_host(hostile->engine), text);
}

void hostile_says(const struct hostile *hostile, const char *text, ...)
{
	char expected[1024];
	va_list list;

	va_start(list, text);
	vsnprintf(expected, sizeof(expected), text, list);
	va_end(list);
	if (strstr(hostile->result.output, expected) || strstr(hostile->result.errors, expected))
		return;
	CHECK_TEXT(hostile->result.errors, "");
	CHECK_TEXT(hostile->result.output, expected);
}

void plant_dead(const struct hostile *hostile, const char *app)
{
	uid_t root = 0;
	struct lock_trust trust = { .uids = &root, .uid_count = 1, .group = (gid_t)-1 };
	struct record record = { .known = true, .phase = RUN_PHASE_RUNNING };
	struct app_hash hash = app_hash_of(app);
	struct app_lock lock;
	struct error err = { 0 };
	struct lock_dir dir;
	bool created;

	snprintf(record.app, sizeof(record.app), "%s", app);
	CHECK_NUMBER(lock_dir_open(&dir, hostile->dir, &trust, &err), 0);
	CHECK_NUMBER(app_lock_try(&dir, &hash, LOCK_ROLE_RUN, &record, &lock, &created, &err),
		     LOCK_FREE);
	CHECK_TEXT(err.message, "");
	app_lock_release(&lock);
	lock_dir_close(&dir);
}

void check_reaped(struct hostile *hostile, int status, const char *app)
{
	plant_dead(hostile, app);
	CHECK_NUMBER(hostile_run(hostile, "sweep"), status);
	hostile_says(hostile, "%s: reaped", app);
	CU_ASSERT_FALSE(lockfile_exists(hostile->dir, app));
}

static void become(uid_t uid)
{
	EXPECT(!setgroups(0, NULL));
	EXPECT(!setresgid(uid, uid, uid));
	EXPECT(!setresuid(uid, uid, uid));
	EXPECT(!prctl(PR_SET_PDEATHSIG, SIGKILL));
}

struct user_task {
	uid_t uid;
	void (*function)(void *data);
	void *data;
};

static void run_as_user(void *data)
{
	const struct user_task *task = data;

	become(task->uid);
	task->function(task->data);
}

void as_user(uid_t uid, void (*function)(void *data), void *data)
{
	struct user_task task = { uid, function, data };

	CU_ASSERT_TRUE(holds_in_child(run_as_user, &task));
}

pid_t attacker_start(uid_t uid, void (*function)(void *data), void *data)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	become(uid);
	for (;;)
		function(data);
}

void attacker_stop(pid_t pid)
{
	int status;

	/* One that was not content has ended by itself, with a word on stderr. */
	kill(pid, SIGKILL);
	CHECK_NUMBER(waitpid(pid, &status, 0), pid);
	CHECK_NUMBER(WIFSIGNALED(status) ? WTERMSIG(status) : -1, SIGKILL);
}

static const char *const names[] = { "regular", "fifos", "hardlinks", "symlinks" };
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

static struct {
	pid_t pid;
	int orders; /* the guard's end of life */
} guard = { .orders = -1 };

static bool access_protection(const char *name, int *value, bool set)
{
	char path[64];
	FILE *file;
	bool done;

	snprintf(path, sizeof(path), "/proc/sys/fs/protected_%s", name);
	file = fopen(path, set ? "we" : "re");
	if (!file)
		return false;
	/* cppcheck-suppress IOWithoutPositioning ; one or the other */
	done = set ? fprintf(file, "%d\n", *value) > 0 : fscanf(file, "%d", value) == 1;
	return !fclose(file) && done;
}

/* In a session of its own, deaf to what ends the test. */
static _Noreturn void stand_guard(int orders, int answers, int wanted[NAME_COUNT])
{
	int before[NAME_COUNT], lock;
	bool done = true;
	char byte;

	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	lock = open(GUARD_LOCK, O_RDONLY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX))
		_exit(1);
	for (size_t i = 0; i < NAME_COUNT; i++)
		if (!access_protection(names[i], &before[i], false))
			_exit(1);
	for (size_t i = 0; i < NAME_COUNT; i++)
		done &= access_protection(names[i], &wanted[i], true);
	if (done)
		done = write(answers, "", 1) == 1;
	while (done && read(orders, &byte, 1) > 0)
		;
	for (size_t i = 0; i < NAME_COUNT; i++)
		done &= access_protection(names[i], &before[i], true);
	_exit(!done);
}

bool protections_set(const struct protections *protections)
{
	int wanted[NAME_COUNT] = { protections->regular, protections->fifos, protections->hardlinks,
				   protections->symlinks };
	int orders[2], answers[2];
	char byte;
	bool set;

	if (pipe2(orders, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		return false;
	guard.pid = fork();
	if (guard.pid == 0) {
		close(orders[1]);
		close(answers[0]);
		stand_guard(orders[0], answers[1], wanted);
	}
	close(orders[0]);
	close(answers[1]);
	guard.orders = orders[1];
	set = read(answers[0], &byte, 1) == 1;
	close(answers[0]);
	if (!set)
		protections_restore();
	return set;
}

void protections_restore(void)
{
	int status;

	close(guard.orders);
	CHECK_NUMBER(waitpid(guard.pid, &status, 0), guard.pid);
	CHECK_NUMBER(status, 0);
	guard.orders = -1;
}
