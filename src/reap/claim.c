/*
 * The leases of the jobs' apps, with [lock] cluster (model/lease.h). The lock comes first, then the
 * lease; only with both is anything listed or removed. At the end the lease is released, then the
 * lockfile goes. Wherever this process dies in between, the lockfile, the lease or both stay, and
 * say that there is something to do: to this host at once, to others when the term is over.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "reap_internal.h"
#include "sightings_internal.h"

#define RELEASE_MS 10000
#define ROLE_PATIENCE_MS 3000
#define ROLE_STEP_MS 100

static void look_at_sightings(struct reaper *reaper, struct job *job)
{
	if (!reaper->sightings) {
		reaper->sightings = xcalloc(1, sizeof(*reaper->sightings));
		sightings_read(reaper->dir, reaper->sightings);
	}
	job->lease.seen = sightings_find(reaper->sightings, &job->target->lock.hash);
}

/* A run's own record names it: its fresh start takes the lease that its teardown goes on with. */
void claim_init(struct reaper *reaper, struct job *job)
{
	const struct sweep_options *options = reaper->options;
	const struct reap_target *target = job->target;
	struct lease_holder self;

	if (!options->lease || target->search || target->live ||
	    (options->dry_run && target->for_run))
		return;
	self = *options->lease;
	(void)snprintf(self.app, sizeof(self.app), "%s", target->app);
	(void)snprintf(self.stack, sizeof(self.stack), "%s",
		       target->extra_stack[0] ? target->extra_stack : target->record.stack);
	lease_client_init(&job->lease, &target->lock.hash, &self,
			  target->orphan ? LEASE_ORPHAN : options->lease_state,
			  (target->created || target->lease_use == LEASE_USE_TAKE) &&
				  !target->lease_must_exist);
	look_at_sightings(reaper, job);
	job->lease.look_only = options->dry_run;
	job->lease.must_exist = target->lease_must_exist;
	job->lease.from = options->lease_from;
	job->claims = true;
}

void claim_or_list(struct job *job, uint32_t number)
{
	job_enter(job, job->claims && !job->claimed ? JOB_CLAIM : JOB_LISTING);
	job->wants_after = number;
	job->not_before = 0;
}

/* Whose it was may have requests under way, and has left what its own lockfile doesn't tell here.
 */
static void inherit(struct job *job)
{
	struct reap_target *target = job->target;
	const struct lease_holder *from = &job->lease.found.by;

	job->settle = true;
	job->settled_at = SETTLED_UNKNOWN;
	job->clean_listings_needed = 2;
	job->spares_files = false;
	if (!target->app[0] && from->app[0]) {
		(void)snprintf(target->app, sizeof(target->app), "%s", from->app);
		(void)snprintf(job->result.app, sizeof(job->result.app), "%s", from->app);
	}
	if (!target->record.stack[0])
		(void)snprintf(target->inherited_stack, sizeof(target->inherited_stack), "%s",
			       from->stack);
}

static void claimed(struct reaper *reaper, struct job *job)
{
	job->claimed = true;
	job->deadline = clock_deadline(reaper->options->app_timeout_ms);
	if (job->lease.taken_over)
		inherit(job);
	if (job->target->lease_use == LEASE_USE_REAP)
		claim_or_list(job, reaper->look.number);
	else
		job_end(reaper, job, NULL);
}

static void end_busy(struct reaper *reaper, struct job *job, const char *what)
{
	struct error err = { .kind = ERROR_NONE };
	char holder[256];

	lease_describe(&job->lease.found, holder, sizeof(holder));
	(void)error_set(&err, ERROR_HELD, "%s %s: %s", what, holder, job->lease.reason);
	job->busy = true;
	job_end(reaper, job, &err);
}

/* A janitor is done soon. */
static int64_t wait_limit(const struct sweep_options *options, const struct lease *lease)
{
	bool janitor = lease->state == LEASE_REAPING || lease->state == LEASE_ORPHAN;

	return janitor && options->lease_janitor_limit > options->lease_wait_limit
		       ? options->lease_janitor_limit
		       : options->lease_wait_limit;
}

static void busy(struct reaper *reaper, struct job *job)
{
	const struct sweep_options *options = reaper->options;
	char holder[256];

	/* Its time has not begun. */
	job->deadline = CLOCK_NEVER;
	if (options->dry_run || clock_now_ms() >= wait_limit(options, &job->lease.found)) {
		end_busy(reaper, job, "leased by");
	} else if (options->on_lease_busy) {
		lease_describe(&job->lease.found, holder, sizeof(holder));
		options->on_lease_busy(options->on_result_data, &job->result, holder);
	}
}

static void end_with(struct reaper *reaper, struct job *job, const char *reason)
{
	struct error err = { .kind = ERROR_NONE };

	(void)error_set(&err, ERROR_ENGINE, "%s", reason);
	job_end(reaper, job, &err);
}

/* It was looked at for a lease that is gone by now: nothing to do, nothing to tell. */
static void end_for_nothing(struct reaper *reaper, struct job *job)
{
	job->spared = job->silent = true;
	job_end(reaper, job, &job->lease.error);
}

static void judge(struct reaper *reaper, struct job *job)
{
	switch (job->lease.status) {
	case LEASE_STATUS_PENDING:
		job->last_error = job->lease.error;
		break;
	case LEASE_STATUS_HELD:
	case LEASE_STATUS_CLEAR:
		if (job->state == JOB_CLAIM)
			claimed(reaper, job);
		else if (job->state != JOB_RELEASE && !reaper->options->dry_run &&
			 !lease_client_is_valid(&job->lease))
			end_with(reaper, job, "its lease could not be renewed in time");
		break;
	case LEASE_STATUS_BUSY:
		busy(reaper, job);
		break;
	case LEASE_STATUS_LOST:
		end_busy(reaper, job, "its lease was taken by");
		break;
	case LEASE_STATUS_NONE:
		end_for_nothing(reaper, job);
		break;
	case LEASE_STATUS_FAILED:
		job_end(reaper, job, &job->lease.error);
		break;
	case LEASE_STATUS_GONE:
		job_end(reaper, job, job->has_end_error ? &job->end_error : NULL);
		break;
	}
}

/* A node that is starting becomes a manager soon. */
static bool has_manager(struct reaper *reaper, struct job *job)
{
	const struct engine_port *port = &reaper->port;
	int64_t now = clock_now_ms();
	struct error err = { .kind = ERROR_NONE };

	enum swarm_role role = port->role(port->engine);

	/* Whether it is one, the first answer tells. */
	if (role == SWARM_MANAGER || (role == SWARM_UNKNOWN && job->lease.error.kind == ERROR_NONE))
		return true;
	if (now - job->began_at < ROLE_PATIENCE_MS) {
		if (now >= job->not_before)
			(void)port->refresh_role(port->engine, (uint64_t)COOKIE_NOBODY << 32, NULL);
		job->not_before = now >= job->not_before ? now + ROLE_STEP_MS : job->not_before;
		return false;
	}
	(void)error_set(&err, ERROR_UNREACHABLE,
			"unable to lease it: [lock] cluster wants an active swarm manager, and "
			"this node's swarm state is \"%s\"",
			port->swarm_state(port->engine));
	job_end(reaper, job, &err);
	return false;
}

/* True: the job has ended instead. */
static bool is_contradicted(struct reaper *reaper, struct job *job)
{
	const struct sweep_options *options = reaper->options;
	struct error err = { .kind = ERROR_NONE };

	if (!options->check_lock || !job->lease.taken_over || job->lock_checked ||
	    job->lease.step != LEASE_STEP_WRITE || job->lease.asked)
		return false;
	job->lock_checked = true;
	if (options->check_lock(options->on_result_data, job->target, &err) == 0)
		return false;
	job->busy = err.kind == ERROR_HELD;
	job_end(reaper, job, &err);
	return true;
}

static void step(struct reaper *reaper, struct job *job)
{
	uint64_t number = reaper->first_number + (uint32_t)(job - reaper->jobs);
	struct error err = { .kind = ERROR_NONE };

	if (job->state == JOB_CLAIM && (!has_manager(reaper, job) || is_contradicted(reaper, job)))
		return;
	if (lease_client_step(&job->lease, &reaper->port, number << 32 | COOKIE_CLAIM, &err) < 0)
		job_end(reaper, job, &err);
	else
		judge(reaper, job);
}

void claim_step(struct reaper *reaper)
{
	if (!reaper->connected || !reaper->options->lease)
		return;
	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];

		if (job->claims && job->state != JOB_DONE &&
		    (job->claimed || job->state == JOB_CLAIM || job->state == JOB_RELEASE))
			step(reaper, job);
	}
}

void claim_answer(struct reaper *reaper, struct job *job, const struct engine_answer *answer)
{
	const struct sweep_options *options = reaper->options;
	int64_t before = job->lease.renewed_at;

	if (job->state == JOB_DONE)
		return;
	lease_client_answer(&job->lease, answer);
	if (options->on_lease_renewed && job->lease.renewed_at != before)
		options->on_lease_renewed(options->on_result_data, job->lease.renewed_at);
}

/* ... or may be made at any moment. */
static bool has_lease(const struct job *job)
{
	return job->lease.status == LEASE_STATUS_HELD ||
	       (job->lease.status == LEASE_STATUS_PENDING && job->lease.asked &&
		job->lease.step == LEASE_STEP_CREATE);
}

bool claim_release_first(struct reaper *reaper, struct job *job, const struct error *err)
{
	if (job->state == JOB_RELEASE || !has_lease(job) || reaper->options->dry_run)
		return false;
	/* What is left belongs to somebody, here or elsewhere. */
	if (!job_forgets(reaper, job, err))
		return false;
	if (reaper->ending)
		return false;
	job->has_end_error = err != NULL;
	if (err)
		job->end_error = *err;
	job_enter(job, JOB_RELEASE);
	job->deadline = clock_deadline(RELEASE_MS);
	lease_client_release(&job->lease);
	return true;
}
