/*
 * Which object belongs to which app (reaping.md): a pure function of an object, the known apps and
 * the settings. An object is an app's when a label of it states a name that hashes to the app's
 * lockfile, or states the app's stack name. An object of certain kinds that has no such label at
 * all is an app's when its name begins with the app's or its stack's name and '_', and with no
 * longer one of another known app. What an app that is not dead could claim, too, is kept.
 */
#ifndef REAP_OWNERSHIP_H
#define REAP_OWNERSHIP_H

#include <stdbool.h>
#include <stddef.h>

#include "model/app.h"
#include "model/resource.h"
#include "model/settings.h"

#define OWNER_STACKS 4
#define OWNER_NOBODY ((size_t)-1)

/* One app that is known by a lockfile. */
struct owner {
	struct app_hash hash;
	char app[APP_NAME_MAX + 1]; /* may be empty */
	char stacks[OWNER_STACKS]
		   [APP_NAME_MAX + 1]; /* stack names besides the app's; may be empty */
	size_t job;   /* the caller's number for a dead app whose lock it holds; OWNER_NOBODY: not
			 ours */
	bool live;    /* `job` only looks at it: nothing that it could claim is a dead app's */
	bool reaping; /* not ours, but dead: another janitor is at it */
};

struct owner_stack {
	const char *stack;
	size_t owner;
};

struct owner_list {
	struct owner *items;
	size_t count;
	size_t capacity;
	struct owner_stack *stacks; /* index made by owner_list_sort */
	size_t stack_count;
	const char **stated; /* what the engine's labels name: the resources' own texts */
	size_t stated_count;
	size_t stated_capacity;
};

struct owner *owner_list_append(struct owner_list *list);
void owner_add_stack(struct owner *owner, const char *stack);
/* Notes the apps that the labels of an object name: known apps, too. The object must outlive the
 * list. */
void owner_list_add_stated(struct owner_list *list, const struct resource *resource,
			   const struct settings *settings);
/* Makes the list ready for ownership_judge; appends move owners afterwards. */
void owner_list_sort(struct owner_list *list);
/* Does any owner go by the name, itself or its stack? */
bool owner_list_knows(const struct owner_list *list, const char *name);
/* The owner whose lockfile the app's name hashes to; NULL: none. */
const struct owner *owner_list_find(const struct owner_list *list, const char *app);
const struct owner *owner_list_find_hash(const struct owner_list *list,
					 const struct app_hash *hash);
void owner_list_release(struct owner_list *list);

enum ownership {
	OWNERSHIP_NONE,	    /* of none of the dead apps */
	OWNERSHIP_OURS,	    /* of the dead app `job`: to be removed; or of a live one's */
	OWNERSHIP_KEPT,	    /* of `job` by its labels, and kept for `reason` */
	OWNERSHIP_DOUBTFUL, /* likewise, and `job` can't be called clean while it is there */
};

struct ownership_verdict {
	enum ownership what;
	size_t job;
	bool by_name;	  /* without a label: `rule` is only about its name */
	bool other_reaps; /* KEPT, for another app that claims it, which a janitor is reaping */
	char name[APP_NAME_MAX + 1]; /* the app's or stack's name by which it is the job's */
	char rule[320];		     /* "key=value", "name begins with shop_" */
	char reason[256];	     /* with KEPT and DOUBTFUL */
};

void ownership_judge(const struct resource *resource, const struct owner_list *owners,
		     const struct settings *settings, struct ownership_verdict *ret);

/* Does any label of the object state an app, known or not? */
bool ownership_is_stated(const struct resource *resource, const struct settings *settings);

/* Is the object protected by label or by name, whoever owns it? The reason is written then. */
bool ownership_is_protected(const struct resource *resource, const struct settings *settings,
			    char *reason, size_t size);

#endif
