/*
 * A run's lease, with [lock] cluster (model/lease.h): taken by the fresh start's engine child,
 * renewed by a keeper of ours from the command's start to its end, then held and released by the
 * teardown's child. Both tell over a pipe when the writes that were acknowledged had been sent.
 * What follows from their silence is decided here, by a clock that goes on while the machine
 * sleeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/parse.h"
#include "model/lease.h"
#include "model/event.h"
#include "run_internal.h"

#define KEEPER_AGAIN_MS 1000
#define LINE_MAX_BYTES 32

static int64_t stop_at(const struct run *run)
{
	return run->lease.renewed_at + lease_stop_after(run->options->lease_term_ms);
}

static int64_t kill_at(const struct run *run)
{
	return run->lease.renewed_at + lease_kill_after(run->options->lease_term_ms);
}

static void set_timer(struct run *run, int64_t boot_ms)
{
	const struct itimerspec spec = {
		.it_value = { boot_ms / 1000, (long)(boot_ms % 1000) * 1000000 },
	};

	if (run->lease.timer_fd >= 0)
		(void)timerfd_settime(run->lease.timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void take_line(struct run *run, const char *line)
{
	int64_t sent_at;

	if (parse_number(line, 1, INT64_MAX, &sent_at, NULL) < 0 ||
	    sent_at <= run->lease.renewed_at || sent_at > clock_boot_ms())
		return;
	run->lease.renewed_at = sent_at;
	if (run->lease.watched)
		set_timer(run, run->lease.late ? kill_at(run) : stop_at(run));
}

/* Each line is written at once, so that only whole ones come. */
void lease_hear(struct run *run)
{
	char lines[64 * LINE_MAX_BYTES + 1], *rest, *line;
	ssize_t count;

	while (run->lease.news_fd >= 0 &&
	       (count = read(run->lease.news_fd, lines, sizeof(lines) - 1)) > 0) {
		lines[count] = '\0';
		rest = lines;
		while ((line = strsep(&rest, "\n")))
			take_line(run, line);
	}
}

int lease_open(struct run *run, struct error *err)
{
	int fds[2];

	if (!run->options->lease_term_ms || run->lease.news_fd >= 0)
		return 0;
	run->lease.timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	/* Not blocking: a keeper whose supervisor is stopped goes on. */
	if (run->lease.timer_fd < 0 || pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to watch the lease");
	run->lease.news_fd = fds[0];
	run->lease.child_fd = fds[1];
	return 0;
}

void lease_close(struct run *run)
{
	cleanup_close(&run->lease.news_fd);
	cleanup_close(&run->lease.child_fd);
	cleanup_close(&run->lease.timer_fd);
	run->lease.news_fd = run->lease.child_fd = run->lease.timer_fd = -1;
}

static void start_keeper(struct run *run)
{
	const struct run_engine_work work = { .mode = "keep",
					      .lock_fd = -1,
					      .record = &run->record };
	const struct run_options *options = run->options;
	struct child_setup setup = CHILD_SETUP_INIT;
	struct error err = { .kind = ERROR_NONE };
	bool exec_failed;

	run->lease.keeper_at = CLOCK_NEVER;
	setup.argv = options->engine_argv(options->engine_argv_data, &work);
	setup.exec_path = "/proc/self/exe";
	setup.signals = &run->before;
	setup.restore_capabilities = true;
	setup.new_session = true;
	/* Nobody renews for a run that nobody supervises: it kills what is left of it, and ends. */
	setup.death_signal = SIGTERM;
	setup.stdout_fd = run->lease.child_fd;
	if (child_spawn(&setup, &run->lease.keeper, &exec_failed, &err) == 0)
		return;
	log_warning("unable to start what renews the lease: %s", err.message);
	run->lease.keeper_at = clock_deadline(KEEPER_AGAIN_MS);
}

bool lease_keep(struct run *run)
{
	if (!run->options->lease_term_ms)
		return true;
	lease_hear(run);
	if (!run->lease.renewed_at || clock_boot_ms() >= stop_at(run)) {
		log_event(LOG_LEVEL_ERROR, event_of(EVENT_RUN_REFUSED),
			  "unable to run %s: its lease was not renewed in time", run->options->app);
		return false;
	}
	run->lease.watched = true;
	set_timer(run, stop_at(run));
	run->lease.keeper_at = 0;
	return true;
}

void lease_leave(struct run *run)
{
	if (run->lease.keeper.pid > 0)
		child_kill(&run->lease.keeper);
	run->lease.keeper_at = CLOCK_NEVER;
	run->lease.watched = false;
	set_timer(run, 0);
}

void lease_keeper_ended(struct run *run, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == error_exit_status(ERROR_HELD))
		run->lease.lost = true;
	else if (run->kill_limit == 0)
		run->lease.keeper_at = clock_deadline(KEEPER_AGAIN_MS);
}

static bool is_over(struct run *run)
{
	return run->lease.lost || (run->lease.late && clock_boot_ms() >= kill_at(run));
}

bool lease_event(struct run *run, enum run_event *ret)
{
	uint64_t times;

	if (run->lease.keeper_at <= clock_now_ms())
		start_keeper(run);
	if (!run->lease.watched)
		return false;
	/* After a stop by the terminal there may be news that is younger than the timer. */
	lease_hear(run);
	if (read(run->lease.timer_fd, &times, sizeof(times)) == (ssize_t)sizeof(times) &&
	    !run->lease.late && clock_boot_ms() >= stop_at(run)) {
		run->lease.late = true;
		set_timer(run, kill_at(run));
		*ret = RUN_EVENT_LEASE_LATE;
		return true;
	}
	if (!is_over(run))
		return false;
	run->lease.watched = false;
	set_timer(run, 0);
	*ret = RUN_EVENT_LEASE_OVER;
	return true;
}

void lease_say(const struct run *run)
{
	if (run->lease.lost)
		log_event(LOG_LEVEL_ERROR, event_of(EVENT_RUN_STOPPED),
			  "the lease of %s is another's: killing this run", run->options->app);
	else
		log_event(LOG_LEVEL_ERROR, event_of(EVENT_RUN_STOPPED),
			  "the lease of %s could not be renewed in time: stopping, before another "
			  "host may take it",
			  run->options->app);
}
