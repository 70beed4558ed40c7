#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "kernel/cgroup.h"
#include "lock/scratch.h"
#include "model/event.h"
#include "run_internal.h"

#define KILL_STEP_MS 20
#define DROP_STEP_MS 10
#define DROP_ATTEMPTS 20
/* Most of the cost of a watch is its end: runs that are over so soon have none. */
#define WATCH_AFTER_MS 1000
#define STATUS_NOT_EXECUTABLE 126
#define STATUS_NOT_FOUND 127

/* The mount's descriptor, or -1: no cgroup. Planned first, so that the record names the group
 * before there is one. */
static int plan_cgroup(struct run *run)
{
	struct error err = { .kind = ERROR_NONE };
	struct record *record = &run->record;
	int mount_fd = -1;

	if (!cgroup_plan(record->run_id, record->cgroup, sizeof(record->cgroup), &mount_fd, &err))
		log_debug("no cgroup for this run: %s", err.message);
	return mount_fd;
}

static void make_cgroup(struct run *run, int mount_fd)
{
	struct error err = { .kind = ERROR_NONE };

	if (mount_fd >= 0 && !cgroup_make(mount_fd, run->record.cgroup, &run->cgroup_fd, &err))
		log_debug("no cgroup for this run: %s", err.message);
}

int command_drop_cgroup(struct run *run, struct error *err)
{
	const struct record *record = &run->record;

	cleanup_close(&run->cgroup_fd);
	if (!record->cgroup[0] || run->cgroup_gone)
		return 0;
	for (int attempt = 0; attempt < DROP_ATTEMPTS; attempt++) {
		if (cgroup_remove(record->cgroup, record->run_id, err) == 0)
			return 0;
		clock_sleep_ms(DROP_STEP_MS);
	}
	return -1;
}

static int spawn(struct run *run, struct error *err)
{
	struct child_setup setup = CHILD_SETUP_INIT;
	struct run_environment environment;
	bool exec_failed = false;
	int result;

	run_environment_init(&environment, run);
	setup.argv = run->options->command;
	setup.envp = environment.envp;
	setup.signals = &run->before;
	setup.restore_capabilities = true;
	setup.new_session = !run->has_terminal;
	setup.death_signal = SIGKILL;
	setup.cgroup_fd = run->cgroup_fd;
	setup.pid_namespace = run->options->pid_namespace;
	setup.inherit_fd = run->options->hold_lock ? run->lock.fd : -1;
	result = child_spawn(&setup, &run->child, &exec_failed, err);
	run_environment_release(&environment);
	if (result == 0)
		return 0;
	if (!exec_failed)
		run->command_status = error_exit_status(err->kind);
	else
		run->command_status =
			err->sys_errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE;
	return -1;
}

/* The record says "running" before CMD exists: nothing that could fail is left for afterwards. */
void command_enter(struct run *run)
{
	const struct run_options *options = run->options;
	struct error err = { .kind = ERROR_NONE };
	CLEANUP_CLOSE int mount_fd = -1;

	if (!lease_keep(run)) {
		run_leave(run, RUN_STATUS_LEASE, false);
		return;
	}
	if (options->scratch_dir &&
	    scratch_create(options->scratch_dir, options->trust, &run->hash, run->record.run_id,
			   options->scratch_links, &run->scratch, &err) < 0) {
		run_leave(run, run_log_error(&err), true);
		return;
	}
	if (!options->hold)
		mount_fd = plan_cgroup(run);
	run->phase = run->record.phase = RUN_PHASE_RUNNING;
	if (options->deadline_ms != CLOCK_NEVER)
		run->record.deadline = clock_wall_seconds() + options->deadline_ms / 1000;
	if (app_lock_write_record(&run->lock, &run->record, &err) < 0) {
		/* The scratch directory, if any, is the next sweep's. */
		run_leave(run, run_log_error(&err), run->scratch == NULL);
		return;
	}
	make_cgroup(run, mount_fd);
	if (options->hold)
		hold_hand_over(run);
	if (!options->hold)
		run_tell_held(run);
	if (options->hold || spawn(run, &err) == 0) {
		run->deadline = clock_deadline(options->deadline_ms);
		run->tick = clock_deadline(WATCH_AFTER_MS);
		return;
	}
	(void)run_log_error(&err);
	teardown_enter(run);
}

void command_ended(struct run *run)
{
	run->command_status = WIFEXITED(run->child_status) ? WEXITSTATUS(run->child_status)
							   : 128 + WTERMSIG(run->child_status);
	teardown_enter(run);
}

/* Job control: when the terminal stops CMD, the shell waits for us to stop as well. Through the
 * default action, since that spares an orphaned process group, which nobody could continue. */
void command_suspend(struct run *run)
{
	int number = (int)run->signal.ssi_signo;
	sigset_t set;

	if (!run->has_terminal || (number != SIGTSTP && number != SIGTTIN && number != SIGTTOU))
		return;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, number);
	(void)raise(number);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
}

static void command_signal(const struct run *run, int signal_number)
{
	if (run->options->pid_namespace)
		(void)child_queue(&run->child, signal_number, 0);
	else
		(void)child_signal(&run->child, signal_number);
}

void command_pass_on(struct run *run)
{
	if (!events_from_terminal(run))
		command_signal(run, (int)run->signal.ssi_signo);
	command_suspend(run);
}

void command_stop(struct run *run, enum run_event event)
{
	bool deadline = event == RUN_EVENT_DEADLINE;
	bool lease = event == RUN_EVENT_LEASE_LATE || event == RUN_EVENT_LEASE_OVER;

	if (run->options->hold) {
		hold_stop(run, event);
		return;
	}
	if (deadline)
		log_event(LOG_LEVEL_WARNING, event_of(EVENT_RUN_STOPPED),
			  "the deadline of %s has passed: stopping", run->options->app);
	else if (event == RUN_EVENT_STOP)
		log_story(event_of(EVENT_RUN_STOPPED),
			  "%s is told to stop: signal %d from process %d", run->options->app,
			  (int)run->signal.ssi_signo, (int)run->signal.ssi_pid);
	run_note_told(run, event);
	run_set_phase(run, RUN_PHASE_STOPPING);
	run->deadline = CLOCK_NEVER;
	if (lease) {
		lease_say(run);
		if (event == RUN_EVENT_LEASE_OVER) {
			command_kill(run);
			return;
		}
	}
	run->limit = clock_deadline(run->options->kill_grace_ms);
	if (!deadline && !lease && events_from_terminal(run))
		members_signal_beyond_terminal(run, (int)run->signal.ssi_signo);
	else
		members_signal(run, deadline || lease ? SIGTERM : (int)run->signal.ssi_signo);
}

void command_kill(struct run *run)
{
	int64_t now = clock_now_ms();

	if (run->kill_limit == 0) {
		log_event(LOG_LEVEL_WARNING, event_of(EVENT_RUN_KILLED),
			  "killing what is left of the run of %s", run->options->app);
		run->kill_limit = clock_deadline(run->options->teardown_timeout_ms);
	}
	if (now >= run->kill_limit) {
		teardown_enter(run);
		return;
	}
	(void)members_kill(run, NULL);
	run->limit = now + KILL_STEP_MS;
}
