#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "kernel/process.h"
#include "model/event.h"
#include "run_internal.h"

#define IMPATIENCE_MS 1000

bool events_from_terminal(const struct run *run)
{
	if (!run->has_terminal || run->signal.ssi_code != SI_KERNEL)
		return false;
	/* The session leader alone is told of a hang-up; its end tells the foreground job. */
	return run->signal.ssi_signo != SIGHUP || getsid(0) != getpid();
}

static bool is_parent_gone(const struct run *run)
{
	if (run->parent_fd >= 0)
		return process_has_ended(run->parent_fd);
	/* A parent outside our PID namespace has no pid to compare with. */
	return run->parent == 0 || getppid() != run->parent;
}

void events_drain_children(struct run *run)
{
	for (;;) {
		siginfo_t info = { .si_pid = 0 };

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
			return;
		if (info.si_pid == run->lease.keeper.pid) {
			int status = 0;

			if (child_wait(&run->lease.keeper, false, &status) == 1)
				lease_keeper_ended(run, status);
		} else if (info.si_pid != run->child.pid)
			(void)waitpid(info.si_pid, NULL, WNOHANG);
		else if (child_wait(&run->child, false, &run->child_status) == 1)
			run->child_ended = true;
	}
}

static enum run_event stop_event(struct run *run, int signal_number)
{
	int64_t now = clock_now_ms(), before_last = run->impatience[0];

	if (signal_number == SIGHUP)
		return RUN_EVENT_STOP;
	run->impatience[0] = run->impatience[1];
	run->impatience[1] = now;
	return before_last && now - before_last <= IMPATIENCE_MS ? RUN_EVENT_HURRY : RUN_EVENT_STOP;
}

/* False for a signal that is no event. */
static bool classify(struct run *run, enum run_event *ret)
{
	int number = (int)run->signal.ssi_signo;

	/* SIGPIPE is our own, from a log line that nobody reads. */
	if (number == SIGCHLD || number == SIGPIPE)
		return false;
	if (number == RUN_PARENT_SIGNAL && (pid_t)run->signal.ssi_pid == run->parent) {
		run->parent_gone = is_parent_gone(run);
		return false;
	}
	if (number == SIGTERM || number == SIGINT || number == SIGHUP)
		*ret = stop_event(run, number);
	else
		*ret = number == SIGQUIT ? RUN_EVENT_QUIT : RUN_EVENT_SIGNAL;
	return true;
}

static bool next_signal(struct run *run, enum run_event *ret)
{
	while (read(run->signal_fd, &run->signal, sizeof(run->signal)) == sizeof(run->signal))
		if (classify(run, ret))
			return true;
	return false;
}

/* The parent's death counts as a SIGTERM, once. */
static bool parent_event(struct run *run)
{
	if (!run->parent_gone)
		return false;
	run->parent_gone = false;
	log_event(LOG_LEVEL_WARNING, event_of(EVENT_RUN_STOPPED),
		  "the parent of this run has died: stopping");
	if (run->parent_fd >= 0)
		(void)close(run->parent_fd);
	run->parent_fd = -1;
	run->signal = (struct signalfd_siginfo){ .ssi_signo = SIGTERM };
	return true;
}

static bool is_due(int64_t *timer, int64_t now)
{
	if (*timer > now)
		return false;
	*timer = CLOCK_NEVER;
	return true;
}

static bool timer_event(struct run *run, enum run_event *ret)
{
	int64_t now = clock_now_ms();

	if (is_due(&run->deadline, now))
		*ret = RUN_EVENT_DEADLINE;
	else if (is_due(&run->limit, now))
		*ret = RUN_EVENT_LIMIT;
	else if (is_due(&run->tick, now))
		*ret = RUN_EVENT_TICK;
	else
		return false;
	return true;
}

static void wait_for_something(struct run *run)
{
	struct pollfd fds[] = {
		{ .fd = run->signal_fd, .events = POLLIN },
		{ .fd = run->child.pidfd, .events = POLLIN },
		{ .fd = run->parent_fd, .events = POLLIN },
		{ .fd = run->watch_fd, .events = POLLIN },
		{ .fd = run->handover_fd, .events = POLLIN },
		{ .fd = run->lease.news_fd, .events = POLLIN },
		{ .fd = run->lease.timer_fd, .events = POLLIN },
	};
	int64_t first = run->deadline < run->limit ? run->deadline : run->limit;

	if (run->tick < first)
		first = run->tick;
	if (run->lease.keeper_at < first)
		first = run->lease.keeper_at;
	if (poll(fds, ARRAY_SIZE(fds), clock_left(first)) <= 0)
		return;
	run->parent_gone = run->parent_gone || fds[2].revents;
	run->lockfile_changed = fds[3].revents;
	if (fds[4].revents)
		hold_hear(run);
	if (fds[5].revents)
		lease_hear(run);
}

enum run_event events_next(struct run *run)
{
	enum run_event event;

	for (;;) {
		if (next_signal(run, &event))
			return event;
		if (parent_event(run))
			return RUN_EVENT_STOP;
		events_drain_children(run);
		if (run->child_ended) {
			run->child_ended = false;
			return RUN_EVENT_CHILD;
		}
		if (lease_event(run, &event) || timer_event(run, &event))
			return event;
		if (run->lockfile_changed) {
			run->lockfile_changed = false;
			return RUN_EVENT_LOCKFILE;
		}
		wait_for_something(run);
	}
}
