/*
 * What dead apps have on the swarm's other nodes (reaping.md, "More than one node"). One round, for
 * all jobs that wait for it: the nodes are listed, a service is started whose task on each of them
 * removes what it is told by its identity and reports what is there, the reports are read, the
 * service is removed. What they report goes to the jobs with the next listing, like all else.
 *
 *	IDLE -> LIST -> START -> TASKS <-> READ -> REMOVE -> IDLE
 *
 * A node that doesn't report in time, or can't, is named in the results of the jobs that it may
 * have something of. Its task is still listed by the swarm then, and that keeps its apps from being
 * called clean (plan.c), even for a successor, until the node has said that it ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "nodes_internal.h"

#define ROUND_MS 25000
#define GATHER_MS 1000 /* how long the first job waits for others to join it */
#define LOOK_MS 25
#define NODES_AGAIN_MS 1000
#define REMOVE_MS 2000
#define NO_NODE UINT16_MAX

enum nodes_step { NODES_IDLE, NODES_LIST, NODES_START, NODES_TASKS, NODES_READ, NODES_REMOVE };

static uint64_t cookie(const struct nodes *nodes, size_t node)
{
	return (uint64_t)COOKIE_NODES << 32 | (uint64_t)(nodes->number & 0xffff) << 16 | node;
}

static void release_items(struct nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++) {
		free(nodes->items[i].id);
		free(nodes->items[i].name);
		free(nodes->items[i].task);
	}
	free(nodes->items);
	nodes->items = NULL;
	nodes->count = nodes->capacity = 0;
}

void nodes_release(struct reaper *reaper)
{
	struct nodes *nodes = &reaper->nodes;

	release_items(nodes);
	resource_list_release(&nodes->found);
	free(nodes->service);
	nodes->service = NULL;
	nodes->step = NODES_IDLE;
}

bool nodes_has_ended(const struct reaper *reaper, const struct resource *task)
{
	return word_list_contains(&reaper->nodes.ended, task->id);
}

static void set_reason(struct other_node *node, const char *reason)
{
	if (!node->reported && !node->reason[0])
		(void)snprintf(node->reason, sizeof(node->reason), "%.255s",
			       reason && *reason ? reason : "it does not say why");
}

struct other_node *nodes_find(struct nodes *nodes, const char *id)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (id && !strcmp(nodes->items[i].id, id))
			return &nodes->items[i];
	return NULL;
}

const char *nodes_name(const struct reaper *reaper, const char *id)
{
	for (size_t i = 0; i < reaper->nodes.count; i++)
		if (!strcmp(reaper->nodes.items[i].id, id))
			return reaper->nodes.items[i].name;
	return id;
}

static int start_service(struct reaper *reaper, struct error *err)
{
	CLEANUP(word_list_release) struct word_list arguments = { 0 };
	const struct settings *settings = reaper->options->settings;
	CLEANUP_TEXT struct text apps = { 0 }, ordered = { 0 };
	CLEANUP_FREE char *name = NULL;
	struct node_job job = { .image = settings->engine_image,
				.not_on = reaper->port.node_id(reaper->port.engine),
				.arguments = &arguments };
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return error_set(err, ERROR_SYSTEM, "unable to get random bytes");
	job.name = name = xasprintf("ci-janitor-job-%016llx", (unsigned long long)number);
	nodes_collect(reaper, &apps, &ordered, &arguments);
	job.apps = text_get(&apps);
	job.ordered = text_get(&ordered);
	return reaper->port.start_job(reaper->port.engine, &job, cookie(&reaper->nodes, NO_NODE),
				      err);
}

/* Its answer is one for the round. */
static void expect(struct nodes *nodes, int sent, const struct error *err)
{
	if (sent == 0) {
		nodes->in_flight++;
		return;
	}
	for (size_t i = 0; i < nodes->count; i++)
		set_reason(&nodes->items[i], err->message);
}

static size_t count_open(const struct nodes *nodes)
{
	size_t open = 0;

	for (size_t i = 0; i < nodes->count; i++)
		open += !nodes->items[i].reported && !nodes->items[i].reason[0];
	return open;
}

static void read_reports(struct reaper *reaper)
{
	struct nodes *nodes = &reaper->nodes;
	struct error err = { .kind = ERROR_NONE };

	for (size_t i = 0; i < nodes->count && i < NO_NODE; i++)
		if (nodes->items[i].may_report && !nodes->items[i].reported &&
		    !nodes->items[i].reason[0])
			expect(nodes,
			       reaper->port.read_report(reaper->port.engine, nodes->items[i].task,
							cookie(nodes, i), &err),
			       &err);
}

static void ask(struct reaper *reaper)
{
	struct nodes *nodes = &reaper->nodes;
	const struct list_filter filter = { .service = nodes->service };
	const struct resource service = { .kind = RESOURCE_SERVICE, .id = nodes->service };
	struct error err = { .kind = ERROR_NONE };
	uint64_t to = cookie(nodes, NO_NODE);

	switch ((enum nodes_step)nodes->step) {
	case NODES_LIST:
		nodes->nodes_at = clock_now_ms();
		expect(nodes, reaper->port.list(reaper->port.engine, RESOURCE_NODE, NULL, to, &err),
		       &err);
		break;
	case NODES_START:
		expect(nodes, start_service(reaper, &err), &err);
		break;
	case NODES_TASKS:
		expect(nodes,
		       reaper->port.list(reaper->port.engine, RESOURCE_TASK, &filter, to, &err),
		       &err);
		break;
	case NODES_READ:
		read_reports(reaper);
		break;
	case NODES_REMOVE:
		if (nodes->service)
			expect(nodes, reaper->port.remove(reaper->port.engine, &service, to, &err),
			       &err);
		break;
	case NODES_IDLE:
		break;
	}
}

static void begin_round(struct reaper *reaper)
{
	struct nodes *nodes = &reaper->nodes;

	for (size_t i = 0; i < reaper->job_count; i++)
		if (reaper->jobs[i].state == JOB_NODES)
			reaper->jobs[i].nodes_asked = true;
	nodes_release(reaper);
	nodes->number++;
	nodes->step = NODES_LIST;
	nodes->list_error = (struct error){ .kind = ERROR_NONE };
	nodes->not_before = 0;
	nodes->may_be_late = false;
	nodes->deadline = clock_deadline(ROUND_MS);
	ask(reaper);
}

/* A task that has reported removes nothing any more; the engine takes a moment to end it. One that
 * has not, and was told to remove something, leaves its app unfinished, which whoever makes objects
 * of the app next has to wait for: not a sweep, but a run that starts. */
static void give_up(struct reaper *reaper)
{
	struct nodes *nodes = &reaper->nodes;
	bool waits = nodes_are_for_run(reaper);

	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->items[i].task && (nodes->items[i].reported || !waits))
			word_list_append(&nodes->ended, nodes->items[i].task,
					 strlen(nodes->items[i].task));
}

static void advance(struct reaper *reaper)
{
	struct nodes *nodes = &reaper->nodes;
	int64_t now = clock_now_ms();

	if (nodes->in_flight)
		return;
	if (nodes->step == NODES_REMOVE) {
		nodes_end_round(reaper);
		give_up(reaper);
		nodes->step = NODES_IDLE;
		free(nodes->service);
		nodes->service = NULL;
		return;
	}
	if (count_open(nodes) && now >= nodes->deadline)
		for (size_t i = 0; i < nodes->count; i++)
			set_reason(&nodes->items[i], "it has not answered in time");
	if (!count_open(nodes)) {
		nodes->step = NODES_REMOVE;
	} else if (!nodes->service) {
		nodes->step = NODES_START;
	} else if (nodes->step == NODES_TASKS) {
		nodes->step = NODES_READ;
	} else {
		nodes->step = now - nodes->nodes_at > NODES_AGAIN_MS ? NODES_LIST : NODES_TASKS;
		nodes->not_before = now + LOOK_MS;
		return;
	}
	ask(reaper);
	if (!nodes->in_flight)
		nodes->not_before = now + LOOK_MS;
}

static void take_nodes(struct reaper *reaper, const struct resource_list *list)
{
	struct nodes *nodes = &reaper->nodes;
	const char *own = reaper->port.node_id(reaper->port.engine);
	bool first = !nodes->service;

	for (size_t i = 0; i < list->count; i++) {
		const struct resource *found = &list->items[i];
		struct other_node *node = nodes_find(nodes, found->id);
		char reason[64];

		if (!strcmp(found->id, own) || nodes->count == NO_NODE)
			continue;
		if (!node && first) {
			nodes->items = xgrow(nodes->items, &nodes->capacity, nodes->count + 1,
					     sizeof(*nodes->items));
			node = &nodes->items[nodes->count++];
			*node = (struct other_node){
				.id = xstrdup(found->id),
				.name = xstrdup(found->name ? found->name : found->id),
			};
		}
		(void)snprintf(reason, sizeof(reason), "it is %.40s",
			       found->state ? found->state : "in no known state");
		if (node && (!found->state || strcmp(found->state, "ready") != 0))
			set_reason(node, reason);
	}
}

static void take_task(struct nodes *nodes, const struct resource *task)
{
	struct other_node *node = nodes_find(nodes, task->node);
	const char *state = task->state ? task->state : "";
	bool failed = !strcmp(state, "failed");

	if (!node)
		return;
	/* Its log may say more of a failure. */
	if (!strcmp(state, "rejected") || !strcmp(state, "orphaned") ||
	    (failed && node->may_report))
		set_reason(node, task->error);
	node->may_report = failed || !strcmp(state, "running") || !strcmp(state, "complete");
	if (!node->task)
		node->task = xstrdup(task->id);
}

static void take_report(struct nodes *nodes, struct other_node *node, struct engine_answer *answer)
{
	if (answer->outcome == ENGINE_NOT_NOW || answer->outcome == ENGINE_NO_ANSWER)
		return;
	if (answer->outcome != ENGINE_DONE) {
		set_reason(node, answer->error.message);
		return;
	}
	for (size_t i = 0; i < answer->list.count; i++) {
		free(answer->list.items[i].node);
		answer->list.items[i].node = xstrdup(node->id);
	}
	resource_list_move(&nodes->found, &answer->list);
	node->reported = true;
}

static void take(struct reaper *reaper, size_t number, struct engine_answer *answer)
{
	struct nodes *nodes = &reaper->nodes;
	bool done = answer->outcome == ENGINE_DONE;

	if (nodes->step == NODES_READ && number < nodes->count) {
		take_report(nodes, &nodes->items[number], answer);
	} else if (nodes->step == NODES_LIST && done) {
		take_nodes(reaper, &answer->list);
	} else if (nodes->step == NODES_TASKS && done) {
		for (size_t i = 0; i < answer->list.count; i++)
			take_task(nodes, &answer->list.items[i]);
	} else if (nodes->step == NODES_START && done && answer->list.count) {
		nodes->service = xstrdup(answer->list.items[0].id);
	} else if (!done && (nodes->step == NODES_START || !nodes->count)) {
		nodes->may_be_late = nodes->step == NODES_START;
		nodes->list_error = answer->error;
		for (size_t i = 0; i < nodes->count; i++)
			set_reason(&nodes->items[i], answer->error.message);
	}
}

void nodes_answer(struct reaper *reaper, struct engine_answer *answer)
{
	struct nodes *nodes = &reaper->nodes;
	uint32_t low = (uint32_t)answer->cookie;

	if (nodes->step != NODES_IDLE && low >> 16 == (nodes->number & 0xffff) &&
	    nodes->in_flight) {
		nodes->in_flight--;
		take(reaper, low & 0xffff, answer);
		advance(reaper);
	}
	resource_list_release(&answer->list);
}

/* All that may still come along go together; a round that some have not looked at must not be
 * overwritten. */
static bool is_time(const struct reaper *reaper, int64_t now)
{
	int64_t first = INT64_MAX;
	bool more = false;

	if (!reaper->in_state[JOB_NODES])
		return false;
	for (size_t i = 0; i < reaper->job_count; i++) {
		const struct job *job = &reaper->jobs[i];

		if (job->state == JOB_NODES && job->stage_since < first)
			first = job->stage_since;
		if (job->state == JOB_LISTING && job->round && !job->round_is_taken)
			return false;
		more |= job->state != JOB_NODES && job->state != JOB_DONE &&
			job->state != JOB_HOOK && job->state != JOB_RELEASE;
	}
	return first != INT64_MAX && (!more || now - first > GATHER_MS);
}

void nodes_step(struct reaper *reaper)
{
	int64_t now = clock_now_ms();

	if (reaper->nodes.step == NODES_IDLE) {
		if (is_time(reaper, now))
			begin_round(reaper);
	} else if (!reaper->nodes.in_flight && now >= reaper->nodes.not_before) {
		if (reaper->nodes.step == NODES_LIST || reaper->nodes.step == NODES_TASKS)
			ask(reaper);
		else
			advance(reaper);
	}
}

/* Told to stop, or out of time. What doesn't work now the next sweep does. */
void nodes_abandon(struct reaper *reaper)
{
	struct nodes *nodes = &reaper->nodes;
	int64_t deadline = clock_deadline(REMOVE_MS);
	struct engine_answer answer;

	if (nodes->step == NODES_IDLE || !nodes->service)
		return;
	nodes->number++;
	nodes->step = NODES_REMOVE;
	nodes->in_flight = 0;
	ask(reaper);
	while (nodes->in_flight && clock_left(deadline) &&
	       reaper->port.wait(reaper->port.engine, clock_left(deadline), &answer, NULL) > 0) {
		nodes->in_flight -= (uint32_t)answer.cookie >> 16 == (nodes->number & 0xffff) &&
				    answer.cookie >> 32 == COOKIE_NODES;
		resource_list_release(&answer.list);
	}
}
