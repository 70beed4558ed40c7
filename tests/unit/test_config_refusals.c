/* What a configuration file may not say. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "harness/harness.h"

#define CLEANUP_SETTINGS CLEANUP(settings_release)
#define TEN "1234567890"
#define FIFTY TEN TEN TEN TEN TEN
#define LINE_OF_196 "#" FIFTY FIFTY FIFTY TEN TEN TEN TEN "12345"

#define FILES_REFUSED(value)                                                                       \
	{                                                                                          \
		"[app]\nfiles = " value "\n",                                                      \
			"x.conf:2: files: \"" value                                                \
			"\" is not a list of absolute paths with {app} once, in "                  \
			"their last part, and globs only before it"                                \
	}

static const struct {
	const char *text;
	const char *message;
} refused[] = {
	{ "[lock]\n[nope]\n", "x.conf:2: [nope]: unknown section" },
	{ "[lock ]\n", "x.conf:1: [lock ]: unknown section" },
	{ "[]\n", "x.conf:1: []: unknown section" },
	{ "[" FIFTY "]\n", "x.conf:1: [" FIFTY "]: unknown section" },
	{ "[lock] dir = /x\n", "x.conf:1: [lock] dir = /x: not a section heading" },
	{ "[lock\n", "x.conf:1: [lock: not a section heading" },
	{ "jobs = 4\n", "x.conf:1: jobs: stands before the first [section]" },
	{ "[reap]\n\n# comment\njbos = 4\n", "x.conf:4: jbos: unknown key in [reap]" },
	{ "[lock]\njobs = 4\n", "x.conf:2: jobs: unknown key in [lock]" },
	{ "[reap]\nJobs = 4\n", "x.conf:2: Jobs: unknown key in [reap]" },
	{ "[reap]\njobs = 4\ntimeout = 1m\njobs = 4\n",
	  "x.conf:4: jobs: given twice, first on line 2" },
	{ "[reap]\njobs = 4\n[run]\n[reap]\njobs = 5\n",
	  "x.conf:5: jobs: given twice, first on line 2" },
	{ "[reap]\njobs\n", "x.conf:2: neither a [section] nor a \"key = value\"" },
	{ "[reap]\njobs\njobs = x\n", "x.conf:2: neither a [section] nor a \"key = value\"" },
	{ "[reap]\n= 4\n", "x.conf:2: neither a [section] nor a \"key = value\"" },
	{ "\xef\xbb\xbf[reap]\n", "x.conf:1: neither a [section] nor a \"key = value\"" },
	{ "[reap]\njobs = 0\n", "x.conf:2: jobs: \"0\" is not a number from 1 to 64" },
	{ "[reap]\njobs = 65\n", "x.conf:2: jobs: \"65\" is not a number from 1 to 64" },
	{ "[reap]\njobs = 4 # four\n",
	  "x.conf:2: jobs: \"4 # four\" is not a number from 1 to 64" },
	{ "[reap]\njobs =\n", "x.conf:2: jobs: \"\" is not a number from 1 to 64" },
	{ "[reap]\ntimeout = 0\n",
	  "x.conf:2: timeout: \"0\" is not a duration like 90s or 1h30m, at least 1ms" },
	{ "[run]\nkill_grace = soon\n",
	  "x.conf:2: kill_grace: \"soon\" is not a duration like 90s or 1h30m" },
	{ "[lock]\ndir = run/lock\n",
	  "x.conf:2: dir: \"run/lock\" is not an absolute path without blanks" },
	{ "[lock]\ndir =\n", "x.conf:2: dir: \"\" is not an absolute path without blanks" },
	{ "[lock]\ncluster = perhaps\n", "x.conf:2: cluster: \"perhaps\" is not yes or no" },
	{ "[lock]\ncluster_term = 4999ms\n",
	  "x.conf:2: cluster_term: \"4999ms\" is not a duration from 5s to 1h" },
	{ "[lock]\ncluster_term = 1h1ms\n",
	  "x.conf:2: cluster_term: \"1h1ms\" is not a duration from 5s to 1h" },
	{ "[lock]\ngroup = two words\n",
	  "x.conf:2: group: \"two words\" is not a group's name or number" },
	{ "[engine]\nhost = ftp://x\n",
	  "x.conf:2: host: \"ftp://x\" is not an address like unix:///var/run/docker.sock or "
	  "tcp://HOST:PORT" },
	{ "[app]\nlabels =\n", "x.conf:2: labels: \"\" is not a list of label keys, at least one" },
	{ "[app]\nprotect = shop-* # mine\n",
	  "x.conf:2: protect: \"shop-* # mine\" is not a list of globs" },
	{ "[engine]\nswarm = no\n", "x.conf:2: swarm: \"no\" is not auto or ignore" },
	FILES_REFUSED("srv/{app}"),
	FILES_REFUSED("/srv/app.env"),
	FILES_REFUSED("/{app}/x"),
	FILES_REFUSED("/srv/{app}*"),
	FILES_REFUSED("/srv/{app}{app}"),
	FILES_REFUSED("/srv//{app}"),
	FILES_REFUSED("/./{app}"),
	FILES_REFUSED("/srv/{app} /etc/../{app}"),
	{ "[reap]\nbefore = echo x\n",
	  "x.conf:2: before: \"echo x\" is not an absolute path and arguments, split at blanks" },
	{ "[reap]\nhook_failure = no\n", "x.conf:2: hook_failure: \"no\" is not keep or ignore" },
	{ "[app]\nprefix_kinds = secret network\n",
	  "x.conf:2: prefix_kinds: \"secret network\" is not a list of secret, config and volume" },
	{ "[app]\nstack_name = app\n",
	  "x.conf:2: stack_name: \"app\" is not {app}, dots-to-underscores or co-op-cloud" },
	{ "[reap]\nprotect_label = mine\n",
	  "x.conf:2: protect_label: \"mine\" is not a label like ci-janitor.protect=true" },
	{ "[reap]\nprotect_label = =x\n",
	  "x.conf:2: protect_label: \"=x\" is not a label like ci-janitor.protect=true" },
	{ "[reap]\njobs = 4\n" LINE_OF_196 "x\n", "x.conf:3: a line longer than 196 bytes" },
	{ "[reap]\njobs = 4\r\n", "x.conf:2: a control character (0x0d)" },
	{ "[reap]\n#\x1b[2J\n", "x.conf:2: a control character (0x1b)" },
	{ "[reap]\n#\x7f\n", "x.conf:2: a control character (0x7f)" },
	/* An indented line is a line: it neither continues the one before, nor hides. */
	{ "[app]\nprotect = a\n  b\n", "x.conf:3: neither a [section] nor a \"key = value\"" },
	{ "[app]\nprotect = a\n\tprotect = b\n",
	  "x.conf:3: protect: given twice, first on line 2" },
	{ "[app]\nprotect = a\n  [nope]\n", "x.conf:3: [nope]: unknown section" },
};

static void test_refusals(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		CLEANUP_SETTINGS struct settings settings;
		struct error err = { 0 };
		FILE *stream;

		settings_init(&settings);
		stream = fmemopen((void *)(uintptr_t)refused[i].text, strlen(refused[i].text), "r");
		CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
		CHECK_NUMBER(config_parse(&settings, stream, "x.conf", &err), -1);
		(void)fclose(stream);
		CHECK_NUMBER(err.kind, ERROR_CONFIG);
		CHECK_TEXT(err.message, refused[i].message);
	}
}

static const struct test tests[] = {
	{ "refusals name file, line, key and what would be right", test_refusals },
	{ NULL, NULL },
};
TEST_SUITE(config_refusals, tests)
