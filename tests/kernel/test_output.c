/* What the program says to a terminal, to a CI system, and to neither. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dead_fixture.h"
#include "harness/harness.h"

/* The command on a terminal of its own, whose output goes to standard output. */
#define TERMINAL(term) "TERM=" term " exec script -qefc '%s' /dev/null"
#define CI(variable) "exec sh -c '" variable "=true %s 2>&1 | cat'"

static void check_has(const char *text, const char *piece)
{
	if (!strstr(text, piece))
		printf("\nmissing: %s\nin:\n%s", piece, text);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, piece));
}

static void check_has_not(const char *text, const char *piece)
{
	if (strstr(text, piece))
		printf("\nunwanted: %s\nin:\n%s", piece, text);
	CU_ASSERT_PTR_NULL(strstr(text, piece));
}

#define STATUS_LINE "\r\033[K0/1 apps, "

/* What stands after the first seconds that the status line shows but 0; NULL: none are shown. */
static const char *after_seconds(const char *output)
{
	const char *at = output;

	while ((at = strstr(at, STATUS_LINE))) {
		at += strlen(STATUS_LINE);
		if (*at >= '1' && *at <= '9')
			return at + 1;
	}
	return NULL;
}

static bool shows_seconds(void *process)
{
	char *output = process_output(process);
	bool shows = after_seconds(output);

	free(output);
	return shows;
}

/* Runs a sweep of a dead run in the shell command, whose hole is the sweep. The engine takes two
 * seconds for a removal, or until a status line has shown some. */
static void sweep_until(struct command_result *result, const char *shell, const char *options,
			bool has_line)
{
	struct scripted_engine *engine = dead_engine(has_line ? SCRIPTED_UNTIL_OPENED : 2000);
	const char *dir = temp_dir();
	struct process process;
	char sweep[1024], command[2048];

	dead_run(dir, scripted_host(engine), NULL);
	snprintf(sweep, sizeof(sweep), "%s --lock-dir %s -H %s %s", PROGRAM, dir,
		 scripted_host(engine), options);
	/* One of the formats above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(command, sizeof(command), shell, sweep);
#pragma GCC diagnostic pop
	process_start(&process, "%s", command);
	dead_engine_removes(engine);
	CU_ASSERT(!has_line || wait_until(shows_seconds, &process, SOON_MS));
	scripted_open(engine);
	CHECK_NUMBER(process_wait(&process, COMMAND_TIMEOUT_MS, result), 0);
	scripted_stop(engine);
}

static void sweep_in(struct command_result *result, const char *shell, const char *options)
{
	sweep_until(result, shell, options, false);
}

static void check_status_line(const char *output, const char *rest)
{
	const char *after = after_seconds(output);

	CU_ASSERT_PTR_NOT_NULL_FATAL(after);
	CHECK_NUMBER(strncmp(after, rest, strlen(rest)), 0);
}

static void a_status_line(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *removed;

	sweep_until(&result, TERMINAL("xterm"), "sweep", true);
	check_status_line(result.output, "s: shop");
	/* Wiped before the first result, and not shown again. */
	removed = strstr(result.output, "\r\033[Kshop: removed volume shop_data");
	CU_ASSERT_PTR_NOT_NULL_FATAL(removed);
	check_has_not(removed, "apps, ");
	check_has(removed, "\033[32mreaped\033[0m");
	command_result_release(&result);
	result = (struct command_result){ 0 };
	sweep_in(&result, TERMINAL("xterm"), "sweep -q");
	CHECK_TEXT(result.output, "");
}

static void it_fits_the_terminal(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	sweep_until(&result, "TERM=xterm exec script -qefc 'stty cols 12; %s' /dev/null", "sweep",
		    true);
	check_status_line(result.output, "\r\033[K");
}

static void a_dumb_terminal(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	sweep_in(&result, TERMINAL("dumb"), "sweep");
	check_has(result.output, "shop: removed volume shop_data");
	check_has_not(result.output, "\033");
	check_has_not(result.output, "apps, ");
}

static void colors(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "TERM=xterm script -qefc '%s -c /none list' /dev/null", PROGRAM);
	check_has(result.output, "\033[31mci-janitor:\033[0m unable to");
	run_command(&result, "NO_COLOR=1 TERM=xterm script -qefc '%s -c /none list' /dev/null",
		    PROGRAM);
	check_has_not(result.output, "\033");
	run_command(&result, "NO_COLOR= TERM=xterm script -qefc '%s -c /none list' /dev/null",
		    PROGRAM);
	check_has(result.output, "\033[31m");
	run_command(&result, "TERM=xterm script -qefc '%s --color=never -c /none list' /dev/null",
		    PROGRAM);
	check_has_not(result.output, "\033");
	run_command(&result, "%s -c /none list", PROGRAM);
	CHECK_TEXT(strstr(result.errors, "\033") ? "coloured" : "plain", "plain");
	run_command(&result, "%s --color=always -c /none list", PROGRAM);
	check_has(result.errors, "\033[31mci-janitor:\033[0m unable to");
}

static void github_folds_and_annotates(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	sweep_in(&result, CI("GITHUB_ACTIONS"), "run shop -- printf \"of CMD\\n\"");
	check_has(result.output, "::group::ci-janitor: clean start of shop\nshop: removed volume "
				 "shop_data (com.docker.compose.project=shop)\n");
	check_has(result.output, "\n::endgroup::\nof CMD\n");
	check_has_not(result.output, "\033");
	run_command(&result, "GITHUB_ACTIONS=true %s -c /none%%0Ax list 2>&1 | cat", PROGRAM);
	CHECK_TEXT(strstr(result.output, "::error title=ci-janitor::unable to") == result.output
			   ? "annotated"
			   : result.output,
		   "annotated");
	check_has(result.output, "/none%250Ax");
	/* Not in a file, not when few words are wanted, not outside. */
	run_command(&result, "GITHUB_ACTIONS=true %s -c /none list", PROGRAM);
	check_has(result.errors, "ci-janitor: unable to");
	run_command(&result, "GITHUB_ACTIONS=true %s -q -c /none list 2>&1 | cat", PROGRAM);
	check_has(result.output, "ci-janitor: unable to");
	run_command(&result, "GITHUB_ACTIONS=false %s -c /none list 2>&1 | cat", PROGRAM);
	check_has(result.output, "ci-janitor: unable to");
}

static void gitlab_folds(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	sweep_in(&result, CI("GITLAB_CI"), "run shop -- printf \"of CMD\\n\"");
	check_has(result.output, "\033[0Ksection_start:");
	check_has(result.output,
		  ":ci_janitor\r\033[0Kci-janitor: clean start of shop\nshop: removed volume ");
	check_has(result.output, ":ci_janitor\r\033[0K\nof CMD\n");
	check_has_not(result.output, "::");
}

static void plain_by_configuration(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();

	run_command(&result, "printf '[report]\\nci_log = plain\\n' >%s/conf", dir);
	run_command(&result, "GITHUB_ACTIONS=true %s -c %s/conf --lock-dir %s reap //x 2>&1 | cat",
		    PROGRAM, dir, dir);
	CHECK_TEXT(strstr(result.output, "::") ? result.output : "plain", "plain");
	run_command(&result, "GITHUB_ACTIONS=true %s --lock-dir %s reap //x 2>&1 | cat", PROGRAM,
		    dir);
	check_has(result.output, "::error title=ci-janitor::");
}

/* What others wrote gives no commands to a runner. */
static void others_words_are_no_commands(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	run_command(&result, "GITHUB_ACTIONS=true %s -c '/x\n::set-env name=A::b' list 2>&1 | cat",
		    PROGRAM);
	check_has_not(result.output, "\n::set-env");
	run_command(&result, "GITHUB_ACTIONS=true %s -c '/x##[set-env name=A]b' list 2>&1 | cat",
		    PROGRAM);
	check_has_not(result.output, "##[");
	check_has(result.output, "##\\x5bset-env");
}

static void mistyped(void)
{
	static const struct {
		const char *arguments, *says;
	} rows[] = {
		{ "",
		  "ci-janitor: a command is missing\nci-janitor: ci-janitor --help tells how\n" },
		{ "swep", "ci-janitor: unknown command swep: did you mean sweep?\n" },
		/* Not what people don't call. */
		{ "hed", "ci-janitor: unknown command hed: did you mean hold?\n" },
		{ "entirely", "ci-janitor: unknown command entirely\n" },
		{ "status", "ci-janitor: ci-janitor status --help tells how\n" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };

		CHECK_NUMBER(run_command(&result, PROGRAM " %s", rows[i].arguments), 64);
		check_has(result.errors, rows[i].says);
	}
}

/* No file of ours gets the number of a standard stream, where what is said would go into it. */
static void without_standard_streams(void)
{
	static const char *const closed[] = { "<&-", ">&-", "2>&-", "<&- >&- 2>&-" };

	for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = temp_dir();

		CHECK_NUMBER(run_command(&result,
					 PROGRAM " --lock-dir %s run --no-fresh --no-teardown shop "
						 "-- sh -c 'ls -l /proc/$PPID/fd >%s/fds' %s",
					 dir, dir, closed[i]),
			     0);
		/* Each of the three is there, and none is a file in the lock directory. */
		CHECK_NUMBER(run_command(&result,
					 "cd %s && [ $(grep -c ' [012] -> ' fds) = 3 ] && "
					 "! grep ' [012] -> %s/' fds && grep ' -> %s/' fds",
					 dir, dir, dir),
			     0);
		CHECK_NUMBER(run_command(&result, PROGRAM " -v nonsense %s", closed[i]), 64);
	}
}

static const struct test tests[] = {
	{ "a status line on a terminal", a_status_line },
	{ "it fits the terminal", it_fits_the_terminal },
	{ "a dumb terminal", a_dumb_terminal },
	{ "colours", colors },
	{ "GitHub folds and annotates", github_folds_and_annotates },
	{ "GitLab folds", gitlab_folds },
	{ "plain by configuration", plain_by_configuration },
	{ "others' words are no commands", others_words_are_no_commands },
	{ "what is mistyped", mistyped },
	{ "without standard streams", without_standard_streams },
	{ NULL, NULL },
};
TEST_SUITE(output, tests)
