#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "kernel/marked.h"
#include "run_internal.h"

static void add(struct run_environment *environment, const char *name, const char *value)
{
	size_t capacity = environment->own_count;

	environment->own = xgrow(environment->own, &capacity, environment->own_count + 1,
				 sizeof(*environment->own));
	environment->own[environment->own_count++] = xasprintf("%s=%s", name, value);
}

/* Does one of our own assignments set the same variable? */
static bool is_replaced(const struct run_environment *environment, const char *assignment)
{
	size_t length = strcspn(assignment, "=") + 1;

	for (size_t i = 0; i < environment->own_count; i++)
		if (!strncmp(assignment, environment->own[i], length))
			return true;
	return false;
}

/* [a-z0-9][a-z0-9_-]*, as docker compose asks for. */
static bool is_compose_project_name(const char *name)
{
	static const char alphanumeric[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char any[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";

	return name[0] && strspn(name, alphanumeric) > 0 && !name[strspn(name, any)];
}

/* Absolute, since CMD may go to another directory. */
static char *lockfile_path(const struct run *run)
{
	char name[APP_LOCKFILE_NAME_SIZE];
	CLEANUP_FREE char *resolved = NULL;
	const char *dir = run->dir.path;

	if (dir[0] != '/') {
		resolved = realpath(dir, NULL);
		if (resolved)
			dir = resolved;
	}
	return xasprintf("%s/%s", dir, app_lockfile_name(&run->hash, name));
}

/* The value with each {scratch} replaced. */
static void add_from_template(struct run_environment *environment, const char *assignment,
			      const char *scratch)
{
	static const char placeholder[] = "{scratch}";
	CLEANUP_FREE char *name = xstrndup(assignment, strcspn(assignment, "="));
	CLEANUP_TEXT struct text value = { .data = NULL };
	const char *rest = assignment + strlen(name) + 1, *found;

	while ((found = strstr(rest, placeholder))) {
		text_append_bytes(&value, rest, (size_t)(found - rest));
		text_append(&value, scratch);
		rest = found + strlen(placeholder);
	}
	text_append(&value, rest);
	add(environment, name, text_get(&value));
}

static void add_scratch(struct run_environment *environment, const struct run *run)
{
	const struct word_list *templates = run->options->scratch_env;

	if (!run->scratch)
		return;
	add(environment, "CI_JANITOR_SCRATCH", run->scratch);
	for (size_t i = 0; i < templates->count; i++)
		add_from_template(environment, templates->words[i], run->scratch);
}

void run_environment_init(struct run_environment *ret, const struct run *run)
{
	const char *stack = run->options->stack;
	CLEANUP_FREE char *path = lockfile_path(run);
	size_t count = 0;

	*ret = (struct run_environment){ .envp = NULL };
	add(ret, "CI_APP", run->options->app);
	add(ret, "CI_APP_LOCK", path);
	add(ret, MARKER_VARIABLE, run->record.run_id);
	add_scratch(ret, run);
	if (!getenv("COMPOSE_PROJECT_NAME")) {
		if (is_compose_project_name(stack))
			add(ret, "COMPOSE_PROJECT_NAME", stack);
		else
			log_info("COMPOSE_PROJECT_NAME is left unset: docker compose takes no "
				 "project named %s",
				 stack);
	}
	while (environ[count])
		count++;
	ret->envp = xcalloc(count + ret->own_count + 1, sizeof(*ret->envp));
	count = 0;
	for (char **entry = environ; *entry; entry++)
		if (!is_replaced(ret, *entry))
			ret->envp[count++] = *entry;
	for (size_t i = 0; i < ret->own_count; i++)
		ret->envp[count++] = ret->own[i];
}

void run_environment_release(struct run_environment *environment)
{
	for (size_t i = 0; i < environment->own_count; i++)
		free(environment->own[i]);
	free(environment->own);
	free(environment->envp);
}
