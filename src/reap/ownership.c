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

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_ownership_key(const struct settings *settings, const char *key)
{
	return word_list_contains(&settings->app_labels, key);
}

void owner_list_add_stated(struct owner_list *list, const struct resource *resource,
			   const struct settings *settings)
{
	for (size_t i = 0; i < resource->label_count; i++) {
		if (!is_ownership_key(settings, resource->labels[i].key))
			continue;
		list->stated = xgrow(list->stated, &list->stated_capacity, list->stated_count + 1,
				     sizeof(*list->stated));
		list->stated[list->stated_count++] = resource->labels[i].value;
	}
}

void owner_list_sort(struct owner_list *list)
{
	if (list->stated_count)
		qsort(list->stated, list->stated_count, sizeof(*list->stated), by_text);
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

const struct owner *owner_list_find_hash(const struct owner_list *list, const struct app_hash *hash)
{
	struct owner wanted = { .hash = *hash };

	return list->count
		       ? bsearch(&wanted, list->items, list->count, sizeof(*list->items), by_hash)
		       : NULL;
}

const struct owner *owner_list_find(const struct owner_list *list, const char *app)
{
	struct app_hash hash;

	if (!list->count || !app_name_is_valid(app))
		return NULL;
	hash = app_hash_of(app);
	return owner_list_find_hash(list, &hash);
}

void owner_list_release(struct owner_list *list)
{
	free(list->items);
	free(list->stacks);
	free(list->stated);
	*list = (struct owner_list){ 0 };
}

/* Which claim on an object goes before which. */
enum claim_rank { CLAIM_NONE, CLAIM_LIVE, CLAIM_BY_STACK, CLAIM_BY_NAME };

/* What the claims on one object come to. */
struct claims {
	size_t ours; /* the dead app that it goes to */
	enum claim_rank rank;
	const struct owner *other;	/* an app that is not ours to reap */
	char foreign[APP_NAME_MAX + 1]; /* likewise one without a lockfile */
	const char *key;		/* NULL: by name prefix */
	bool guarded;			/* one of the names is on [app] protect */
	char name[APP_NAME_MAX + 1];	/* the app or stack, by which it is ours */
};

static void add_claim(struct claims *claims, const struct owner *owner, enum claim_rank rank,
		      const char *key, const char *name)
{
	/* One that is not dead stands before one that is. */
	if ((owner->job == OWNER_NOBODY || owner->live) &&
	    (!claims->other || claims->other->reaping))
		claims->other = owner;
	if (owner->live)
		rank = CLAIM_LIVE;
	if (owner->job == OWNER_NOBODY || rank <= claims->rank)
		return;
	claims->ours = owner->job;
	claims->rank = rank;
	claims->key = key;
	(void)snprintf(claims->name, sizeof(claims->name), "%s", name);
}

/* Every known app that goes by the name, itself or its stack. Returns how many do. */
static size_t add_name_claims(struct claims *claims, const struct owner_list *owners,
			      const char *key, const char *name)
{
	const struct owner *owner = owner_list_find(owners, name);
	size_t low = 0, high = owners->stack_count, found = 0;

	if (owner) {
		add_claim(claims, owner, CLAIM_BY_NAME, key, name);
		found++;
	}
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(owners->stacks[middle].stack, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < owners->stack_count && !strcmp(owners->stacks[low].stack, name); low++) {
		add_claim(claims, &owners->items[owners->stacks[low].owner], CLAIM_BY_STACK, key,
			  name);
		found++;
	}
	return found;
}

bool owner_list_knows(const struct owner_list *list, const char *name)
{
	struct claims claims = { .ours = OWNER_NOBODY };

	return add_name_claims(&claims, list, NULL, name) > 0;
}

static bool is_stated(const struct owner_list *owners, const char *name)
{
	return owners->stated_count && bsearch(&name, owners->stated, owners->stated_count,
					       sizeof(*owners->stated), by_text);
}

/* The claims that a part of the object's name before a '_' makes. false: nobody's. An app without a
 * lockfile is known by the engine's labels, or because the configuration protects it. */
static bool add_prefix_claims(struct claims *claims, const struct owner_list *owners,
			      const struct settings *settings, const char *name, size_t length)
{
	CLEANUP_FREE char *prefix = xstrndup(name, length);

	claims->guarded = settings_protect_name(settings, prefix);
	if (add_name_claims(claims, owners, NULL, prefix))
		return true;
	if (!claims->guarded && !is_stated(owners, prefix))
		return false;
	(void)snprintf(claims->foreign, sizeof(claims->foreign), "%s", prefix);
	return true;
}

/* The longest known name decides. Where that is a dead app's and a shorter one is not, either could
 * have named the object so. */
static void find_prefix_claims(struct claims *claims, const struct owner_list *owners,
			       const struct settings *settings, const char *name)
{
	bool longest = true;

	for (size_t i = strlen(name); i > 1; i--) {
		struct claims level = { .ours = OWNER_NOBODY };

		if (name[i - 1] != '_' || !name[i] ||
		    !add_prefix_claims(&level, owners, settings, name, i - 1))
			continue;
		if (longest)
			*claims = level;
		if (claims->ours == OWNER_NOBODY)
			return;
		claims->guarded |= level.guarded;
		if (!longest && level.other && !level.other->reaping)
			claims->other = level.other;
		if (!longest && level.foreign[0])
			memcpy(claims->foreign, level.foreign, sizeof(claims->foreign));
		longest = false;
	}
}

static bool has_prefix_rule(const struct resource *resource, const struct settings *settings)
{
	return resource->name && !ownership_is_stated(resource, settings) &&
	       word_list_contains(&settings->prefix_kinds, resource_kind_name(resource->kind));
}

static void find_claims(struct claims *claims, const struct resource *resource,
			const struct owner_list *owners, const struct settings *settings)
{
	for (size_t key = 0; key < settings->app_labels.count; key++)
		for (size_t i = 0; i < resource->label_count; i++) {
			const struct label *label = &resource->labels[i];

			if (strcmp(label->key, settings->app_labels.words[key]) != 0)
				continue;
			(void)add_name_claims(claims, owners, label->key, label->value);
			claims->guarded |= settings_protect_name(settings, label->value);
		}
	if (has_prefix_rule(resource, settings))
		find_prefix_claims(claims, owners, settings, resource->name);
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

/* What the manager would make again, or what only it can remove. */
static bool is_of_the_swarm(const struct resource *resource)
{
	return resource->service_id || (resource->kind == RESOURCE_NETWORK && resource->driver &&
					!strcmp(resource->driver, "overlay"));
}

bool ownership_is_stated(const struct resource *resource, const struct settings *settings)
{
	for (size_t i = 0; i < resource->label_count; i++)
		if (is_ownership_key(settings, resource->labels[i].key))
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

static const char *name_of_other(const struct claims *claims)
{
	if (!claims->other)
		return claims->foreign;
	return claims->other->app[0] ? claims->other->app : claims->other->hash.hex;
}

static bool is_claimed_by_others(const struct claims *claims, char *reason, size_t size)
{
	if (claims->rank == CLAIM_LIVE || (!claims->other && !claims->foreign[0]))
		return false;
	if (claims->key)
		(void)snprintf(reason, size, "app %.130s, which is not dead, claims it too",
			       name_of_other(claims));
	else
		(void)snprintf(reason, size,
			       "it has no label, and by its name could be %.100s's or %.100s's",
			       claims->name, name_of_other(claims));
	return true;
}

/* Why the object must stay although it seems to be a dead app's; false: no reason. */
static bool reason_to_keep(const struct resource *resource, const struct claims *claims,
			   const struct settings *settings, char *reason, size_t size)
{
	if (is_claimed_by_others(claims, reason, size) ||
	    ownership_is_protected(resource, settings, reason, size))
		return true;
	if (claims->guarded)
		(void)snprintf(reason, size, "protected by [app] protect");
	else if (resource->kind == RESOURCE_NETWORK && is_builtin_network(resource))
		(void)snprintf(reason, size, "the engine's own network");
	else if (settings->swarm == SWARM_USE_IGNORE && is_of_the_swarm(resource))
		(void)snprintf(reason, size, "[engine] swarm says to ignore the swarm");
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
	ret->by_name = ret->other_reaps = false;
	ret->name[0] = ret->rule[0] = ret->reason[0] = '\0';
	find_claims(&claims, resource, owners, settings);
	if (claims.ours == OWNER_NOBODY)
		return;
	ret->job = claims.ours;
	ret->by_name = !claims.key;
	memcpy(ret->name, claims.name, sizeof(ret->name));
	if (claims.key)
		(void)snprintf(ret->rule, sizeof(ret->rule), "%.160s=%.150s", claims.key,
			       claims.name);
	else
		(void)snprintf(ret->rule, sizeof(ret->rule), "name begins with %s_", claims.name);
	if (reason_to_keep(resource, &claims, settings, ret->reason, sizeof(ret->reason))) {
		ret->what = OWNERSHIP_KEPT;
		ret->other_reaps = claims.other && claims.other->reaping;
	} else if (resource->malformed) {
		/* Its labels may be among what is missing. */
		ret->what = claims.key ? OWNERSHIP_DOUBTFUL : OWNERSHIP_KEPT;
		(void)snprintf(ret->reason, sizeof(ret->reason),
			       "the engine describes it incompletely");
	} else {
		ret->what = OWNERSHIP_OURS;
	}
}
