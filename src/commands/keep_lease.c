/*
 * Renews the lease of a run while its command runs: the run's supervisor carries no HTTP.
 *
 * When the supervisor is killed, its command may live on, as the kernel has it, and must not
 * outlive the lease: so what is left of the run is killed here, before the renewing ends.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "commands_internal.h"
#include "kernel/cgroup.h"
#include "kernel/marked.h"
#include "kernel/signals.h"
#include "reap/lease_client.h"

/* The supervisor's end comes as a SIGTERM, and shows by the closed end of the pipe in any case. */
#define LOOK_MS 1000
#define FENCE_STEP_MS 5
#define TRIES 6

static const char *run_id, *holder, *stack, *cgroup;
static int64_t run_term_ms;

const struct option_spec keep_lease_options_table[] = {
	{ "lease-term", 0, OPTION_NUMBER, &run_term_ms, "MS", "the term by which the run goes",
	  LEASE_TERM_MIN_MS, LEASE_TERM_MAX_MS, NULL },
	{ "run-id", 0, OPTION_TEXT, &run_id, "ID", "the run", 0, 0, NULL },
	{ "holder", 0, OPTION_TEXT, &holder, "ID", "who runs it", 0, 0, NULL },
	{ "stack", 0, OPTION_APP, &stack, "NAME", "the app's stack", 0, 0, NULL },
	{ "cgroup", 0, OPTION_TEXT, &cgroup, "PATH", "the run's cgroup", 0, 0, NULL },
	OPTIONS_END,
};

/* A request that hangs, as in a swarm that chooses a leader, must not keep us from trying again
 * while there is time. */
static void limit(int64_t *timeout_ms, int64_t term_ms)
{
	if (*timeout_ms > term_ms / TRIES)
		*timeout_ms = term_ms / TRIES;
}

static bool has_reader(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO };

	return poll(&out, 1, 0) <= 0 || !(out.revents & POLLERR);
}

void lease_tell_renewed(void *data, int64_t sent_at)
{
	char line[32];
	int length = snprintf(line, sizeof(line), "%" PRId64 "\n", sent_at);

	(void)data;
	/* A pipe that is full has news enough. */
	(void)!write(STDOUT_FILENO, line, (size_t)length);
}

static int answer_or_wait(struct lease_client *client, const struct engine_port *port,
			  struct error *err)
{
	int64_t due = lease_client_due(client), before = client->renewed_at;
	struct engine_answer answer;
	int got = port->wait(port->engine, due < 0 || due > LOOK_MS ? LOOK_MS : (int)due, &answer,
			     err);

	if (got <= 0)
		return got;
	lease_client_answer(client, &answer);
	resource_list_release(&answer.list);
	if (client->renewed_at != before)
		lease_tell_renewed(NULL, client->renewed_at);
	return 0;
}

static bool is_told(int wake_fd)
{
	struct pollfd wake = { .fd = wake_fd, .events = POLLIN };

	return poll(&wake, 1, 0) > 0;
}

static int keep(struct lease_client *client, const struct engine_port *port, int wake_fd,
		struct error *err)
{
	while (has_reader() && !is_told(wake_fd)) {
		if (lease_client_step(client, port, 0, err) < 0 ||
		    answer_or_wait(client, port, err) < 0)
			return -1;
		/* Before our first renewal, another's lease is a lost one, too. */
		if (client->status == LEASE_STATUS_LOST || client->status == LEASE_STATUS_NONE ||
		    client->status == LEASE_STATUS_BUSY)
			return error_set(err, ERROR_HELD, "the lease is another's");
		if (client->status == LEASE_STATUS_FAILED) {
			*err = client->error;
			return -1;
		}
	}
	return 0;
}

/* One pass; true: it has found nothing. */
static bool fence(void)
{
	bool has_group = cgroup && cgroup_path_is_ours(cgroup, run_id);
	struct error err = { .kind = ERROR_NONE };
	int members = has_group ? cgroup_kill(cgroup, run_id, &err) : 0;
	uint64_t unread = 0;
	size_t marked = 0;

	/* No hierarchy is mounted here: the marker decides. */
	if (members < 0 && !err.sys_errno)
		members = 0;
	return marked_kill(&run_id, 1, &marked, &unread, NULL) == 0 && !marked && !members &&
	       (has_group || !unread);
}

static void fence_all(int64_t deadline)
{
	while (!fence() && clock_now_ms() < deadline)
		clock_sleep_ms(FENCE_STEP_MS);
}

int command_keep_lease(struct context *context, char **operands)
{
	struct app_hash hash = app_hash_of(operands[0]);
	struct error err = { .kind = ERROR_NONE };
	struct engine_connection connection = { .settings = &context->settings,
						.wants_nodes = true,
						.wake_fd = signals_watch_termination(&err) };
	struct lease_client client;
	struct lease_holder self;
	struct engine_port port;
	struct lock_dir dir;
	int result;

	if (!run_id || !*run_id || !holder || !run_term_ms) {
		(void)error_set(&err, ERROR_USAGE,
				"keep-lease: --run-id, --holder and --lease-term are missing");
		return command_fail(&err);
	}
	context->settings.cluster_term_ms = run_term_ms;
	if (lock_dir_open(&dir, context->settings.lock_dir, &context->trust, &err) < 0)
		return command_fail(&err);
	lease_self(context, &dir, run_id, holder, &self);
	lock_dir_close(&dir);
	(void)snprintf(self.app, sizeof(self.app), "%s", operands[0]);
	(void)snprintf(self.stack, sizeof(self.stack), "%s", stack ? stack : "");
	limit(&context->settings.read_timeout_ms, self.term_ms);
	limit(&context->settings.write_timeout_ms, self.term_ms);
	lease_client_init(&client, &hash, &self, LEASE_HELD, false);
	client.must_exist = client.renew_only = true;
	result = connection.wake_fd < 0 ? -1
					: engine_connect(&connection, self.term_ms, &port, &err);
	if (result == 0)
		result = keep(&client, &port, connection.wake_fd, &err);
	engine_disconnect(&connection);
	if (!has_reader())
		fence_all(clock_deadline(self.term_ms));
	return result < 0 ? command_fail(&err) : 0;
}
