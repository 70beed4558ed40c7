/* ci-janitor-protocol(7): its examples hold and reap beside ci-janitor, as they stand in the page.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "harness/harness.h"

#define PAGE SOURCE_DIR "/packaging/man/ci-janitor-protocol.7"
#define END_MS 60000
#define HELD_S "600"

static const char *const languages[] = { "lock.sh", "lock.py" };

/* Takes the examples out of the page; the path of one of them. Static storage. */
static const char *example(const char *name)
{
	static char path[512];
	static const char *folder;
	CLEANUP_COMMAND struct command_result result = { 0 };

	if (!folder)
		folder = temp_dir();
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	CHECK_NUMBER(run_command(&result,
				 "sed -n '/^\\.\\\\\" BEGIN %s$/,/^\\.\\\\\" END %s$/p' " PAGE
				 " | sed -e '1d;$d' -e 's/^\\\\&//' -e 's/\\\\e/\\\\/g' >%s &&"
				 " test -s %s && chmod 755 %s",
				 name, name, path, path, path),
		     0);
	return path;
}

/* Holds shop with an example; its command deploys the stack, says so and sleeps. */
static void start_holder(struct process *ret, const char *name, bool deploy)
{
	const char *path = example(name);

	process_start(ret,
		      "exec %s hold shop sh -c '%s %s%s && echo ready && exec sleep " HELD_S "'",
		      path, deploy ? STACK_DEPLOY : ":", deploy ? swarm_stack_file("polite") : "",
		      deploy ? " shop" : "");
}

static bool is_ready(void *data)
{
	char *output = process_output(data);
	bool ready = strstr(output, "ready") != NULL;

	free(output);
	return ready;
}

static bool wait_ready(struct process *holder)
{
	return wait_until(is_ready, holder, 60000);
}

static bool is_dead(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	(void)data;
	return run_command(&result, JANITOR " status shop") == 2;
}

static bool is_swept(void *data)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	(void)data;
	CHECK_STATUS((run_command(&result, JANITOR " sweep"), &result), 0);
	return swarm_lockfiles() == 0;
}

static void check_held(const char *name)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	struct process holder;

	swarm_new_lock_dir();
	start_holder(&holder, name, true);
	CU_ASSERT_TRUE(wait_ready(&holder));
	CHECK_STATUS((run_command(&result, JANITOR " status shop"), &result), 0);
	CHECK_STATUS((run_command(&result, JANITOR " list --json"), &result), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.output, "\"held\""));
	CHECK_STATUS((run_command(&result, JANITOR " sweep"), &result), 0);
	CHECK_STATUS((run_command(&result, JANITOR " run --if-held=fail shop -- true"), &result),
		     75);
	CHECK_STATUS((run_command(&result, JANITOR " reap shop"), &result), 75);
	for (size_t i = 0; i < 2; i++)
		CHECK_STATUS((run_command(&result, "%s reap shop", example(languages[i])), &result),
			     75);
	CU_ASSERT_TRUE(swarm_wait_for_container("shop"));
	/* SIGKILL: what it made is dead, and goes. */
	CHECK_NUMBER(background_signal(&holder, SIGKILL), 0);
	CU_ASSERT_TRUE(wait_until(is_dead, NULL, END_MS));
	CHECK_STATUS((run_command(&result, JANITOR " sweep"), &result), 0);
	CHECK_NOTHING_LEFT("shop");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	process_kill(&holder);
}

static void test_shell_holder(void)
{
	check_held("lock.sh");
}

static void test_python_holder(void)
{
	check_held("lock.py");
}

/* A holder that ends by itself cleans up, forgets, and passes its command's status on. */
static void test_holders_end(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	for (size_t i = 0; i < 2; i++) {
		swarm_new_lock_dir();
		CHECK_STATUS((run_command(&result,
					  "%s hold shop sh -c '" STACK_DEPLOY " %s shop; exit 7'",
					  example(languages[i]), swarm_stack_file("polite")),
			      &result),
			     7);
		CHECK_NOTHING_LEFT("shop");
		CHECK_NUMBER(swarm_lockfiles(), 0);
	}
}

static void check_janitor(const char *name)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *path = example(name);
	struct process run;

	swarm_new_lock_dir();
	CHECK_STATUS((run_command(&result, "%s reap shop", path), &result), 0);
	CU_ASSERT_TRUE(swarm_run(&run, "shop", "shop", "", swarm_stack_file("polite")));
	CHECK_STATUS((run_command(&result, "%s reap shop", path), &result), 75);
	CU_ASSERT_TRUE(process_is_running(&run));
	CHECK_NUMBER(swarm_lockfiles(), 1);
	CHECK_NUMBER(background_signal(&run, SIGKILL), 0);
	CU_ASSERT_TRUE(wait_until(is_dead, NULL, END_MS));
	CHECK_STATUS((run_command(&result, "%s reap shop", path), &result), 0);
	CHECK_NOTHING_LEFT("shop");
	CHECK_NUMBER(swarm_lockfiles(), 0);
	process_kill(&run);
}

static void test_shell_janitor(void)
{
	check_janitor("lock.sh");
}

static void test_python_janitor(void)
{
	check_janitor("lock.py");
}

/* Foreign janitors and holders in loops, and runs, some of them killed: whenever a command runs, it
 * is alone, and its lockfile is there. */
static void test_race(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *folder = temp_dir(), *dir = swarm_new_lock_dir();
	struct process others[4];
	char shell[512], python[512];

	snprintf(shell, sizeof(shell), "%s", example("lock.sh"));
	snprintf(python, sizeof(python), "%s", example("lock.py"));
	CHECK_NUMBER(run_command(&result,
				 "cat >%s/alone <<'EOF'\n#!/bin/sh\n"
				 "mkdir %s/here || echo two >>%s/violations\n"
				 "[ \"$(ls %s | wc -l)\" = 1 ] || echo no file >>%s/violations\n"
				 "echo >>%s/turns\nsleep 0.05\nrmdir %s/here\nEOF\n"
				 "chmod 755 %s/alone",
				 folder, folder, folder, dir, folder, folder, folder, folder),
		     0);
	process_start(&others[0], "while :; do %s reap shop; sleep 0.1; done", shell);
	process_start(&others[1], "while :; do %s reap shop; sleep 0.1; done", python);
	process_start(&others[2], "for i in 1 2 3; do %s hold shop %s/alone; done", shell, folder);
	process_start(&others[3], "for i in 1 2 3; do %s hold shop %s/alone; done", python, folder);
	for (int i = 0; i < 4; i++)
		CHECK_STATUS(
			(run_command(&result, JANITOR " run shop -- %s/alone", folder), &result),
			0);
	CHECK_NUMBER(process_wait(&others[2], COMMAND_TIMEOUT_MS, NULL), 0);
	CHECK_NUMBER(process_wait(&others[3], COMMAND_TIMEOUT_MS, NULL), 0);
	process_kill(&others[0]);
	process_kill(&others[1]);
	CHECK_NUMBER(run_command(&result, "cat %s/violations", folder), 1);
	CHECK_NUMBER(run_command(&result, "[ $(wc -l <%s/turns) = 10 ]", folder), 0);
	/* What the killed janitors had started may have the lock for a moment. */
	CU_ASSERT_TRUE(wait_until(is_swept, NULL, END_MS));
}

static void test_page(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(run_command(&result, "mandoc -Tlint -Wwarning " PAGE), 0);
	CHECK_TEXT(result.output, "");
}

static const struct test tests[] = {
	{ "the page is well-formed", test_page },
	{ "a holder in shell", test_shell_holder },
	{ "a holder in Python", test_python_holder },
	{ "holders that end by themselves", test_holders_end },
	{ "a janitor in shell", test_shell_janitor },
	{ "a janitor in Python", test_python_janitor },
	{ "foreign holders and janitors race with runs", test_race },
	{ NULL, NULL },
};
TEST_SUITE_WITH(swarm_protocol, tests, swarm_set_up, swarm_tear_down)
