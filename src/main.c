#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/library.h"
#include "base/log.h"
#include "base/terminal.h"
#include "commands/command.h"
#include "kernel/capabilities.h"

/* A file that got the number of a missing standard stream would be written into. */
static int open_standard_streams(void)
{
	int fd = STDIN_FILENO;

	while (fd <= STDERR_FILENO && fcntl(fd, F_GETFD) >= 0)
		fd++;
	if (fd > STDERR_FILENO)
		return 0;
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			return -1;
		if (fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) < 0)
			return -1;
	} while (fd <= STDERR_FILENO);
	(void)close(fd);
	return 0;
}

static const char *next_command(const void *data, size_t index)
{
	const struct command *command;

	(void)data;
	while ((command = command_at(index)) && command->hidden)
		index++;
	return command ? command->name : NULL;
}

static int refuse_command(const char *name, struct error *err)
{
	const char *nearest = nearest_word(name, next_command, NULL);

	if (nearest)
		return error_set(err, ERROR_USAGE, "unknown command %s: did you mean %s?", name,
				 nearest);
	return error_set(err, ERROR_USAGE, "unknown command %s", name);
}

static int usage_error(const struct command *command, const struct error *err)
{
	log_error("%s", err->message);
	if (err->kind == ERROR_USAGE)
		log_error("ci-janitor %s%s--help tells how", command ? command->name : "",
			  command ? " " : "");
	return error_exit_status(err->kind);
}

/* 0: goes on with *ret_command; 1: what was asked for is done. */
static int parse(int argc, char **argv, const struct command **ret_command, char ***ret_operands,
		 struct error *err)
{
	int first = options_parse(global_option_table, NULL, argc, argv, true, err);

	if (first < 0)
		return -1;
	if (first < argc) {
		*ret_command = command_find(argv[first]);
		if (!*ret_command)
			return refuse_command(argv[first], err);
		if (library_prepare(argv, !(*ret_command)->supervises, err) < 0)
			return -1;
		if (command_parse(*ret_command, argc - first, argv + first, ret_operands, err) < 0)
			return -1;
	}
	if (global_options.version)
		(void)printf("ci-janitor %s\n", CI_JANITOR_VERSION);
	else if (global_options.help)
		help_print(*ret_command);
	else if (!*ret_command)
		return error_set(err, ERROR_USAGE, "a command is missing");
	else
		return 0;
	return 1;
}

static int run(const struct command *command, char **operands)
{
	struct error err = { .kind = ERROR_NONE };
	struct context context;
	int status;

	/* A run gives its command the disposition that it was started with. */
	if (command->profile != CAPABILITIES_RUN)
		(void)signal(SIGPIPE, SIG_IGN);
	if (capabilities_drop(command->profile, &err) < 0)
		return command_fail(&err);
	if ((command->reports_config ? context_init_tolerant : context_init)(&context, &err) < 0)
		status = command_fail(&err);
	else
		status = command->function(&context, operands);
	context_release(&context);
	return status;
}

int main(int argc, char **argv)
{
	const struct command *command = NULL;
	struct error err = { .kind = ERROR_NONE };
	char **operands = NULL;
	int status;

	if (open_standard_streams() < 0) {
		log_error("unable to open /dev/null: %m");
		return error_exit_status(ERROR_SYSTEM);
	}
	log_open();
	status = parse(argc, argv, &command, &operands, &err);
	log_set_color(terminal_wants_color(STDERR_FILENO, global_options.color));
	if (global_options.quiet)
		log_set_level(LOG_LEVEL_WARNING);
	else if (global_options.verbose)
		log_set_level(LOG_LEVEL_DEBUG);
	if (status < 0)
		return usage_error(command, &err);
	status = status == 0 ? run(command, operands) : 0;
	/* A command that failed has said why. */
	if ((fflush(stdout) == 0 && !ferror(stdout)) || status)
		return status;
	log_error("unable to write the output");
	return error_exit_status(ERROR_SYSTEM);
}
