#include <string.h>

#include "base/cleanup.h"
#include "commands_internal.h"

static const struct command commands[] = {
	{ .name = "run",
	  .operands = "APP [options] -- CMD [ARG...]",
	  .summary = "take APP's lock, start clean, run CMD, tear down, release",
	  .options = run_options_table,
	  .profile = CAPABILITIES_RUN,
	  .supervises = true,
	  .function = command_run,
	  .min_operands = 1,
	  .max_operands = 1,
	  .takes_command = true },
	{ .name = "hold",
	  .operands = "APP [options]",
	  .summary = "take APP's lock, start clean, and hold it beyond this step; tear down",
	  .options = hold_options_table,
	  .profile = CAPABILITIES_RUN,
	  .supervises = true,
	  .function = command_hold,
	  .min_operands = 1,
	  .max_operands = 1 },
	{ .name = "release",
	  .operands = "APP [options]",
	  .summary = "end a hold, or stop a run, and wait until it has torn down",
	  .options = release_options_table,
	  .profile = CAPABILITIES_REAP,
	  .function = command_release,
	  .min_operands = 1,
	  .max_operands = 1 },
	{ .name = "sweep",
	  .operands = "[options]",
	  .summary = "reap every app whose holder died; live runs are left alone",
	  .options = sweep_options_table,
	  .profile = CAPABILITIES_REAP,
	  .function = command_sweep },
	{ .name = "reap",
	  .operands = "APP... [options]",
	  .summary = "reap the named apps, with or without a lockfile",
	  .options = reap_options_table,
	  .profile = CAPABILITIES_REAP,
	  .function = command_reap,
	  .min_operands = 1,
	  .max_operands = -1 },
	{ .name = "list",
	  .operands = "[APP...] [options]",
	  .summary = "show every lock: its app, state, holder, phase and age",
	  .options = list_options_table,
	  .profile = CAPABILITIES_LOOK,
	  .function = command_list,
	  .max_operands = -1 },
	{ .name = "status",
	  .operands = "APP [options]",
	  .summary = "held (0), dead or reaping (2), free (3), unknown (4); then the holder",
	  .options = no_options_table,
	  .profile = CAPABILITIES_LOOK,
	  .function = command_status,
	  .min_operands = 1,
	  .max_operands = 1 },
	{ .name = "path",
	  .operands = "APP [options]",
	  .summary = "print the path of APP's lockfile",
	  .options = no_options_table,
	  .profile = CAPABILITIES_NONE,
	  .function = command_path,
	  .min_operands = 1,
	  .max_operands = 1 },
	{ .name = "doctor",
	  .operands = "[options]",
	  .summary = "check this machine and its locks; say what to do about what is wrong",
	  .options = doctor_options_table,
	  /* To ask what a run could; it drops to REAP itself. */
	  .profile = CAPABILITIES_RUN,
	  .function = command_doctor,
	  .reports_config = true },
	{ .name = "held",
	  .operands = "--tied-fd N [options] APP",
	  .summary = "hold APP's lock (for hold)",
	  .options = held_options_table,
	  .profile = CAPABILITIES_RUN,
	  .supervises = true,
	  .function = command_held,
	  .min_operands = 1,
	  .max_operands = 1,
	  .hidden = true },
	{ .name = "keep-lease",
	  .operands = "--run-id ID --holder ID [options] APP",
	  .summary = "renew the lease of a run (for run)",
	  .options = keep_lease_options_table,
	  .profile = CAPABILITIES_REAP,
	  .function = command_keep_lease,
	  .min_operands = 1,
	  .max_operands = 1,
	  .hidden = true },
	{ .name = "reap-node",
	  .operands = "[ORDER...]",
	  .summary = "do a node job's part (for sweep, reap and run)",
	  .options = no_options_table,
	  .profile = CAPABILITIES_NONE,
	  .function = command_reap_node,
	  .max_operands = -1,
	  .hidden = true },
	{ .name = "reap-held",
	  .operands = "--fd N --mode MODE [options] APP",
	  .summary = "reap one app under a lock that was handed over (for run)",
	  .options = reap_held_options_table,
	  .profile = CAPABILITIES_REAP,
	  .function = command_reap_held,
	  .min_operands = 1,
	  .max_operands = 1,
	  .hidden = true },
};

const struct option_spec no_options_table[] = { OPTIONS_END };

const struct command *command_at(size_t index)
{
	return index < ARRAY_SIZE(commands) ? &commands[index] : NULL;
}

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void help_of_program(void)
{
	(void)printf("Usage: ci-janitor [global options] COMMAND [options] [arguments]\n\n"
		     "Reaps what dead CI runs left on a Docker engine, and never touches a live "
		     "one's.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (!commands[i].hidden)
			(void)printf("  %-8s %s\n", commands[i].name, commands[i].summary);
	(void)printf("\nGlobal options:\n");
	options_help(stdout, global_option_table);
	(void)printf("\nci-janitor COMMAND --help tells about a command.\n");
}

void help_print(const struct command *command)
{
	if (!command) {
		help_of_program();
		return;
	}
	(void)printf("Usage: ci-janitor [global options] %s %s\n\n%s\n", command->name,
		     command->operands, command->summary);
	if (command->options->name)
		(void)printf("\nOptions:\n");
	options_help(stdout, command->options);
	(void)printf("\nGlobal options:\n");
	options_help(stdout, global_option_table);
}

/* The index of "--", argc when there is none. */
static int find_separator(int argc, char **argv)
{
	int index = 1;

	while (index < argc && strcmp(argv[index], "--") != 0)
		index++;
	return index;
}

static int check_counts(const struct command *command, int count, bool has_cmd, struct error *err)
{
	if (command->takes_command && !has_cmd)
		return error_set(err, ERROR_USAGE, "%s: \"-- CMD\" is missing: %s", command->name,
				 command->operands);
	if (count < command->min_operands)
		return error_set(err, ERROR_USAGE, "%s: APP is missing: %s", command->name,
				 command->operands);
	if (command->max_operands >= 0 && count > command->max_operands)
		return error_set(err, ERROR_USAGE, "%s: too many arguments: %s", command->name,
				 command->operands);
	return 0;
}

int command_parse(const struct command *command, int argc, char **argv, char ***ret_operands,
		  struct error *err)
{
	int end = command->takes_command ? find_separator(argc, argv) : argc;
	int first = options_parse(command->options, global_option_table, end, argv, false, err);

	if (first < 0)
		return error_add_context(err, "%s", command->name);
	if (global_options.help || global_options.version)
		return 0;
	if (check_counts(command, end - first, end + 1 < argc, err) < 0)
		return -1;
	/* APP and CMD stand on both sides of the "--", which APP takes the place of. */
	if (command->takes_command) {
		argv[end] = argv[first];
		first = end;
	}
	*ret_operands = argv + first;
	return 0;
}
