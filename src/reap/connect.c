/* The engine is connected to only when there is something to ask it. */
#include "base/clock.h"
#include "reap_internal.h"

/* Connecting blocks the loop, and so has to keep its deadlines. */
static int64_t connect_timeout(const struct reaper *reaper)
{
	int left = clock_left(reaper->deadline);

	if (left < 0 || left > reaper->options->app_timeout_ms)
		return reaper->options->app_timeout_ms;
	return left ? left : 1;
}

bool sweep_connect(struct reaper *reaper)
{
	struct error err = { .kind = ERROR_NONE };

	if (reaper->connected || reaper->connect_error.kind != ERROR_NONE)
		return reaper->connected;
	reaper->connected =
		reaper->options->connect(reaper->options->connect_data, connect_timeout(reaper),
					 &reaper->port, &err) == 0;
	/* Told to stop is not unreachable. */
	if (!reaper->connected && !sweep_is_told(reaper))
		reaper->connect_error = err;
	return reaper->connected;
}

static bool needs_engine(const struct job *job)
{
	return job->state == JOB_LISTING || job->state == JOB_CLAIM;
}

/* Another engine's objects can't be judged here. The run's processes are this machine's, and have
 * been fenced. */
static void finish_foreign(struct reaper *reaper)
{
	const struct sweep_options *options = reaper->options;

	for (size_t i = 0; options->check_engine && i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];
		struct error err = { .kind = ERROR_NONE };

		if (!needs_engine(job) || job->engine_checked || job->target->search)
			continue;
		job->engine_checked = true;
		if (options->check_engine(options->connect_data, &job->target->record, &err) < 0)
			job_end(reaper, job, &err);
	}
}

void connect_if_needed(struct reaper *reaper)
{
	const size_t *in_state = reaper->in_state;

	if (in_state[JOB_LISTING] || in_state[JOB_CLAIM])
		finish_foreign(reaper);
	if (!(in_state[JOB_LISTING] || in_state[JOB_CLAIM]) || sweep_connect(reaper) ||
	    reaper->connect_error.kind == ERROR_NONE)
		return;
	for (size_t i = 0; i < reaper->job_count; i++)
		if (needs_engine(&reaper->jobs[i]))
			job_finish(reaper, &reaper->jobs[i], &reaper->connect_error);
}
