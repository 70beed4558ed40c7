#include "report/metrics.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

#define PREFIX "ci_janitor_"

static void head(struct text *out, const char *name, const char *type, const char *help)
{
	text_appendf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name,
		     type);
}

static void gauge(struct text *out, const char *name, const char *help, int64_t value)
{
	head(out, name, "gauge", help);
	text_appendf(out, PREFIX "%s %" PRId64 "\n", name, value);
}

/* The sum over all sweeps: each counter's line is found again by its name in the next file. */
struct counter {
	const char *name;
	const char *help;
	size_t offset;
};

static const struct counter counters[] = {
	{ "sweeps_total", "Sweeps that came to their end.", offsetof(struct metrics, sweeps) },
	{ "sweep_failures_total", "Sweeps that left something or could not do their work.",
	  offsetof(struct metrics, failures) },
	{ "reaped_apps_total", "Apps of dead runs that were reaped.",
	  offsetof(struct metrics, reaped) },
	{ "killed_processes_total", "Processes of dead runs that were killed.",
	  offsetof(struct metrics, killed) },
};

#define REMOVED "removed_objects_total"
#define SUCCEEDED "last_success_timestamp_seconds"

static uint64_t *value_of(struct metrics *metrics, const struct counter *counter)
{
	return (uint64_t *)((char *)metrics + counter->offset);
}

/* Tasks go with their services. */
static bool is_counted(enum resource_kind kind)
{
	return kind != RESOURCE_TASK;
}

static void render_counters(const struct metrics *metrics, struct text *out)
{
	struct metrics copy = *metrics;

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		head(out, counters[i].name, "counter", counters[i].help);
		text_appendf(out, PREFIX "%s %" PRIu64 "\n", counters[i].name,
			     *value_of(&copy, &counters[i]));
	}
	head(out, REMOVED, "counter", "Objects of dead runs that were removed.");
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++)
		if (is_counted(kind))
			text_appendf(out, PREFIX REMOVED "{kind=\"%s\"} %" PRIu64 "\n",
				     resource_kind_name(kind), metrics->removed[kind]);
}

/* A label's value by the format's rules; the rest of the hostile was escaped before. */
static void append_label(struct text *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			text_append(out, "\\");
		text_append_bytes(out, value, 1);
	}
}

static void render_leftovers(const struct metrics *metrics, struct text *out)
{
	gauge(out, "apps_left", "Dead apps that the last sweep could not reap wholly.",
	      (int64_t)metrics->leftover_count);
	if (!metrics->leftover_count)
		return;
	head(out, "leftover_objects", "gauge",
	     "Objects of the app that the last sweep could not remove.");
	for (size_t i = 0; i < metrics->leftover_count; i++) {
		CLEANUP_TEXT struct text app = { 0 };

		text_append_escaped(&app, metrics->leftovers[i].app);
		text_append(out, PREFIX "leftover_objects{app=\"");
		append_label(out, text_get(&app));
		text_appendf(out, "\"} %zu\n", metrics->leftovers[i].objects);
	}
}

static void render_locks(const struct metrics *metrics, struct text *out)
{
	head(out, "locks", "gauge", "Lockfiles by state, after the last sweep.");
	for (int state = 0; state < LOCK_VIEW_STATE_COUNT; state++)
		if (state != LOCK_VIEW_FREE)
			text_appendf(out, PREFIX "locks{state=\"%s\"} %zu\n",
				     lock_view_state_name(state), metrics->locks[state]);
	if (metrics->oldest_held)
		gauge(out, "oldest_held_timestamp_seconds",
		      "Since when the lock is held that is held for longest.",
		      metrics->oldest_held);
}

void metrics_render(const struct metrics *metrics, struct text *out)
{
	gauge(out, "last_sweep_timestamp_seconds", "When the last sweep ended.", metrics->finished);
	head(out, "last_sweep_duration_seconds", "gauge", "How long the last sweep took.");
	text_appendf(out, PREFIX "last_sweep_duration_seconds %" PRId64 ".%03d\n",
		     metrics->took_ms / 1000, (int)(metrics->took_ms % 1000));
	if (metrics->succeeded)
		gauge(out, SUCCEEDED, "When a sweep last ended with nothing dead left.",
		      metrics->succeeded);
	render_locks(metrics, out);
	/* Before what may be more than the next sweep reads. */
	render_counters(metrics, out);
	render_leftovers(metrics, out);
}

/* The value of the line that begins with the name and a blank. */
static bool find_value(const char *text, const char *name, uint64_t *ret)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ' ')
			return sscanf(line + length, " %18" SCNu64, ret) == 1;
	}
	return false;
}

void metrics_add_earlier(struct metrics *metrics, const char *text)
{
	uint64_t value;
	char name[80];

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++) {
		(void)snprintf(name, sizeof(name), PREFIX "%s", counters[i].name);
		if (find_value(text, name, &value))
			*value_of(metrics, &counters[i]) += value;
	}
	for (int kind = 0; kind < RESOURCE_KIND_COUNT; kind++) {
		(void)snprintf(name, sizeof(name), PREFIX REMOVED "{kind=\"%s\"}",
			       resource_kind_name(kind));
		if (find_value(text, name, &value))
			metrics->removed[kind] += value;
	}
	if (!metrics->succeeded && find_value(text, PREFIX SUCCEEDED, &value))
		metrics->succeeded = (int64_t)value;
}
