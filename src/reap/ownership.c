#include "reap/ownership.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"

struct owner *owner_list_append(struct owner_list *list)
{
	struct owner *owner;

	list->items = xgrow(list->items, &list->capacity, list->count + 1, sizeof(*list->items));
	owner = &list->items[list->count++];
	memset(owner, 0, sizeof(*owner));
	owner->job = OWNER_NOBODY;
	return owner;
}

void owner_add_stack(struct owner *owner, const char *stack)
{
	if (!app_name_is_valid(stack) || !strcmp(stack, owner->app))
		return;
	for (size_t i = 0; i < OWNER_STACKS; i++) {
		if (!strcmp(owner->stacks[i], stack))
			return;
		if (!owner->stacks[i][0]) {
			(void)snprintf(owner->stacks[i], sizeof(owner->stacks[i]), "%s", stack);
			return;
		}
	}
}

static int by_hash(const void *a, const void *b)
{
	return strcmp(((const struct owner *)a)->hash.hex, ((const struct owner *)b)->hash.hex);
}

static int by_stack(const void *a, const void *b)
{
	return strcmp(((const struct owner_stack *)a)->stack,
		      ((const struct owner_stack *)b)->stack);
}

void owner_list_sort(struct owner_list *list)
{
	if (!list->count)
		return;
	qsort(list->items, list->count, sizeof(*list->items), by_hash);
	free(list->stacks);
	list->stacks = xcalloc(list->count * OWNER_STACKS, sizeof(*list->stacks));
	list->stack_count = 0;
	for (size_t i = 0; i < list->count; i++)
		for (size_t s = 0; s < OWNER_STACKS; s++)
			if (list->items[i].stacks[s][0])
				list->stacks[list->stack_count++] =
					(struct owner_stack){ list->items[i].stacks[s], i };
	qsort(list->stacks, list->stack_count, sizeof(*list->stacks), by_stack);
}

void owner_list_release(struct owner_list *list)
{
	free(list->items);
	free(list->stacks);
	*list = (struct owner_list){ 0 };
}

/* What the claims on one object come to. */
struct claims {
	size_t ours;		   /* the dead app that it goes to */
	bool direct;		   /* by its name rather than its stack */
	const struct owner *other; /* an app that is not ours to reap */
	const struct label *label;
};

static void add_claim(struct claims *claims, const struct owner *owner, bool direct,
		      const struct label *label)
{
	if (owner->job == OWNER_NOBODY) {
		claims->other = owner;
		return;
	}
	if (claims->ours != OWNER_NOBODY && (claims->direct || !direct))
		return;
	claims->ours = owner->job;
	claims->direct = direct;
	claims->label = label;
}

static void add_label_claims(struct claims *claims, const struct owner_list *owners,
			     const struct label *label)
{
	struct owner wanted = { 0 };
	const struct owner *owner;
	size_t low = 0, high = owners->stack_count;

	if (!owners->count || !app_name_is_valid(label->value))
		return;
	wanted.hash = app_hash_of(label->value);
	owner = bsearch(&wanted, owners->items, owners->count, sizeof(*owners->items), by_hash);
	if (owner)
		add_claim(claims, owner, true, label);
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(owners->stacks[middle].stack, label->value) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < owners->stack_count && !strcmp(owners->stacks[low].stack, label->value); low++)
		add_claim(claims, &owners->items[owners->stacks[low].owner], false, label);
}

static bool is_protected_by_label(const struct resource *resource, const char *protect)
{
	const char *equals = protect ? strchr(protect, '=') : NULL;

	if (!equals)
		return false;
	for (size_t i = 0; i < resource->label_count; i++) {
		const struct label *label = &resource->labels[i];

		if (strlen(label->key) == (size_t)(equals - protect) &&
		    !strncmp(label->key, protect, (size_t)(equals - protect)) &&
		    !strcmp(label->value, equals + 1))
			return true;
	}
	return false;
}

/* The engine's own networks: it does delete `ingress` when asked. */
static bool is_builtin_network(const struct resource *resource)
{
	static const char *const names[] = { "ingress", "bridge", "host", "none",
					     "docker_gwbridge" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (resource->name && !strcmp(resource->name, names[i]))
			return true;
	return false;
}

bool ownership_is_stated(const struct resource *resource, const struct settings *settings)
{
	for (size_t i = 0; i < resource->label_count; i++)
		if (word_list_contains(&settings->app_labels, resource->labels[i].key))
			return true;
	return false;
}

bool ownership_is_protected(const struct resource *resource, const struct settings *settings,
			    char *reason, size_t size)
{
	if (is_protected_by_label(resource, settings->protect_label))
		(void)snprintf(reason, size, "protected by the label %s", settings->protect_label);
	else if (word_list_matches(&settings->protect, resource->name ? resource->name : ""))
		(void)snprintf(reason, size, "protected by [reap] protect");
	else
		return false;
	return true;
}

/* Why the object must stay although its labels name a dead app; false: no reason. */
static bool reason_to_keep(const struct resource *resource, const struct claims *claims,
			   const struct settings *settings, char *reason, size_t size)
{
	if (claims->other)
		(void)snprintf(reason, size, "app %s, which is not dead, claims it too",
			       claims->other->app[0] ? claims->other->app
						     : claims->other->hash.hex);
	else if (ownership_is_protected(resource, settings, reason, size))
		return true;
	else if (word_list_matches(&settings->app_protect, claims->label->value))
		(void)snprintf(reason, size, "protected by [app] protect");
	else if (resource->kind == RESOURCE_NETWORK && is_builtin_network(resource))
		(void)snprintf(reason, size, "the engine's own network");
	else if (resource->kind == RESOURCE_VOLUME &&
		 !(resource->driver &&
		   word_list_contains(&settings->volume_drivers, resource->driver)))
		(void)snprintf(reason, size, "volume driver %.60s is not in [reap] volume_drivers",
			       resource->driver ? resource->driver : "(unknown)");
	else
		return false;
	return true;
}

void ownership_judge(const struct resource *resource, const struct owner_list *owners,
		     const struct settings *settings, struct ownership_verdict *ret)
{
	struct claims claims = { .ours = OWNER_NOBODY };

	ret->what = OWNERSHIP_NONE;
	ret->job = OWNER_NOBODY;
	ret->rule[0] = ret->reason[0] = '\0';
	for (size_t key = 0; key < settings->app_labels.count; key++)
		for (size_t i = 0; i < resource->label_count; i++)
			if (!strcmp(resource->labels[i].key, settings->app_labels.words[key]))
				add_label_claims(&claims, owners, &resource->labels[i]);
	if (claims.ours == OWNER_NOBODY)
		return;
	ret->job = claims.ours;
	(void)snprintf(ret->rule, sizeof(ret->rule), "%.160s=%.150s", claims.label->key,
		       claims.label->value);
	if (reason_to_keep(resource, &claims, settings, ret->reason, sizeof(ret->reason))) {
		ret->what = OWNERSHIP_KEPT;
	} else if (resource->malformed) {
		ret->what = OWNERSHIP_DOUBTFUL;
		(void)snprintf(ret->reason, sizeof(ret->reason),
			       "the engine describes it incompletely");
	} else {
		ret->what = OWNERSHIP_OURS;
	}
}
