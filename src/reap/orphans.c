#include "reap/orphans.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/parse.h"
#include "model/app.h"

/* Containers state seconds, all else RFC 3339. */
static bool created_at(const struct resource *resource, int64_t *ret)
{
	const char *text = resource->created;

	if (!text)
		return false;
	if (resource->kind == RESOURCE_CONTAINER)
		return parse_number(text, 1, INT64_MAX, ret, NULL) == 0;
	return parse_time(text, ret, NULL) == 0 && *ret > 0;
}

static bool is_labelled(const struct resource *resource, const char *app,
			const struct settings *settings)
{
	for (size_t i = 0; i < resource->label_count; i++)
		if (word_list_contains(&settings->app_labels, resource->labels[i].key) &&
		    !strcmp(resource->labels[i].value, app))
			return true;
	return false;
}

static bool goes_by(const struct resource *resource, const char *name,
		    const struct settings *settings)
{
	size_t length = strlen(name);

	if (is_labelled(resource, name, settings))
		return true;
	return resource->name && !strncmp(resource->name, name, length) &&
	       resource->name[length] == '_' &&
	       word_list_contains(&settings->prefix_kinds, resource_kind_name(resource->kind));
}

static bool is_of(const struct resource *resource, const char *app, const struct settings *settings)
{
	char stack[APP_NAME_MAX + 1];

	settings_stack_name(settings, app, stack, sizeof(stack));
	return goes_by(resource, app, settings) || goes_by(resource, stack, settings);
}

static bool is_made_by_somebody(const struct resource *resource)
{
	return resource->kind == RESOURCE_SERVICE || resource->kind == RESOURCE_SECRET ||
	       resource->kind == RESOURCE_CONFIG ||
	       (resource->kind == RESOURCE_CONTAINER && !resource->service_id);
}

bool orphans_are_old(const struct resource_list *found, const char *app,
		     const struct settings *settings, int64_t now, bool begun, char *reason,
		     size_t size)
{
	bool any = begun;

	for (size_t i = 0; i < found->count; i++) {
		const struct resource *resource = &found->items[i];
		int64_t created;

		if (resource->kind == RESOURCE_TASK || (begun && !is_made_by_somebody(resource)) ||
		    !is_of(resource, app, settings))
			continue;
		any = true;
		if (created_at(resource, &created) &&
		    now - created >= settings->orphan_min_age_ms / 1000)
			continue;
		(void)snprintf(reason, size, "%s %.100s is younger than [orphans] min_age",
			       resource_kind_name(resource->kind),
			       resource->name ? resource->name : resource->id);
		return false;
	}
	if (!any)
		(void)snprintf(reason, size, "nothing of it is left");
	return any;
}

bool orphans_may_be(const char *name, const struct settings *settings)
{
	return app_name_is_valid(name) && word_list_matches(&settings->orphan_pattern, name) &&
	       !settings_protect_name(settings, name);
}

static bool is_candidate(const char *name, const struct owner_list *owners,
			 const struct settings *settings)
{
	return orphans_may_be(name, settings) && !owner_list_knows(owners, name);
}

static int check_owners(const struct owner_list *owners, struct error *err)
{
	char name[APP_LOCKFILE_NAME_SIZE];

	for (size_t i = 0; i < owners->count; i++)
		if (!owners->items[i].app[0] && owners->items[i].hash.hex[0])
			return error_set(err, ERROR_LOCK,
					 "unable to tell orphans: the lockfile %s, or the lease of "
					 "that hash, does not say whose it is, and its app may "
					 "have any stack",
					 app_lockfile_name(&owners->items[i].hash, name));
	return 0;
}

static int by_word(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int orphans_select(const struct resource_list *found, const struct owner_list *owners,
		   const struct settings *settings, int64_t now, struct word_list *ret,
		   struct error *err)
{
	char reason[160];

	if (check_owners(owners, err) < 0)
		return -1;
	/* owners->stated is sorted: equal names are neighbours. */
	for (size_t i = 0; i < owners->stated_count; i++) {
		const char *name = owners->stated[i];

		if ((i && !strcmp(name, owners->stated[i - 1])) ||
		    !is_candidate(name, owners, settings) ||
		    !orphans_are_old(found, name, settings, now, false, reason, sizeof(reason)))
			continue;
		word_list_append(ret, name, strlen(name));
	}
	if (ret->count)
		qsort(ret->words, ret->count, sizeof(ret->words[0]), by_word);
	return 0;
}
