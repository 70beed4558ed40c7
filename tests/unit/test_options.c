/* Options as the command line gives them, and what a mistyped one is told. */
#include <string.h>

#include "base/cleanup.h"
#include "commands/command.h"
#include "harness/harness.h"

static const char *const words[] = { "wait", "fail", NULL };

static struct {
	bool flag;
	const char *text, *app, *host;
	int64_t duration, number;
	int choice;
} given;

static const struct option_spec table[] = {
	{ "dry-run", 'n', OPTION_FLAG, &given.flag, NULL, "", 0, 0, NULL },
	{ "text", 't', OPTION_TEXT, &given.text, "T", "", 0, 0, NULL },
	{ "app", 0, OPTION_APP, &given.app, "A", "", 0, 0, NULL },
	{ "host", 0, OPTION_HOST, &given.host, "H", "", 0, 0, NULL },
	{ "timeout", 0, OPTION_DURATION, &given.duration, "D", "", 0, 0, NULL },
	{ "jobs", 'j', OPTION_NUMBER, &given.number, "N", "", 1, 64, NULL },
	{ "if-held", 0, OPTION_CHOICE, &given.choice, "W", "", 0, 0, words },
	OPTIONS_END,
};

static int parse(const char *line, bool stop, struct error *err, char *argv[16])
{
	static char copy[256];
	char *rest = copy;
	int argc = 0;

	(void)snprintf(copy, sizeof(copy), "command %s", line);
	for (char *word; (word = strsep(&rest, " "));)
		argv[argc++] = word;
	argv[argc] = NULL;
	memset(&given, 0, sizeof(given));
	return options_parse(table, NULL, argc, argv, stop, err);
}

static void test_values(void)
{
	struct error err = { .kind = ERROR_NONE };
	char *argv[16];
	int first = parse("one -n --text=x --app shop --host tcp://h:1 --timeout 1m -j 64 "
			  "--if-held fail two",
			  false, &err, argv);

	CU_ASSERT_FATAL(first > 0);
	CHECK_TEXT(argv[first], "one");
	CHECK_TEXT(argv[first + 1], "two");
	CU_ASSERT_TRUE(given.flag);
	CHECK_TEXT(given.text, "x");
	CHECK_TEXT(given.app, "shop");
	CHECK_TEXT(given.host, "tcp://h:1");
	CHECK_NUMBER(given.duration, 60000);
	CHECK_NUMBER(given.number, 64);
	CHECK_NUMBER(given.choice, 1);
}

static void test_stops_at_the_command(void)
{
	struct error err = { .kind = ERROR_NONE };
	char *argv[16];
	int first = parse("-n sweep --unknown", true, &err, argv);

	CU_ASSERT_TRUE(given.flag);
	CHECK_NUMBER(first, 2);
}

static const struct {
	const char *line;
	const char *message;
} refused[] = {
	{ "--dry-runn", "unknown option --dry-runn: did you mean --dry-run?" },
	{ "--job=3", NULL },
	{ "--zzzzzz", "unknown option --zzzzzz" },
	{ "--t 3", "ambiguous option --t" },
	{ "-Z", "unknown option -Z" },
	{ "-nZ", "unknown option -Z" },
	{ "--dry-run=1", "--dry-run takes no value" },
	{ "--text", "--text: a value is missing: T" },
	{ "--text=", "--text: the value is empty" },
	{ "--jobs 65", "--jobs 65: not a number from 1 to 64" },
	{ "--jobs -1", "--jobs -1: not a number from 1 to 64" },
	{ "--if-held maybe", "--if-held maybe: not one of wait, fail" },
	{ "--host ssh://h", "--host ssh://h: not unix:///PATH or tcp://HOST:PORT" },
	{ "--timeout 1.5h", "--timeout 1.5h: not a duration like 90, 90s, 15m or 1h30m" },
};

static void test_refusals(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct error err = { .kind = ERROR_NONE, .message = "" };
		char *argv[16];
		int result = parse(refused[i].line, false, &err, argv);

		CU_ASSERT_TRUE((result < 0) == (refused[i].message != NULL));
		CHECK_NUMBER(err.kind, refused[i].message ? ERROR_USAGE : ERROR_NONE);
		CHECK_TEXT(err.message, refused[i].message ? refused[i].message : "");
	}
}

static int parse_command(const char *name, char **argv, int argc, char ***ret, struct error *err)
{
	const struct command *command = command_find(name);

	CU_ASSERT_PTR_NOT_NULL_FATAL(command);
	return command_parse(command, argc, argv, ret, err);
}

#define ARGUMENT(text) ((char[]){ text })

static void test_run_splits_at_the_dashes(void)
{
	char *before[] = { ARGUMENT("run"),
			   ARGUMENT("--no-fresh"),
			   ARGUMENT("shop"),
			   ARGUMENT("--"),
			   ARGUMENT("ls"),
			   ARGUMENT("--all"),
			   NULL };
	char *after[] = { ARGUMENT("run"),
			  ARGUMENT("shop"),
			  ARGUMENT("--no-fresh"),
			  ARGUMENT("--"),
			  ARGUMENT("ls"),
			  ARGUMENT("--"),
			  NULL };
	char *none[] = { ARGUMENT("run"), ARGUMENT("shop"), ARGUMENT("ls"), NULL };
	struct error err = { .kind = ERROR_NONE };
	char **operands = NULL;

	CHECK_NUMBER(parse_command("run", before, 6, &operands, &err), 0);
	CHECK_TEXT(operands[0], "shop");
	CHECK_TEXT(operands[1], "ls");
	CHECK_TEXT(operands[2], "--all");
	CU_ASSERT_PTR_NULL(operands[3]);
	CHECK_NUMBER(parse_command("run", after, 6, &operands, &err), 0);
	CHECK_TEXT(operands[0], "shop");
	CHECK_TEXT(operands[2], "--");
	CHECK_NUMBER(parse_command("run", none, 3, &operands, &err), -1);
	CHECK_NUMBER(err.kind, ERROR_USAGE);
}

static void test_every_command_is_described(void)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)); i++) {
		CU_ASSERT_PTR_EQUAL(command_find(command->name), command);
		CU_ASSERT_TRUE(command->summary && *command->summary && command->operands);
		for (const struct option_spec *option = command->options; option->name; option++) {
			CU_ASSERT_TRUE(*option->help && option->target);
			CHECK_NUMBER(!option->value, option->type == OPTION_FLAG);
			for (const struct option_spec *global = global_option_table; global->name;
			     global++)
				CU_ASSERT_TRUE(
					strcmp(option->name, global->name) != 0 &&
					(!option->letter || option->letter != global->letter));
		}
	}
}

static const struct test tests[] = {
	{ "every type of value, among operands", test_values },
	{ "global options end at the command", test_stops_at_the_command },
	{ "refusals name the option, the value and what would be right", test_refusals },
	{ "run: options around APP, and CMD after the dashes", test_run_splits_at_the_dashes },
	{ "every command and option is described, none twice", test_every_command_is_described },
	{ NULL, NULL },
};
TEST_SUITE(options, tests);
