/*
 * A listing of the engine, in steps. First the node's role, then the services, then the rest,
 * last the tasks: without a swarm leader the engine answers 200 to a listing of networks with the
 * swarm's missing, so that listing counts only between two that need the leader.
 */
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "reap_internal.h"

#define LOOK_RETRY_MS 100
#define LOOK_SPACING_MS 25

enum look_step { STEP_ROLE, STEP_SERVICES, STEP_REST, STEP_TASKS, STEP_END };

static void look_fail(struct look *look, const struct error *err)
{
	if (!look->failed)
		look->error = *err;
	look->failed = true;
}

static void ask(struct reaper *reaper, enum resource_kind kind, const struct label_filter *filter)
{
	struct look *look = &reaper->look;
	uint64_t cookie = (uint64_t)COOKIE_LOOK << 32 | look->number;
	struct error err = { .kind = ERROR_NONE };

	if (reaper->port.list(reaper->port.engine, kind, filter, cookie, &err) < 0)
		look_fail(look, &err);
	else
		look->in_flight++;
}

/* Configs carry their data: only those with an ownership label are asked for. */
static void ask_configs(struct reaper *reaper)
{
	const struct word_list *keys = &reaper->options->settings->app_labels;

	for (size_t i = 0; i < keys->count; i++)
		ask(reaper, RESOURCE_CONFIG, &(struct label_filter){ .key = keys->words[i] });
}

static void ask_role(struct reaper *reaper)
{
	struct look *look = &reaper->look;
	struct error err = { .kind = ERROR_NONE };

	if (reaper->port.refresh_role(reaper->port.engine,
				      (uint64_t)COOKIE_LOOK << 32 | look->number, &err) < 0)
		look_fail(look, &err);
	else
		look->in_flight++;
}

static bool has_swarm(struct reaper *reaper)
{
	struct error err = { .kind = ERROR_NONE };
	enum swarm_role role = reaper->port.role(reaper->port.engine);

	if (role != SWARM_OTHER)
		return role == SWARM_MANAGER;
	(void)error_set(&err, ERROR_UNREACHABLE,
			"unable to list the swarm's objects: this node is not an active swarm "
			"manager (its swarm state is \"%s\")",
			reaper->port.swarm_state(reaper->port.engine));
	look_fail(&reaper->look, &err);
	return false;
}

static void ask_step(struct reaper *reaper)
{
	struct look *look = &reaper->look;
	bool world = look->scope == LOOK_WORLD;

	switch ((enum look_step)look->step) {
	case STEP_ROLE:
		ask_role(reaper);
		break;
	case STEP_SERVICES:
		if (has_swarm(reaper) && world)
			ask(reaper, RESOURCE_SERVICE, NULL);
		break;
	case STEP_REST:
		ask(reaper, RESOURCE_CONTAINER, NULL);
		if (!world)
			break;
		ask(reaper, RESOURCE_NETWORK, NULL);
		ask(reaper, RESOURCE_VOLUME, NULL);
		if (!has_swarm(reaper))
			break;
		ask(reaper, RESOURCE_SECRET, NULL);
		ask_configs(reaper);
		break;
	case STEP_TASKS:
		if (has_swarm(reaper))
			ask(reaper, RESOURCE_TASK, NULL);
		break;
	case STEP_END:
		break;
	}
}

static void remember_error(struct reaper *reaper)
{
	for (size_t i = 0; i < reaper->job_count; i++)
		if (reaper->jobs[i].state == JOB_LISTING || reaper->jobs[i].state == JOB_BARRIER)
			reaper->jobs[i].last_error = reaper->look.error;
}

static void look_end(struct reaper *reaper)
{
	struct look *look = &reaper->look;

	look->running = false;
	if (look->failed) {
		remember_error(reaper);
		look->not_before = clock_now_ms() + LOOK_RETRY_MS;
	} else {
		plan_apply(reaper, look);
		look->not_before = 0;
	}
	resource_list_release(&look->found);
}

/* Goes on while there is nothing to wait for. */
static void advance(struct reaper *reaper)
{
	struct look *look = &reaper->look;

	while (look->running && look->in_flight == 0) {
		if (look->failed || look->step == STEP_END)
			look_end(reaper);
		else
			ask_step(reaper);
		if (look->in_flight == 0 && look->running && !look->failed)
			look->step++;
	}
}

static bool is_wanted(const struct reaper *reaper, enum job_state state, int64_t now)
{
	for (size_t i = 0; i < reaper->job_count; i++)
		if (reaper->jobs[i].state == state && reaper->jobs[i].not_before <= now)
			return true;
	return false;
}

void look_start_if_wanted(struct reaper *reaper)
{
	struct look *look = &reaper->look;
	int64_t now = clock_now_ms();
	bool barrier, world;

	if (look->running || look->not_before > now)
		return;
	barrier = is_wanted(reaper, JOB_BARRIER, now);
	world = is_wanted(reaper, JOB_LISTING, now);
	if (!barrier && !world)
		return;
	/* In turns, so that neither starves the other. */
	if (barrier && world)
		look->scope = look->scope == LOOK_BARRIER ? LOOK_WORLD : LOOK_BARRIER;
	else
		look->scope = barrier ? LOOK_BARRIER : LOOK_WORLD;
	look->running = true;
	look->failed = false;
	look->step = STEP_ROLE;
	look->in_flight = 0;
	look->began_at = now;
	look->number++;
	look->error = (struct error){ .kind = ERROR_NONE };
	advance(reaper);
}

void look_answer(struct reaper *reaper, struct engine_answer *answer)
{
	struct look *look = &reaper->look;

	if (!look->running || (uint32_t)answer->cookie != look->number) {
		resource_list_release(&answer->list);
		return;
	}
	look->in_flight--;
	if (answer->outcome == ENGINE_DONE)
		resource_list_move(&look->found, &answer->list);
	else
		look_fail(look, &answer->error);
	resource_list_release(&answer->list);
	if (look->in_flight == 0 && !look->failed)
		look->step++;
	advance(reaper);
}
