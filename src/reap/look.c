/*
 * A listing of the engine, in steps. First the node's role, then the services, then the rest,
 * last the tasks: without a swarm leader the engine answers 200 to a listing of networks with the
 * swarm's missing, so that listing counts only between two that need the leader.
 */
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "reap_internal.h"

#define LOOK_RETRY_MS 100
#define NAMES_MAX 256 /* in one filter: the request line must stay well below 1 MiB */
#define ROLE_PATIENCE_MS 3000
#define REST_FACTOR 6
#define REST_MAX_MS 1000

enum look_step { STEP_ROLE, STEP_SERVICES, STEP_REST, STEP_TASKS, STEP_END };

static void look_fail(struct look *look, const struct error *err)
{
	if (!look->failed)
		look->error = *err;
	look->failed = true;
}

static void ask(struct reaper *reaper, enum resource_kind kind, const struct list_filter *filter)
{
	struct look *look = &reaper->look;
	uint64_t cookie = (uint64_t)COOKIE_LOOK << 32 | look->number;
	struct error err = { .kind = ERROR_NONE };

	if (reaper->port.list(reaper->port.engine, kind, filter, cookie, &err) < 0)
		look_fail(look, &err);
	else
		look->in_flight++;
}

/* Of one app whose name is known, only configs with that name or its stacks' are asked for: each
 * label with each of them, since two values of a key are not "or" to the engine. All that name any
 * app when it matters who else there is. */
static void ask_labelled_configs(struct reaper *reaper, const struct word_list *names, size_t apps)
{
	const struct word_list *keys = &reaper->options->settings->app_labels;
	bool by_value = apps == 1 && names->count && !reaper->look.thorough;

	for (size_t i = 0; i < keys->count; i++) {
		struct list_filter filter = { .key = keys->words[i] };

		if (!by_value)
			ask(reaper, RESOURCE_CONFIG, &filter);
		for (size_t k = 0; by_value && k < names->count; k++) {
			filter.value = names->words[k];
			ask(reaper, RESOURCE_CONFIG, &filter);
		}
	}
}

static void ask_configs_by_prefix(struct reaper *reaper, const struct word_list *names)
{
	CLEANUP(word_list_release) struct word_list prefixes = { 0 };

	if (!word_list_contains(&reaper->options->settings->prefix_kinds,
				resource_kind_name(RESOURCE_CONFIG)))
		return;
	for (size_t i = 0; i < names->count; i++) {
		CLEANUP_FREE char *prefix = xasprintf("%s_", names->words[i]);

		word_list_append(&prefixes, prefix, strlen(prefix));
	}
	for (size_t i = 0; i < prefixes.count; i += NAMES_MAX) {
		size_t left = prefixes.count - i;
		struct list_filter filter = {
			.names = (const char *const *)prefixes.words + i,
			.name_count = left < NAMES_MAX ? left : NAMES_MAX,
		};

		ask(reaper, RESOURCE_CONFIG, &filter);
	}
}

/* Configs carry their data: only those that may be some app's are asked for. */
static void ask_configs(struct reaper *reaper)
{
	CLEANUP(word_list_release) struct word_list names = { 0 };
	size_t waiting = 0, named = 0;

	for (size_t i = 0; i < reaper->job_count; i++) {
		if (reaper->jobs[i].state != JOB_LISTING)
			continue;
		waiting++;
		named += plan_names(reaper, &reaper->jobs[i], &names);
	}
	ask_labelled_configs(reaper, &names, named == waiting ? waiting : 0);
	ask_configs_by_prefix(reaper, &names);
}

/* A manager proves that it is one by listing services and tasks, which others refuse; so its role
 * is asked for again only after a failure. The first look has the answer from connecting. */
static void ask_role(struct reaper *reaper)
{
	struct look *look = &reaper->look;
	struct error err = { .kind = ERROR_NONE };
	bool manager = reaper->port.role(reaper->port.engine) == SWARM_MANAGER;

	if (!look->role_is_old || reaper->options->settings->swarm == SWARM_USE_IGNORE ||
	    (manager && !look->role_is_doubtful)) {
		look->role_is_old = true;
		return;
	}
	if (reaper->port.refresh_role(reaper->port.engine,
				      (uint64_t)COOKIE_LOOK << 32 | look->number, &err) < 0)
		look_fail(look, &err);
	else
		look->in_flight++;
}

static bool has_swarm(struct reaper *reaper)
{
	struct look *look = &reaper->look;
	struct error err = { .kind = ERROR_NONE };
	enum swarm_role role = reaper->port.role(reaper->port.engine);

	if (reaper->options->settings->swarm == SWARM_USE_IGNORE)
		return false;
	if (role == SWARM_MANAGER || role == SWARM_NONE) {
		look->no_manager_since = 0;
		return role == SWARM_MANAGER;
	}
	if (!look->no_manager_since)
		look->no_manager_since = clock_now_ms();
	(void)error_set(&err, ERROR_UNREACHABLE,
			"unable to list the swarm's objects: this node is not an active swarm "
			"manager (its swarm state is \"%s\"); if no app has any, see [engine] "
			"swarm",
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
		if (!has_swarm(reaper))
			break;
		ask(reaper, RESOURCE_TASK, NULL);
		/* As with lockfiles: whoever has made a listed object has a lease by now. */
		if (world && (reaper->options->lease || orphan_leases_matter(reaper)))
			ask(reaper, RESOURCE_CONFIG, &(struct list_filter){ .key = LEASE_LABEL });
		break;
	case STEP_END:
		break;
	}
}

/* A node that is starting becomes a manager soon; a worker or a locked one doesn't by waiting. */
static bool is_hopeless(const struct look *look)
{
	return look->no_manager_since &&
	       clock_now_ms() - look->no_manager_since >= ROLE_PATIENCE_MS;
}

static void pass_on_error(struct reaper *reaper)
{
	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];

		if (job->state != JOB_LISTING && job->state != JOB_BARRIER)
			continue;
		job->last_error = reaper->look.error;
		if (is_hopeless(&reaper->look))
			job_finish(reaper, job, &reaper->look.error);
	}
}

/* A listing of everything costs the engine what removals could use. */
static int64_t rest_until(const struct look *look)
{
	int64_t now = clock_now_ms();
	int64_t rest = REST_FACTOR * (now - look->began_at);

	return now + (rest < REST_MAX_MS ? rest : REST_MAX_MS);
}

static void look_end(struct reaper *reaper)
{
	struct look *look = &reaper->look;

	look->running = false;
	look->role_is_doubtful = look->failed;
	if (look->failed) {
		pass_on_error(reaper);
		look->not_before = clock_now_ms() + LOOK_RETRY_MS;
	} else {
		plan_apply(reaper, look);
		look->not_before = 0;
	}
	if (look->scope == LOOK_WORLD)
		look->world_rests_until = rest_until(look);
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
	for (size_t i = 0; reaper->in_state[state] && i < reaper->job_count; i++)
		if (reaper->jobs[i].state == state && reaper->jobs[i].not_before <= now)
			return true;
	return false;
}

/* Does any app have something to remove yet? */
static bool is_at_work(const struct reaper *reaper)
{
	return reaper->in_state[JOB_READY] || reaper->in_state[JOB_REMOVING];
}

void look_start_if_wanted(struct reaper *reaper)
{
	struct look *look = &reaper->look;
	int64_t now = clock_now_ms();
	bool barrier, world;

	if (look->running || look->not_before > now)
		return;
	barrier = is_wanted(reaper, JOB_BARRIER, now);
	world = is_wanted(reaper, JOB_LISTING, now) &&
		(now >= look->world_rests_until || !is_at_work(reaper));
	if (!barrier && !world)
		return;
	/* In turns, so that neither starves the other. */
	if (barrier && world)
		look->scope = look->scope == LOOK_BARRIER ? LOOK_WORLD : LOOK_BARRIER;
	else
		look->scope = barrier ? LOOK_BARRIER : LOOK_WORLD;
	look->running = true;
	look->failed = false;
	look->thorough = reaper->wants_thorough;
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
