/* The commands: one table for dispatch, help and privileges. One file per command. */
#ifndef COMMANDS_COMMAND_H
#define COMMANDS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "commands/options.h"
#include "kernel/capabilities.h"
#include "lock/lock_dir.h"
#include "model/settings.h"
#include "report/report.h"

/* What every command gets: the settings with the global options and the environment applied. */
struct context {
	struct settings settings;
	struct lock_trust trust;
	struct report report;
	const char *config; /* the configuration file that was asked for; NULL: the default ones */
	struct error
		config_error; /* ERROR_NONE, but where a command reports broken configurations */
};

struct command {
	const char *name;
	const char *operands; /* for help */
	const char *summary;
	const struct option_spec *options;
	enum capability_profile profile;
	int (*function)(struct context *context, char **operands);
	int min_operands;
	int max_operands;   /* -1: any number */
	bool takes_command; /* after "--"; it becomes the operands behind the first one */
	bool hidden;
	bool supervises; /* the front program does it (src/front.c): it loads no library but jansson
			  */
	bool reports_config; /* runs with the defaults where the configuration is broken, too */
};

/* NULL past the end. */
const struct command *command_at(size_t index);
const struct command *command_find(const char *name);

/* The options before (or after) the command, and what follows from them. */
struct global_options {
	const char *config;
	const char *lock_dir;
	const char *host;
	int color; /* enum terminal_color */
	bool json, quiet, verbose, version, help;
};
extern struct global_options global_options;
extern const struct option_spec global_option_table[];

/* Option, environment, configuration file, default: in this order. To be called with the
 * capabilities dropped. The context is to be released, even after a failure. */
int context_init(struct context *context, struct error *err);
/* The same, and a broken configuration is only noted in the context: the defaults hold then. */
int context_init_tolerant(struct context *context, struct error *err);
void context_release(struct context *context);

/* Help to stdout; command NULL: of the program. */
void help_print(const struct command *command);

/* Splits argv at "--" where the command takes one, parses its options and counts its operands.
 * 0 with *ret_operands (NULL-terminated), or -1 with *err. */
int command_parse(const struct command *command, int argc, char **argv, char ***ret_operands,
		  struct error *err);

/* Logs the error and returns its exit status. */
int command_fail(const struct error *err);

/* Is it the name of an app that may be run and reaped? ERROR_USAGE or ERROR_PERMISSION. */
int command_check_app(const struct context *context, const char *app, struct error *err);

#endif
