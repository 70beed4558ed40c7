#include "fuzz/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define APPS_MAX 6
#define NAME_SIZE 24

enum fate { DEAD, LIVE, REAPING, FOREIGN, PROTECTED, FATES };

struct app {
	char name[NAME_SIZE];
	char stack[NAME_SIZE]; /* may be the name */
	enum fate fate;	       /* FOREIGN and PROTECTED have no lockfile */
};

struct world {
	struct app apps[APPS_MAX];
	size_t app_count;
	struct settings settings;
	struct owner_list owners;
	struct resource labelled; /* states the foreign apps */
};

static unsigned long long state;
static const uint8_t *bytes; /* NULL: draws are random */
static size_t bytes_left;

void world_draw_from_seed(unsigned long long seed)
{
	state = seed;
	bytes = NULL;
}

void world_draw_from_bytes(const uint8_t *data, size_t size)
{
	bytes = data;
	bytes_left = size;
}

static unsigned draw_random(unsigned below)
{
	/* splitmix64 */
	unsigned long long z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (unsigned)((z ^ z >> 31) >> 33) % below;
}

/* Past the last byte all draws are 0. */
static unsigned draw(unsigned below)
{
	if (!bytes)
		return draw_random(below);
	if (!bytes_left)
		return 0;
	bytes_left--;
	return *bytes++ % below;
}

static void draw_name(char *ret)
{
	static const char *const parts[] = { "a", "b", "A", "a_", "b_", "a.b", "a-b", "a_b" };

	ret[0] = '\0';
	for (unsigned i = 0, count = 1 + draw(3); i < count; i++) {
		size_t length = strlen(ret);

		snprintf(ret + length, NAME_SIZE - length, "%s", parts[draw(8)]);
	}
}

static bool is_taken(const struct world *world, const char *name)
{
	for (size_t i = 0; i < world->app_count; i++)
		if (!strcmp(world->apps[i].name, name))
			return true;
	return false;
}

static void add_owner(struct world *world, const struct app *app, size_t job)
{
	struct owner *owner = owner_list_append(&world->owners);

	owner->hash = app_hash_of(app->name);
	/* Now and then the record is lost. Then the stack is not known. */
	if (draw(4) || strcmp(app->stack, app->name) != 0) {
		snprintf(owner->app, sizeof(owner->app), "%s", app->name);
		owner_add_stack(owner, app->stack);
	}
	owner->job = app->fate == DEAD ? job : OWNER_NOBODY;
	owner->reaping = app->fate == REAPING;
}

static void make_world(struct world *world)
{
	*world = (struct world){ .app_count = 0 };
	settings_init(&world->settings);
	word_list_append(&world->settings.protect, "*precious*", strlen("*precious*"));
	while (world->app_count < 1 + draw(APPS_MAX)) {
		struct app app = { .fate = (enum fate)draw(FATES) };

		draw_name(app.name);
		if (is_taken(world, app.name))
			continue;
		snprintf(app.stack, sizeof(app.stack), "%s", app.name);
		if (app.fate < FOREIGN && !draw(3))
			draw_name(app.stack);
		/* Its stack may be called so, whatever the rule. */
		for (char *c = app.stack; app.fate == PROTECTED && *c; c++)
			if (*c == '.')
				*c = '_';
		if (app.fate == FOREIGN)
			resource_add_label(&world->labelled, "ci-janitor.app", app.name);
		else if (app.fate == PROTECTED)
			word_list_append(&world->settings.app_protect, app.name, strlen(app.name));
		else
			add_owner(world, &app, world->app_count);
		world->apps[world->app_count++] = app;
	}
	owner_list_add_stated(&world->owners, &world->labelled, &world->settings);
}

static void release_world(struct world *world)
{
	owner_list_release(&world->owners);
	resource_release(&world->labelled);
	settings_release(&world->settings);
}

static const char *draw_known(const struct world *world)
{
	static char name[NAME_SIZE];
	const struct app *app = &world->apps[draw((unsigned)world->app_count)];

	if (!draw(4)) {
		draw_name(name);
		return name;
	}
	return draw(2) ? app->name : app->stack;
}

static void make_object(const struct world *world, struct resource *ret)
{
	static const char *const endings[] = { "_x", "_a_x", "_b", "_precious", "_", "", "x" };
	static const char *const drivers[] = { "local", "local", "nfs", NULL };
	const char *driver = drivers[draw(4)];
	char name[2 * NAME_SIZE];

	*ret = (struct resource){ .kind = (enum resource_kind)draw(RESOURCE_KIND_COUNT) };
	if (draw(2))
		ret->kind = draw(2) ? RESOURCE_SECRET : RESOURCE_CONFIG;
	snprintf(name, sizeof(name), "%s%s", draw_known(world), endings[draw(7)]);
	ret->id = strdup("id");
	ret->name = strdup(draw(20) ? name : "ingress");
	ret->driver = driver ? strdup(driver) : NULL;
	ret->malformed = !draw(12);
	for (unsigned i = draw(3); i > 0; i--)
		resource_add_label(ret, world->settings.app_labels.words[draw(3)],
				   draw(10) ? draw_known(world) : "");
	if (!draw(10))
		resource_add_label(ret, "ci-janitor.protect", draw(4) ? "true" : "false");
	if (!draw(4))
		resource_add_label(ret, "com.example", draw_known(world));
}

/* The rules, a second time. */
struct claims {
	size_t dead, others;
	bool by_label;
};

static bool goes_by(const struct app *app, const char *name)
{
	return !strcmp(app->name, name) || !strcmp(app->stack, name);
}

static void claim_by_label(const struct world *world, const struct resource *object,
			   struct claims *ret)
{
	for (size_t i = 0; i < object->label_count; i++) {
		const struct label *label = &object->labels[i];

		if (!word_list_contains(&world->settings.app_labels, label->key))
			continue;
		ret->by_label = true;
		for (size_t a = 0; a < world->app_count; a++)
			if (goes_by(&world->apps[a], label->value)) {
				ret->dead += world->apps[a].fate == DEAD;
				/* A name that only the engine knows doesn't stand against a lock.
				 */
				ret->others += world->apps[a].fate != DEAD &&
					       world->apps[a].fate != FOREIGN;
			}
	}
}

/* Length of the name when the object's begins with it and '_' and something; 0: it doesn't. */
static size_t begins_with(const char *object, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(object, name, length) && object[length] == '_' && object[length + 1]
		       ? length
		       : 0;
}

static bool is_named_by_locked(const struct world *world, const char *name, size_t length)
{
	for (size_t a = 0; a < world->app_count; a++)
		if (world->apps[a].fate < FOREIGN &&
		    ((strlen(world->apps[a].name) == length &&
		      !strncmp(world->apps[a].name, name, length)) ||
		     (strlen(world->apps[a].stack) == length &&
		      !strncmp(world->apps[a].stack, name, length))))
			return true;
	return false;
}

static void claim_by_prefix(const struct world *world, const struct resource *object,
			    struct claims *ret)
{
	size_t longest = 0;

	for (int pass = 0; pass < 2; pass++)
		for (size_t a = 0; a < world->app_count; a++)
			for (int s = 0; s < 2; s++) {
				const struct app *app = &world->apps[a];
				size_t length =
					begins_with(object->name, s ? app->stack : app->name);

				if (pass == 0 && length > longest)
					longest = length;
				if (pass == 0 || !length)
					continue;
				if (app->fate == DEAD)
					ret->dead += length == longest;
				else if (app->fate == LIVE)
					ret->others++;
				else if (app->fate == REAPING)
					ret->others += length == longest;
				else if (app->fate == PROTECTED ||
					 !is_named_by_locked(world, object->name, length))
					ret->others++;
			}
}

static bool is_protected(const struct world *world, const struct resource *object)
{
	for (size_t i = 0; i < object->label_count; i++)
		if (!strcmp(object->labels[i].key, "ci-janitor.protect") &&
		    !strcmp(object->labels[i].value, "true"))
			return true;
	if (strstr(object->name, "precious") ||
	    (object->kind == RESOURCE_NETWORK && !strcmp(object->name, "ingress")))
		return true;
	(void)world;
	return object->kind == RESOURCE_VOLUME &&
	       (!object->driver || strcmp(object->driver, "local") != 0);
}

static enum ownership expected(const struct world *world, const struct resource *object)
{
	struct claims claims = { .dead = 0 };

	claim_by_label(world, object, &claims);
	if (!claims.by_label &&
	    (object->kind == RESOURCE_SECRET || object->kind == RESOURCE_CONFIG))
		claim_by_prefix(world, object, &claims);
	if (!claims.dead)
		return OWNERSHIP_NONE;
	if (claims.others || is_protected(world, object))
		return OWNERSHIP_KEPT;
	if (object->malformed)
		return claims.by_label ? OWNERSHIP_DOUBTFUL : OWNERSHIP_KEPT;
	return OWNERSHIP_OURS;
}

static void describe(const struct world *world, const struct resource *object)
{
	static const char *const fates[] = { "dead", "live", "reaping", "foreign", "protected" };

	fprintf(stderr, "\nworld:");
	for (size_t i = 0; i < world->app_count; i++)
		fprintf(stderr, " %s(%s) %s;", world->apps[i].name, world->apps[i].stack,
			fates[world->apps[i].fate]);
	fprintf(stderr, " %s %s", resource_kind_name(object->kind), object->name);
	for (size_t i = 0; i < object->label_count; i++)
		fprintf(stderr, " %s=%s", object->labels[i].key, object->labels[i].value);
	fprintf(stderr, "\n");
}

static bool check_object(const struct world *world, size_t *counts)
{
	CLEANUP(resource_release) struct resource object;
	struct ownership_verdict verdict;
	enum ownership right;

	make_object(world, &object);
	right = expected(world, &object);
	ownership_judge(&object, &world->owners, &world->settings, &verdict);
	counts[right]++;
	if (verdict.what == right &&
	    (right == OWNERSHIP_NONE || world->apps[verdict.job].fate == DEAD))
		return true;
	describe(world, &object);
	fprintf(stderr, "judged %d, expected %d\n", (int)verdict.what, (int)right);
	return false;
}

bool world_is_judged_right(int objects, size_t counts[OWNERSHIP_DOUBTFUL + 1])
{
	struct world world;
	bool right = true;

	make_world(&world);
	owner_list_sort(&world.owners);
	for (int i = 0; right && i < objects; i++)
		right = check_object(&world, counts);
	release_world(&world);
	return right;
}
