/* The built program under torture, and one with the identity check off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "torture_support.h"

#define TORTURE                                                                                    \
	"exec " BUILD_DIR "/torture-program --command " BUILD_DIR "/torture-command --program "
#define PROGRAM BUILD_DIR "/ci-janitor"
#define STATUS_VIOLATION 3
#define FOUND_WITHIN_S 240

static void no_violation(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, NULL, LIMIT_MS, TORTURE PROGRAM " %s %s",
			 option_from("TORTURE_SECONDS", "--seconds", "--seconds 18"),
			 option_from("TORTURE_SEED", "--seed", ""));
	printf("\n\t%s%s", result.output, result.errors);
	CHECK_NUMBER(result.status, 0);
	CU_ASSERT(number_before(result.output, " commands started") > 10);
	CU_ASSERT(number_before(result.output, " removed") > 10);
	CU_ASSERT(number_before(result.output, " kills") > 10);
	CU_ASSERT(number_before(result.output, " stops") > 10);
}

static void looks_disturb_nobody(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, NULL, LIMIT_MS, TORTURE PROGRAM " --looks --seconds 8");
	printf("\n\t%s%s", result.output, result.errors);
	CHECK_NUMBER(result.status, 0);
	CU_ASSERT(number_before(result.output, " commands started") > 10);
	CU_ASSERT(number_before(result.output, " looks") > 50);
	CU_ASSERT(number_before(result.output, " sweeps") > 10);
}

static void everybody_gets_his_turn(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, NULL, LIMIT_MS, TORTURE PROGRAM " --crowd --seconds 8");
	printf("\n\t%s%s", result.output, result.errors);
	CHECK_NUMBER(result.status, 0);
	CU_ASSERT(number_before(result.output, " commands started") > 10);
}

static void is_found(const char *mistake, const char *options)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command_with(&result, NULL, LIMIT_MS,
			 "TORTURE_BREAK=%s " TORTURE PROGRAM "-broken --seconds %d %s", mistake,
			 FOUND_WITHIN_S, options);
	printf("\n\t%s: %s", mistake, result.output);
	CHECK_NUMBER(result.status, STATUS_VIOLATION);
}

/* It takes somebody who waits for the lock while its file is forgotten: in a crowd there always is
 * one, who in most other rounds has been killed before. */
static void identity_check_off(void)
{
	is_found("identity", "--crowd");
}

static void no_lock(void)
{
	is_found("no-lock", "");
}

static struct test tests[] = {
	{ "no violation, whoever is killed", no_violation },
	{ "looks and sweeps never make a free lock look held", looks_disturb_nobody },
	{ "runs that wait for each other all get their turn", everybody_gets_his_turn },
	{ "found: the identity check off", identity_check_off },
	{ "found: no lock at all", no_lock },
	{ NULL, NULL },
};
TEST_SUITE(program, tests);
