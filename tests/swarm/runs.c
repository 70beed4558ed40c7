/* The fixture's runs: alive with a stack, and dead. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/harness.h"
#include "swarm/fixture.h"

#define CONTAINER_START_MS 60000
#define END_MS 60000

static bool has_running_container(void *data)
{
	struct command_result result = { 0 };
	bool found;

	run_command(&result,
		    "docker ps -q --filter status=running "
		    "--filter label=com.docker.stack.namespace='%s'",
		    (const char *)data);
	found = result.status == 0 && *result.output;
	command_result_release(&result);
	return found;
}

bool swarm_wait_for_container(const char *stack)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	if (wait_until(has_running_container, (void *)(uintptr_t)stack, CONTAINER_START_MS))
		return true;
	run_command(&result, "docker stack ps --no-trunc %s", stack);
	fprintf(stderr, "\nno container of %s:\n%s%s", stack, result.output, result.errors);
	return false;
}

bool swarm_run(struct process *ret, const char *app, const char *stack, const char *options,
	       const char *stack_file)
{
	char *errors;

	process_start(ret,
		      "exec " JANITOR " run %s %s -- sh -c '" STACK_DEPLOY " %s %s && sleep 600'",
		      options, app, stack_file, stack);
	if (swarm_wait_for_container(stack))
		return true;
	errors = process_errors(ret);
	fprintf(stderr, "\nno container of %s: %s\n", stack, errors);
	free(errors);
	return false;
}

bool swarm_dead_run(const char *app, const char *manner)
{
	struct process run;
	bool deployed = swarm_run(&run, app, app, "", swarm_stack_file(manner));

	background_signal(&run, SIGKILL);
	return process_wait(&run, END_MS, NULL) == 128 + SIGKILL && deployed;
}

struct expected_line {
	const struct process *process;
	const char *line;
};

static bool is_written(void *data)
{
	const struct expected_line *expected = data;
	char *output = process_output(expected->process);
	bool found = has_line(output, expected->line);

	free(output);
	return found;
}

bool swarm_wait_for_line(struct process *process, const char *line)
{
	struct expected_line expected = { process, line };

	return wait_until(is_written, &expected, CONTAINER_START_MS);
}

bool swarm_dead_run_of(const char *app, const char *options, const char *what)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process run;
	bool ready;

	setenv("WHAT", what, 1);
	process_start(&run,
		      "exec " JANITOR
		      " run %s %s -- sh -c 'set -e; eval \"$WHAT\"; echo ready; sleep 600'",
		      options, app);
	ready = swarm_wait_for_line(&run, "ready");
	background_signal(&run, SIGKILL);
	process_wait(&run, END_MS, &result);
	unsetenv("WHAT");
	if (!ready)
		fprintf(stderr, "\nrun of %s: %s\n", app, result.errors);
	return ready;
}
