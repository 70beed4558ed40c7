#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/terminal.h"
#include "commands/command.h"
#include "config/config.h"
#include "engine/engine.h"
#include "model/app.h"

/* In the order of enum terminal_color. */
static const char *const colors[] = { "auto", "always", "never", NULL };

struct global_options global_options;

const struct option_spec global_option_table[] = {
	{ "config", 'c', OPTION_TEXT, &global_options.config, "FILE",
	  "read this configuration file instead of the default ones", 0, 0, NULL },
	{ "lock-dir", 0, OPTION_TEXT, &global_options.lock_dir, "DIR",
	  "the directory of the lockfiles", 0, 0, NULL },
	{ "host", 'H', OPTION_HOST, &global_options.host, "URL",
	  "the engine: unix:///PATH or tcp://HOST:PORT", 0, 0, NULL },
	{ "json", 0, OPTION_FLAG, &global_options.json, NULL, "print JSON", 0, 0, NULL },
	{ "quiet", 'q', OPTION_FLAG, &global_options.quiet, NULL,
	  "print nothing but what needs attention", 0, 0, NULL },
	{ "verbose", 'v', OPTION_FLAG, &global_options.verbose, NULL, "print more", 0, 0, NULL },
	{ "color", 0, OPTION_CHOICE, &global_options.color, "WHEN",
	  "colours, on a terminal by default", 0, 0, colors },
	{ "version", 0, OPTION_FLAG, &global_options.version, NULL, "print the version", 0, 0,
	  NULL },
	{ "help", 'h', OPTION_FLAG, &global_options.help, NULL, "print this help", 0, 0, NULL },
	OPTIONS_END,
};

/* An empty variable counts as none. */
static const char *environment(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static void override(char **setting, const char *option, const char *variable)
{
	const char *value = option ? option : environment(variable);

	if (!value)
		return;
	free(*setting);
	*setting = xstrdup(value);
}

/* As the docker command does it: DOCKER_HOST wins over DOCKER_CONTEXT. */
static void override_engine(char **host)
{
	const char *name = environment("DOCKER_CONTEXT");

	if (name && !global_options.host && !environment("DOCKER_HOST")) {
		free(*host);
		*host = xasprintf("%s%s", ENGINE_CONTEXT, name);
		return;
	}
	override(host, global_options.host, "DOCKER_HOST");
}

static void context_prepare(struct context *context)
{
	*context = (struct context){
		.config = global_options.config ? global_options.config
						: environment("CI_JANITOR_CONFIG"),
		.report = { .out = stdout,
			    .json = global_options.json,
			    .quiet = global_options.quiet,
			    .verbose = global_options.verbose,
			    .color = terminal_wants_color(STDOUT_FILENO, global_options.color),
			    .journal = log_stream_is_journal(STDOUT_FILENO) },
	};
	settings_init(&context->settings);
}

static int context_complete(struct context *context, struct error *err)
{
	override(&context->settings.lock_dir, global_options.lock_dir, "CI_JANITOR_LOCK_DIR");
	override_engine(&context->settings.engine_host);
	if (context->settings.ci_log == CI_LOG_PLAIN)
		log_set_plain();
	return lock_trust_init(&context->trust, &context->settings, err);
}

int context_init(struct context *context, struct error *err)
{
	context_prepare(context);
	if (config_load(&context->settings, context->config, err) < 0)
		return -1;
	return context_complete(context, err);
}

int context_init_tolerant(struct context *context, struct error *err)
{
	struct error config_error = { .kind = ERROR_NONE };

	if (context_init(context, &config_error) == 0)
		return 0;
	context_release(context);
	context_prepare(context);
	context->config_error = config_error;
	return context_complete(context, err);
}

void context_release(struct context *context)
{
	lock_trust_release(&context->trust);
	settings_release(&context->settings);
}

int command_fail(const struct error *err)
{
	log_error("%s", err->message);
	return error_exit_status(err->kind);
}

int command_check_app(const struct context *context, const char *app, struct error *err)
{
	if (app_name_check(app, err) < 0)
		return -1;
	if (word_list_matches(&context->settings.app_protect, app))
		return error_set(err, ERROR_PERMISSION,
				 "%s is protected by the configuration ([app] protect): it is "
				 "never run or reaped",
				 app);
	return 0;
}
