/* Fencing: what a dead run left running is killed before anything is listed (run.md). */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "kernel/cgroup.h"
#include "kernel/marked.h"
#include "kernel/process.h"
#include "reap_internal.h"

#define FENCE_POLL_MS 5

/* The kernel that the run lived under is gone, and everything with it; or nothing identifies it. */
static bool nothing_can_live(const struct record *record)
{
	char boot_id[BOOT_ID_SIZE];

	if (!record->run_id[0])
		return true;
	return record->boot_id[0] && process_boot_id(boot_id) == 0 &&
	       strcmp(boot_id, record->boot_id) != 0;
}

/* From within a container nothing is seen of a run on its host. Of one in another container
 * neither; but what kills that kills everything in it, and often nobody else will ever look. */
static bool is_out_of_sight(const struct record *record)
{
	return record->pid_namespace == PROCESS_FIRST_PID_NAMESPACE && !process_sees_all();
}

static void fenced(struct job *job, uint32_t number)
{
	const struct record *record = &job->target->record;

	if (record->cgroup[0] &&
	    cgroup_remove(record->cgroup, record->run_id, &job->last_error) < 0) {
		job->not_before = clock_now_ms() + FENCE_POLL_MS;
		return;
	}
	claim_or_list(job, number);
}

/* Members of the run's cgroup before this pass, 0: proven empty; -1: not to be known, with the
 * reason in the job's last error. */
static int kill_group(struct job *job)
{
	const struct record *record = &job->target->record;
	struct error err = { .kind = ERROR_NONE };
	int members;

	/* A path that this run could not have made, or no cgroup mount here: the marker decides. */
	job->in_group = record->cgroup[0] && cgroup_path_is_ours(record->cgroup, record->run_id);
	if (!job->in_group)
		return 0;
	members = cgroup_kill(record->cgroup, record->run_id, &err);
	if (members < 0 && !err.sys_errno) {
		job->in_group = false;
		return 0;
	}
	if (members < 0)
		job->last_error = err;
	return members;
}

static void pass_done(struct job *job, uint32_t number, int members, size_t marked, uint64_t unread)
{
	bool doubt = !job->in_group && marked_leaves_doubt(unread, job->target->record.start_time);
	size_t alive = members > 0 ? (size_t)members : 0;

	if (alive < marked)
		alive = marked;
	if (job->result.killed < alive)
		job->result.killed = alive;
	if (alive == 0 && members == 0 && !doubt) {
		fenced(job, number);
		return;
	}
	job->not_before = clock_now_ms() + FENCE_POLL_MS;
	if (alive == 0 && doubt)
		(void)error_set(&job->last_error, ERROR_SYSTEM,
				"unable to tell whether a process is one of the run's: it is in an "
				"exec that doesn't end");
	if (alive == 0)
		return;
	(void)error_set(&job->last_error, ERROR_SYSTEM,
			"unable to kill what still runs of the run: %zu processes are alive",
			alive);
}

static bool is_due(const struct job *job, int64_t now)
{
	return job->state == JOB_FENCE && job->not_before <= now;
}

static size_t count_due(const struct reaper *reaper, int64_t now)
{
	size_t count = 0;

	for (size_t i = 0; i < reaper->job_count; i++)
		count += is_due(&reaper->jobs[i], now);
	return count;
}

/* One pass over /proc for all of them. */
static void kill_all(struct reaper *reaper, size_t due, int64_t now)
{
	CLEANUP_FREE const char **ids = xcalloc(due, sizeof(*ids));
	CLEANUP_FREE struct job **jobs = xcalloc(due, sizeof(*jobs));
	CLEANUP_FREE int *members = xcalloc(due, sizeof(*members));
	CLEANUP_FREE size_t *marked = xcalloc(due, sizeof(*marked));
	struct error err = { .kind = ERROR_NONE };
	uint64_t unread = 0;
	size_t count = 0;

	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];

		if (!is_due(job, now))
			continue;
		if (nothing_can_live(&job->target->record)) {
			fenced(job, reaper->look.number);
			continue;
		}
		if (is_out_of_sight(&job->target->record)) {
			(void)error_set(&err, ERROR_SYSTEM,
					"unable to tell what still runs of the run: it was not in "
					"this container; sweep on its host");
			job_finish(reaper, job, &err);
			continue;
		}
		jobs[count] = job;
		members[count] = kill_group(job);
		ids[count++] = job->target->record.run_id;
	}
	if (!count)
		return;
	if (marked_kill(ids, count, marked, &unread, &err) < 0) {
		for (size_t i = 0; i < count; i++) {
			jobs[i]->last_error = err;
			jobs[i]->not_before = now + FENCE_POLL_MS;
		}
		return;
	}
	for (size_t i = 0; i < count; i++)
		pass_done(jobs[i], reaper->look.number, members[i], marked[i], unread);
}

void fence_step(struct reaper *reaper)
{
	int64_t now = clock_now_ms();
	size_t due = reaper->in_state[JOB_FENCE] ? count_due(reaper, now) : 0;

	if (due)
		kill_all(reaper, due, now);
}
