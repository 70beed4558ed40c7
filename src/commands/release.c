/*
 * `release`: asks whoever holds the app to end, and waits for what comes of it.
 *
 * The holder is who has the companion lock, by the kernel's word, and whose record is his own: pid,
 * start time and boot id agree. He says what came of it by the lockfile: it has lost its name when
 * nothing is left; else its record tells how far he got.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "commands_internal.h"
#include "hold_internal.h"
#include "kernel/process.h"
#include "lock/deleted_lock.h"
#include "lock/lock_look.h"
#include "lock/record_file.h"
#include "run_arguments_internal.h"

/* A look may have to read /proc/locks, for which the kernel stops every flock(2) of the machine. */
#define FIRST_STEP_MS 20
#define LAST_STEP_MS 1000
/* How long an unnamed holder may be a janitor's probe, or a run that is about to name itself. */
#define GRACE_MS 250
/* What a run does beside stopping and tearing down. */
#define MARGIN_MS 10000

static struct {
	const char *holder;
	int64_t wait_ms;
} given = { .wait_ms = -1 };

const struct option_spec release_options_table[] = {
	{ "holder", 0, OPTION_TEXT, &given.holder, "ID",
	  "release it only if ID holds it (default: as hold names this job)", 0, 0, NULL },
	{ "wait", 0, OPTION_DURATION, &given.wait_ms, "D",
	  "wait for the teardown at most D (default: kill grace and teardown timeout)", 0, 0,
	  NULL },
	OPTIONS_END,
};

enum answer { GO_ON, NOTHING_LEFT, LEFT_ON_PURPOSE, LEFT, DIED, TAKEN_OVER };

struct release {
	const char *app;
	const struct lock_dir *dir;
	struct app_lock file;
	struct record asker; /* only its holder */
	int pidfd;	     /* of the holder that was told to end, -1: none yet */
	pid_t pid;
	int64_t step_ms; /* until the next look, where nothing tells of a change */
	int64_t unnamed_limit;
	int64_t limit;
};

/* As it would stand in a lockfile. */
static void name_asker(const char *holder, struct record *ret)
{
	char text[RECORD_FILE_SIZE];
	struct record record = { .known = true };
	size_t length = strnlen(holder, RECORD_TEXT_MAX);

	memcpy(record.holder, holder, length);
	length = record_format(&record, text);
	record_parse(text, length, ret);
}

/* Is the record that of the process behind the number, which can't change hands now? */
static bool is_record_of(const struct record *record, pid_t pid)
{
	char boot_id[BOOT_ID_SIZE];
	uint64_t start_time;
	pid_t inner;

	return record->known && process_boot_id(boot_id) == 0 &&
	       !strcmp(boot_id, record->boot_id) && process_start_time(pid, &start_time) == 0 &&
	       start_time == record->start_time && process_inner_pid(pid, &inner) == 0 &&
	       inner == record->pid;
}

static int check_asker(const struct release *release, const struct record *record,
		       struct error *err)
{
	const char *holder = record->holder[0] ? record->holder : "an unnamed holder";

	if (!strcmp(record->holder, release->asker.holder))
		return 0;
	return error_set(err, ERROR_PERMISSION,
			 "unable to release %s: it is held by %s (pid %d), not by %s; --holder "
			 "names the one to release",
			 release->app, holder, (int)release->pid, release->asker.holder);
}

/* One that is stopped gets no signal but after SIGCONT. */
static int tell(struct release *release, int pidfd, const struct record *record, struct error *err)
{
	/* A second SIGTERM would only add to those of an impatient user. */
	bool told = record->phase == RUN_PHASE_STOPPING || record->phase == RUN_PHASE_TEARDOWN;

	if (!told && process_signal(pidfd, SIGTERM) < 0 && errno != ESRCH)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to release %s: unable to signal process %d",
				       release->app, (int)release->pid);
	(void)process_signal(pidfd, SIGCONT);
	release->pidfd = pidfd;
	return 0;
}

/* A run in its fresh start may have left its dead predecessor's record in place: then later. */
static int try_to_tell(struct release *release, pid_t pid, struct error *err)
{
	CLEANUP_CLOSE int pidfd = -1;
	struct record record;
	pid_t again = 0;

	if (pid <= 0)
		return error_set(err, ERROR_HELD,
				 "unable to release %s: its holder lives in a PID namespace that "
				 "can't be seen from here",
				 release->app);
	pidfd = process_open(pid);
	if (pidfd < 0 && errno != ESRCH)
		return tie_refuse(pid, err);
	if (pidfd < 0 || app_lock_look(release->file.fd, &again) != LOCK_COMPANION_RUN ||
	    again != pid)
		return 0;
	app_lock_read_record(release->file.fd, &release->file.hash, &record);
	if (!is_record_of(&record, pid) || process_has_ended(pidfd))
		return 0;
	release->pid = pid;
	if (check_asker(release, &record, err) < 0 || tell(release, pidfd, &record, err) < 0)
		return -1;
	pidfd = -1;
	return 0;
}

/* Nobody's companion lock: it is over, or no run was ever behind it. */
static int judge_unnamed(struct release *release, enum answer *ret, struct error *err)
{
	struct record record;
	struct lock_view view;

	if (lock_look_is_unlinked(&release->file)) {
		*ret = NOTHING_LEFT;
		return 0;
	}
	if (release->pidfd < 0 && clock_now_ms() < release->unnamed_limit)
		return 0;
	lock_look(release->dir, &release->file.hash, NULL, &view);
	if (view.state == LOCK_VIEW_UNKNOWN) {
		CLEANUP(proc_locks_release) struct proc_lock_list locks = { 0 };

		if (proc_locks_read(&locks, err) < 0)
			return -1;
		lock_look(release->dir, &release->file.hash, &locks, &view);
	}
	if (view.state == LOCK_VIEW_UNKNOWN) {
		*err = view.error;
		return -1;
	}
	if (view.state == LOCK_VIEW_HELD && release->pidfd < 0)
		return error_set(err, ERROR_HELD,
				 "unable to release %s: no run is behind its lock, but another "
				 "program, or a process that a run left (pid %d)",
				 release->app, (int)view.pid);
	if (view.state != LOCK_VIEW_DEAD)
		return 0;
	app_lock_read_record(release->file.fd, &release->file.hash, &record);
	if (release->pidfd >= 0 && record.phase == RUN_PHASE_RELEASED)
		*ret = LEFT_ON_PURPOSE;
	else
		*ret = record.phase == RUN_PHASE_TEARDOWN ? LEFT : DIED;
	return 0;
}

static int look(struct release *release, enum answer *ret, struct error *err)
{
	bool told = release->pidfd >= 0;
	pid_t pid = 0;

	switch (app_lock_look(release->file.fd, &pid)) {
	case LOCK_COMPANION_RUN:
		if (told && process_has_ended(release->pidfd))
			*ret = TAKEN_OVER;
		return told ? 0 : try_to_tell(release, pid, err);
	case LOCK_COMPANION_JANITOR:
		return 0;
	case LOCK_COMPANION_NONE:
		break;
	}
	/* One that was told to end says last what it did. */
	if (told && !process_has_ended(release->pidfd))
		return 0;
	return judge_unnamed(release, ret, err);
}

static void pause_a_little(struct release *release)
{
	struct pollfd holder = { .fd = release->pidfd, .events = POLLIN };
	int left = clock_left(release->limit);

	if (release->pidfd >= 0 && !process_has_ended(release->pidfd)) {
		(void)poll(&holder, 1, left);
		return;
	}
	clock_sleep_ms(left >= 0 && left < release->step_ms ? left : release->step_ms);
	release->step_ms *= 2;
	if (release->step_ms > LAST_STEP_MS)
		release->step_ms = LAST_STEP_MS;
}

static int wait_for_answer(struct release *release, enum answer *ret, struct error *err)
{
	enum answer answer = GO_ON;

	while (answer == GO_ON) {
		if (look(release, &answer, err) < 0)
			return -1;
		if (answer == GO_ON && clock_now_ms() >= release->limit)
			return error_set(err, ERROR_HELD, "unable to release %s in time: %s",
					 release->app,
					 release->pidfd >= 0 ? "it was told to end, and still holds"
							     : "its holder has not named itself, "
							       "or a janitor is at work");
		if (answer == GO_ON)
			pause_a_little(release);
	}
	*ret = answer;
	return 0;
}

static int say(const struct context *context, const struct release *release, enum answer answer)
{
	static const struct {
		int status;
		const char *text;
	} answers[] = {
		[NOTHING_LEFT] = { 0, "released; nothing is left" },
		[LEFT_ON_PURPOSE] = { 0, "released; everything is left to the next sweep" },
		[TAKEN_OVER] = { 0, "released; another run has it now, which starts clean" },
		[LEFT] = { 1, "something could not be removed: it stays for the next sweep" },
		[DIED] = { 1, "its holder died without tearing down: `ci-janitor sweep` or `reap` "
			      "cleans up" },
	};
	struct error err = { .kind = ERROR_NONE };

	if (answers[answer].status)
		log_error("%s: %s", release->app, answers[answer].text);
	else if (!context->report.quiet)
		(void)printf("%s: %s\n", release->app, answers[answer].text);
	if (report_finish(&context->report, &err) < 0)
		return command_fail(&err);
	return answers[answer].status;
}

/* No lockfile: nobody holds the app, unless somebody has deleted a live holder's. */
static int say_free(const struct context *context, const struct release *release)
{
	struct error err = { .kind = ERROR_NONE };
	pid_t pid = 0;
	int found = lock_find_lasting_deleted_holder(release->dir, &release->file.hash, NULL, -1,
						     &pid, &err);

	if (found > 0) {
		(void)error_set(&err, ERROR_HELD,
				"unable to release %s: process %d holds it, whose lockfile "
				"somebody has deleted",
				release->app, (int)pid);
		return command_fail(&err);
	}
	if (found < 0)
		log_warning("unable to tell whether %s is held without a lockfile: %s",
			    release->app, err.message);
	if (!context->report.quiet)
		(void)printf("%s: nothing holds it\n", release->app);
	return report_finish(&context->report, &err) < 0 ? command_fail(&err) : 0;
}

static int run(const struct context *context, struct release *release)
{
	struct error err = { .kind = ERROR_NONE };
	enum answer answer = GO_ON;
	int state = lock_look_open(release->dir, &release->file.hash, &release->file, &err);

	if (state == LOCK_GONE)
		return say_free(context, release);
	if (state < 0 || wait_for_answer(release, &answer, &err) < 0)
		return command_fail(&err);
	return say(context, release, answer);
}

int command_release(struct context *context, char **operands)
{
	const struct settings *settings = &context->settings;
	CLEANUP_FREE char *holder =
		given.holder ? xstrdup(given.holder) : holder_id(tie_default_pid());
	struct error err = { .kind = ERROR_NONE };
	struct lock_dir dir;
	struct release release = {
		.app = operands[0],
		.dir = &dir,
		.file = APP_LOCK_NONE,
		.pidfd = -1,
		.step_ms = FIRST_STEP_MS,
		.unnamed_limit = clock_deadline(GRACE_MS),
		.limit = clock_deadline(given.wait_ms >= 0 ? given.wait_ms
							   : settings->kill_grace_ms +
								     settings->teardown_timeout_ms +
								     MARGIN_MS),
	};
	int status;

	if (app_name_check(operands[0], &err) < 0 || run_check_holder(given.holder, &err) < 0 ||
	    lock_dir_open(&dir, settings->lock_dir, &context->trust, &err) < 0)
		return command_fail(&err);
	name_asker(holder, &release.asker);
	release.file.hash = app_hash_of(operands[0]);
	status = run(context, &release);
	app_lock_release(&release.file);
	if (release.pidfd >= 0)
		(void)close(release.pidfd);
	lock_dir_close(&dir);
	return status;
}
