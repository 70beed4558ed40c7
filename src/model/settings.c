#include "model/settings.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "model/app.h"

void settings_init(struct settings *settings)
{
	static const char *const labels[] = {
		"com.docker.stack.namespace",
		"com.docker.compose.project",
		"ci-janitor.app",
	};

	*settings = (struct settings){
		.lock_dir = xstrdup("/run/lock"),
		.cluster_term_ms = 60000,
		.connect_timeout_ms = 2000,
		.read_timeout_ms = 10000,
		.write_timeout_ms = 30000,
		.stack_name = STACK_NAME_APP,
		.jobs = 8,
		.app_timeout_ms = 120000,
		.hook_timeout_ms = 30000,
		.orphan_min_age_ms = 3600000,
		.protect_label = xstrdup("ci-janitor.protect=true"),
		.kill_grace_ms = 30000,
		.teardown_timeout_ms = 120000,
		.keep_max_ms = 86400000,
		.scratch_dir = xstrdup("/var/tmp"),
		.warn_age_ms = 86400000,
	};
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		word_list_append(&settings->app_labels, labels[i], strlen(labels[i]));
	word_list_append(&settings->prefix_kinds, "secret", strlen("secret"));
	word_list_append(&settings->prefix_kinds, "config", strlen("config"));
	word_list_append(&settings->volume_drivers, "local", strlen("local"));
}

void settings_release(struct settings *settings)
{
	free(settings->lock_dir);
	free(settings->lock_group);
	free(settings->engine_host);
	free(settings->engine_image);
	free(settings->protect_label);
	free(settings->metrics);
	free(settings->scratch_dir);
	word_list_release(&settings->scratch_links);
	word_list_release(&settings->scratch_env);
	word_list_release(&settings->trusted_owners);
	word_list_release(&settings->app_labels);
	word_list_release(&settings->app_protect);
	word_list_release(&settings->app_files);
	word_list_release(&settings->hook_before);
	word_list_release(&settings->hook_after);
	word_list_release(&settings->orphan_pattern);
	word_list_release(&settings->prefix_kinds);
	word_list_release(&settings->protect);
	word_list_release(&settings->volume_drivers);
	*settings = (struct settings){ 0 };
}

void word_list_release(struct word_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->words[i]);
	free(list->words);
	*list = (struct word_list){ 0 };
}

/* Lists are as short as a configuration line: each word grows the array by itself. */
void word_list_append(struct word_list *list, const char *word, size_t length)
{
	size_t capacity = list->count;

	list->words = xgrow(list->words, &capacity, list->count + 1, sizeof(*list->words));
	list->words[list->count++] = xstrndup(word, length);
}

bool word_list_matches(const struct word_list *globs, const char *text)
{
	for (size_t i = 0; i < globs->count; i++)
		if (!fnmatch(globs->words[i], text, 0))
			return true;
	return false;
}

bool word_list_contains(const struct word_list *list, const char *word)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->words[i], word))
			return true;
	return false;
}

int64_t settings_reap_limit_ms(const struct settings *settings)
{
	int64_t hooks = (settings->hook_before.count > 0) + (settings->hook_after.count > 0);

	return settings->app_timeout_ms + hooks * settings->hook_timeout_ms;
}

void settings_stack_name(const struct settings *settings, const char *app, char *ret, size_t size)
{
	char name[APP_NAME_MAX + 1];

	if (settings->stack_name == STACK_NAME_APP)
		(void)snprintf(name, sizeof(name), "%s", app);
	else
		app_name_dots_to_underscores(app, name);
	if (settings->stack_name == STACK_NAME_CO_OP_CLOUD)
		name[STACK_NAME_CUT] = '\0';
	(void)snprintf(ret, size, "%s", name);
}

bool settings_protect_name(const struct settings *settings, const char *name)
{
	for (size_t i = 0; i < settings->app_protect.count; i++) {
		const char *glob = settings->app_protect.words[i];
		CLEANUP_FREE char *stack = xstrdup(glob);

		for (char *c = stack; *c; c++)
			if (*c == '.')
				*c = '_';
		if (!fnmatch(glob, name, 0) || !fnmatch(stack, name, 0))
			return true;
		if (strlen(stack) <= STACK_NAME_CUT)
			continue;
		stack[STACK_NAME_CUT] = '\0';
		if (!fnmatch(stack, name, 0))
			return true;
	}
	return false;
}
