/* A run without a command, as include/run/supervisor.h describes it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "kernel/marked.h"
#include "kernel/process.h"
#include "model/event.h"
#include "run_internal.h"

#define ANCESTORS_MAX 1000

/* A failure shows as the other end's closing does: the run stops. */
void hold_hand_over(struct run *run)
{
	CLEANUP_TEXT struct text message = { .data = NULL };
	struct run_environment environment;

	run_environment_init(&environment, run);
	for (size_t i = 0; i < environment.own_count; i++)
		text_append_bytes(&message, environment.own[i], strlen(environment.own[i]) + 1);
	text_append_bytes(&message, "", 1);
	run_environment_release(&environment);
	if (send(run->handover_fd, message.data, message.length, MSG_NOSIGNAL | MSG_DONTWAIT) !=
	    (ssize_t)message.length)
		run->parent_gone = true;
}

/* What there is to say goes to the log from now on. */
static void on_its_own(const struct run *run)
{
	const struct run_hold *hold = run->options->hold;

	(void)dup2(hold->log_fd, STDERR_FILENO);
	if (hold->log_stream)
		(void)setenv("JOURNAL_STREAM", hold->log_stream, 1);
	log_open();
	run_tell_held(run);
}

void hold_hear(struct run *run)
{
	char byte;
	ssize_t count;

	do
		count = recv(run->handover_fd, &byte, 1, MSG_DONTWAIT);
	while (count < 0 && errno == EINTR);
	if (count < 0 && errno == EAGAIN)
		return;
	if (count == 1)
		on_its_own(run);
	else
		run->parent_gone = true;
	(void)close(run->handover_fd);
	run->handover_fd = -1;
}

/* The topmost of the process and its ancestors that carries the run's marker, 0: none does. */
static pid_t find_marked_ancestor(const struct run *run, pid_t pid)
{
	pid_t found = 0;

	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (marked_carries(pid, run->record.run_id))
			found = pid;
		if (process_parent(pid, &pid) < 0)
			break;
	}
	return found;
}

/* The one who sent the signal waits for what comes of it: its number is its own. */
static void note_asking(struct run *run)
{
	run->asking = find_marked_ancestor(run, (pid_t)run->signal.ssi_pid);
	if (run->asking == 0)
		return;
	run->asking_fd = process_open(run->asking);
	if (run->asking_fd < 0 || !marked_carries(run->asking, run->record.run_id))
		run->asking = 0;
}

void hold_stop(struct run *run, enum run_event event)
{
	const struct log_event *stopped = event_of(EVENT_RUN_STOPPED);
	const char *app = run->options->app;

	/* The byte may have come together with this: then the log is the one to write to. */
	if (run->handover_fd >= 0)
		hold_hear(run);
	run_note_told(run, event);
	if (event == RUN_EVENT_LEASE_LATE || event == RUN_EVENT_LEASE_OVER) {
		lease_say(run);
	} else if (event == RUN_EVENT_DEADLINE) {
		log_event(LOG_LEVEL_WARNING, stopped, "the deadline of %s has passed", app);
	} else if (run->signal.ssi_pid > 0) {
		log_event(LOG_LEVEL_INFO, stopped, "%s is released: signal %d from process %d", app,
			  (int)run->signal.ssi_signo, (int)run->signal.ssi_pid);
		note_asking(run);
	} else {
		log_event(LOG_LEVEL_INFO, stopped, "%s is released: what it was held for has ended",
			  app);
	}
	teardown_enter(run);
}

static bool is_spared(pid_t pid, const void *data)
{
	const struct run *run = data;

	if (run->asking == 0 || process_has_ended(run->asking_fd))
		return false;
	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		if (pid == run->asking)
			return true;
		if (process_parent(pid, &pid) < 0)
			break;
	}
	return false;
}

size_t hold_kill_members(struct run *run, struct error *err)
{
	const char *run_id = run->record.run_id;
	uint64_t unread = 0;
	size_t marked = 0;

	events_drain_children(run);
	if (marked_kill_others(&run_id, 1, is_spared, run, &marked, &unread, err) < 0)
		return 1;
	return marked + marked_leaves_doubt(unread, run->record.start_time);
}
