/* Names: a line with an app's, one with a lockfile's, one with a file's, and globs that protect. */
#include <string.h>

#include "base/cleanup.h"
#include "fuzz/fuzz.h"
#include "model/app.h"
#include "model/settings.h"
#include "reap/files.h"

static void app_name(const char *name, struct settings *settings)
{
	static const enum stack_name_rule rules[] = { STACK_NAME_APP,
						      STACK_NAME_DOTS_TO_UNDERSCORES,
						      STACK_NAME_CO_OP_CLOUD };
	char file[APP_LOCKFILE_NAME_SIZE], stack[APP_NAME_MAX + 1];
	struct app_hash hash, back;

	if (!app_name_is_valid(name))
		return;
	REQUIRE(*name && strlen(name) <= APP_NAME_MAX && !strpbrk(name, "/ \t\r\n\\\"'$*?[]{}"));
	REQUIRE(name[0] != '.' && name[0] != '-' && name[0] != '_');
	hash = app_hash_of(name);
	REQUIRE(app_hash_from_lockfile_name(app_lockfile_name(&hash, file), &back));
	REQUIRE(app_hash_equal(&hash, &back));
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		settings->stack_name = rules[i];
		settings_stack_name(settings, name, stack, sizeof(stack));
		REQUIRE(app_name_is_valid(stack));
		REQUIRE(rules[i] == STACK_NAME_APP || !strchr(stack, '.'));
	}
}

static void lockfile_name(const char *name)
{
	char again[APP_LOCKFILE_NAME_SIZE];
	struct app_hash hash;

	if (app_hash_from_lockfile_name(name, &hash))
		REQUIRE(!strcmp(app_lockfile_name(&hash, again), name));
}

static void file_name(const char *name)
{
	static const char *const templates[] = { "/srv/{app}", "/srv/{app}.env", "/srv/x-{app}",
						 "/srv/*/x-{app}.env" };
	char app[APP_NAME_MAX + 1];

	for (size_t i = 0; i < ARRAY_SIZE(templates); i++)
		if (files_app_of(templates[i], name, app, sizeof(app))) {
			REQUIRE(app_name_is_valid(app));
			REQUIRE(strstr(name, app));
		}
}

/* An app that is named on [app] protect is protected, and so is each stack that it may have. */
static void protection(const char *app, const char *globs, struct settings *settings)
{
	char stack[APP_NAME_MAX + 1];

	if (*globs)
		word_list_append(&settings->app_protect, globs, strlen(globs));
	(void)settings_protect_name(settings, app);
	if (!app_name_is_valid(app))
		return;
	word_list_append(&settings->app_protect, app, strlen(app));
	REQUIRE(settings_protect_name(settings, app));
	settings_stack_name(settings, app, stack, sizeof(stack));
	REQUIRE(settings_protect_name(settings, stack));
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP(settings_release) struct settings settings;
	CLEANUP_FREE char *app = fuzz_line(&data, &size);
	CLEANUP_FREE char *lockfile = fuzz_line(&data, &size);
	CLEANUP_FREE char *file = fuzz_line(&data, &size);
	CLEANUP_FREE char *globs = fuzz_line(&data, &size);

	settings_init(&settings);
	/* fnmatch's cost is no concern here: globs come from root's own file. */
	if (strlen(globs) > 40 || strlen(app) > 200)
		return;
	app_name(app, &settings);
	lockfile_name(lockfile);
	file_name(file);
	protection(app, globs, &settings);
}
FUZZ_TARGET(names, run)
