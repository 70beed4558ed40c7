#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "config/config.h"
#include "harness/harness.h"

#define CLEANUP_SETTINGS CLEANUP(settings_release)
#define TEN "1234567890"
#define FIFTY TEN TEN TEN TEN TEN
#define LINE_OF_196 "#" FIFTY FIFTY FIFTY TEN TEN TEN TEN "12345"

static int parse_bytes(struct settings *settings, const char *bytes, size_t length,
		       struct error *err)
{
	FILE *stream = fmemopen((void *)(uintptr_t)bytes, length, "r");
	int result;

	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	result = config_parse(settings, stream, "x.conf", err);
	(void)fclose(stream);
	return result;
}

static int parse(struct settings *settings, const char *text, struct error *err)
{
	return parse_bytes(settings, text, strlen(text), err);
}

static void test_nul_is_refused(void)
{
	CLEANUP_SETTINGS struct settings settings;
	static const char text[] = "[reap]\njobs = 2\0 0\n";
	struct error err = { 0 };

	settings_init(&settings);
	CHECK_NUMBER(parse_bytes(&settings, text, sizeof(text) - 1, &err), -1);
	CHECK_TEXT(err.message, "x.conf:2: a control character (0x00)");
}

static void test_size_limits(void)
{
	CLEANUP_SETTINGS struct settings settings;
	CLEANUP_FREE char *large = xcalloc(CONFIG_FILE_MAX + 3000, 1);
	struct error err = { 0 };
	size_t length = 0;

	settings_init(&settings);
	CHECK_NUMBER(strlen(LINE_OF_196), CONFIG_LINE_MAX);
	CHECK_NUMBER(parse(&settings, LINE_OF_196 "\n[reap]\njobs = 7", &err), 0);
	CHECK_NUMBER(settings.jobs, 7);
	while (length < CONFIG_FILE_MAX + 2000)
		length += (size_t)sprintf(large + length, "%s\n", "#" FIFTY FIFTY);
	CHECK_NUMBER(parse(&settings, large, &err), -1);
	CHECK_TEXT(err.message, "x.conf:649: a file larger than 65536 bytes");
}

static const char *join(const struct word_list *list, char *buffer, size_t size)
{
	size_t length = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < list->count; i++)
		length += (size_t)snprintf(buffer + length, size - length, "%s%s", i ? " " : "",
					   list->words[i]);
	return buffer;
}

static void check_words(const struct word_list *list, const char *expected)
{
	char buffer[1024];

	CHECK_TEXT(join(list, buffer, sizeof(buffer)), expected);
}

static void test_every_key_is_read(void)
{
	CLEANUP_SETTINGS struct settings settings;
	struct error err = { 0 };

	settings_init(&settings);
	CHECK_NUMBER(
		parse(&settings,
		      "; a comment\n"
		      "[lock]\ndir = /run/ci\ntrusted_owners = ci 1001\ngroup = docker\n"
		      "cluster = yes\ncluster_term = 5s\n"
		      "[engine] # where\nhost = tcp://192.0.2.1:2376\nconnect_timeout = 250ms\n"
		      "swarm = ignore\nread_timeout=1m30s\nwrite_timeout  =  90 ; seconds\n"
		      "[app]\nlabels = one\t two\nprotect = prod-* shop\n"
		      "stack_name = dots-to-underscores\nprefix_kinds = volume\n"
		      "files = /srv/*/{app}.env /{app}\n"
		      "  [reap]\n\tjobs = 64\n\ttimeout = 1h\nprotect_label = keep=\n"
		      "protect = x\nvolume_drivers =\n"
		      "before = /bin/one two\nafter = /bin/three\nhook_timeout = 5s\n"
		      "hook_failure = ignore\n"
		      "[orphans]\napp_pattern = pr-* mr-*\nmin_age = 0\n"
		      "[run]\nkill_grace = 0\nteardown_timeout = 5m\n"
		      "[report]\nci_log = plain\nwarn_age = 12h\nmetrics = /m/x.prom",
		      &err),
		0);
	CHECK_TEXT(err.message, "");
	CHECK_TEXT(settings.lock_dir, "/run/ci");
	check_words(&settings.trusted_owners, "ci 1001");
	CHECK_TEXT(settings.lock_group, "docker");
	CU_ASSERT_TRUE(settings.cluster);
	CHECK_NUMBER(settings.cluster_term_ms, 5000);
	CHECK_TEXT(settings.engine_host, "tcp://192.0.2.1:2376");
	CHECK_NUMBER(settings.swarm, SWARM_USE_IGNORE);
	CHECK_NUMBER(settings.connect_timeout_ms, 250);
	CHECK_NUMBER(settings.read_timeout_ms, 90000);
	CHECK_NUMBER(settings.write_timeout_ms, 90000);
	check_words(&settings.app_labels, "one two");
	check_words(&settings.app_protect, "prod-* shop");
	check_words(&settings.prefix_kinds, "volume");
	check_words(&settings.app_files, "/srv/*/{app}.env /{app}");
	CHECK_NUMBER(settings.stack_name, STACK_NAME_DOTS_TO_UNDERSCORES);
	CHECK_NUMBER(settings.jobs, 64);
	CHECK_NUMBER(settings.app_timeout_ms, 3600000);
	CHECK_TEXT(settings.protect_label, "keep=");
	check_words(&settings.protect, "x");
	check_words(&settings.volume_drivers, "");
	check_words(&settings.hook_before, "/bin/one two");
	check_words(&settings.hook_after, "/bin/three");
	CHECK_NUMBER(settings.hook_timeout_ms, 5000);
	CHECK_NUMBER(settings.hook_failure, HOOK_FAILURE_IGNORE);
	check_words(&settings.orphan_pattern, "pr-* mr-*");
	CHECK_NUMBER(settings.orphan_min_age_ms, 0);
	CHECK_NUMBER(settings.kill_grace_ms, 0);
	CHECK_NUMBER(settings.teardown_timeout_ms, 300000);
	CHECK_NUMBER(settings.ci_log, CI_LOG_PLAIN);
	CHECK_NUMBER(settings.warn_age_ms, 12 * 3600000);
	CHECK_TEXT(settings.metrics, "/m/x.prom");
}

static void test_empty_unsets(void)
{
	CLEANUP_SETTINGS struct settings settings;

	settings_init(&settings);
	CHECK_NUMBER(parse(&settings, "[lock]\ngroup = g\n[engine]\nhost = unix:///x\n", NULL), 0);
	CHECK_NUMBER(parse(&settings, "[lock]\ngroup =\n[engine]\nhost =\n", NULL), 0);
	CU_ASSERT_PTR_NULL(settings.lock_group);
	CU_ASSERT_PTR_NULL(settings.engine_host);
}

static void check_same(const struct settings *a, const struct settings *b)
{
	const struct {
		const struct word_list *a, *b;
	} lists[] = {
		{ &a->trusted_owners, &b->trusted_owners },
		{ &a->app_labels, &b->app_labels },
		{ &a->app_protect, &b->app_protect },
		{ &a->protect, &b->protect },
		{ &a->volume_drivers, &b->volume_drivers },
		{ &a->prefix_kinds, &b->prefix_kinds },
		{ &a->app_files, &b->app_files },
		{ &a->orphan_pattern, &b->orphan_pattern },
		{ &a->hook_before, &b->hook_before },
		{ &a->hook_after, &b->hook_after },
	};
	char buffer[1024];

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		check_words(lists[i].a, join(lists[i].b, buffer, sizeof(buffer)));
	CHECK_TEXT(a->lock_dir, b->lock_dir);
	CHECK_TEXT(a->lock_group, b->lock_group);
	CHECK_TEXT(a->metrics, b->metrics);
	CHECK_NUMBER(a->cluster, b->cluster);
	CHECK_NUMBER(a->cluster_term_ms, b->cluster_term_ms);
	CHECK_TEXT(a->engine_host, b->engine_host);
	CHECK_TEXT(a->protect_label, b->protect_label);
	CHECK_NUMBER(a->swarm, b->swarm);
	CHECK_NUMBER(a->connect_timeout_ms, b->connect_timeout_ms);
	CHECK_NUMBER(a->read_timeout_ms, b->read_timeout_ms);
	CHECK_NUMBER(a->write_timeout_ms, b->write_timeout_ms);
	CHECK_NUMBER(a->stack_name, b->stack_name);
	CHECK_NUMBER(a->jobs, b->jobs);
	CHECK_NUMBER(a->app_timeout_ms, b->app_timeout_ms);
	CHECK_NUMBER(a->orphan_min_age_ms, b->orphan_min_age_ms);
	CHECK_NUMBER(a->hook_timeout_ms, b->hook_timeout_ms);
	CHECK_NUMBER(a->hook_failure, b->hook_failure);
	CHECK_NUMBER(a->kill_grace_ms, b->kill_grace_ms);
	CHECK_NUMBER(a->teardown_timeout_ms, b->teardown_timeout_ms);
	CHECK_NUMBER(a->keep_max_ms, b->keep_max_ms);
	CHECK_TEXT(a->scratch_dir, b->scratch_dir);
	CHECK_NUMBER(a->scratch_links.count, b->scratch_links.count);
	CHECK_NUMBER(a->scratch_env.count, b->scratch_env.count);
	CHECK_NUMBER(a->ci_log, b->ci_log);
	CHECK_NUMBER(a->warn_age_ms, b->warn_age_ms);
}

/* The sample with its "#key = value" lines made real; other comments have a blank after '#'. */
static char *read_sample(unsigned *ret_keys)
{
	FILE *stream = fopen(SOURCE_DIR "/conf/ci-janitor.conf", "r");
	char line[256], *sample = xstrdup("");

	*ret_keys = 0;
	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	while (fgets(line, sizeof(line), stream)) {
		bool is_key = line[0] == '#' && line[1] != ' ' && line[1] != '\n';
		char *longer = xasprintf("%s%s", sample, line + is_key);

		*ret_keys += is_key;
		free(sample);
		sample = longer;
	}
	(void)fclose(stream);
	return sample;
}

static void test_sample_is_the_defaults(void)
{
	CLEANUP_SETTINGS struct settings defaults, sample;
	struct error err = { 0 };
	unsigned keys, known = 0;
	CLEANUP_FREE char *text = read_sample(&keys);

	settings_init(&defaults);
	settings_init(&sample);
	/* Something else in each list: what the sample doesn't give would stay. */
	CHECK_NUMBER(parse(&sample,
			   "[lock]\ntrusted_owners = x\n[app]\nlabels = x\nprotect = x\n"
			   "[reap]\nprotect = x\nvolume_drivers = x\njobs = 63\n"
			   "[run]\nscratch_link = a=/b\nscratch_env = A=b\n",
			   &err),
		     0);
	CHECK_NUMBER(parse(&sample, text, &err), 0);
	CHECK_TEXT(err.message, "");
	check_same(&sample, &defaults);
	while (config_key_at(known))
		known++;
	/* No key twice (the parser), none unknown (the parser), and none missing: */
	CHECK_NUMBER(keys, known);
}

static void test_repeated_keys(void)
{
	static const char *const bad[] = {
		"scratch_link = a",	  "scratch_link = a/b=/c",
		"scratch_link = ..=/c",	  "scratch_link = =/c",
		"scratch_link = a=c",	  "scratch_env = 1A=b",
		"scratch_env = A",	  "scratch_env = CI_JANITOR_RUN_ID=1",
		"scratch_env = CI_APP=x",
	};
	CLEANUP_SETTINGS struct settings settings;
	struct error err = { 0 };

	settings_init(&settings);
	CHECK_NUMBER(parse(&settings,
			   "[run]\nscratch_link = a=/x\nscratch_link = b=/y=z\n"
			   "scratch_env = ABRA_DIR={scratch}\nscratch_env = B=\n",
			   &err),
		     0);
	CHECK_NUMBER(settings.scratch_links.count, 2);
	CHECK_TEXT(settings.scratch_links.words[1], "b=/y=z");
	CHECK_NUMBER(settings.scratch_env.count, 2);
	/* Another file's replace them all. */
	CHECK_NUMBER(parse(&settings, "[run]\nscratch_link = c=/w\n", &err), 0);
	CHECK_NUMBER(settings.scratch_links.count, 1);
	CHECK_NUMBER(settings.scratch_env.count, 2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CLEANUP_FREE char *text = xasprintf("[run]\n%s\n", bad[i]);

		CHECK_NUMBER(parse(&settings, text, &err), -1);
	}
}

static void test_sample_as_shipped(void)
{
	CLEANUP_SETTINGS struct settings defaults, shipped;
	FILE *stream = fopen(SOURCE_DIR "/conf/ci-janitor.conf", "r");
	struct error err = { 0 };

	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	settings_init(&defaults);
	settings_init(&shipped);
	CHECK_NUMBER(config_parse(&shipped, stream, "sample", &err), 0);
	CHECK_TEXT(err.message, "");
	check_same(&shipped, &defaults);
	(void)fclose(stream);
}

static const struct test tests[] = {
	{ "a NUL byte is refused", test_nul_is_refused },
	{ "lines of 196 bytes are read, files of 64 KiB are not", test_size_limits },
	{ "every key is read", test_every_key_is_read },
	{ "an empty value unsets an optional key", test_empty_unsets },
	{ "keys that may be repeated", test_repeated_keys },
	{ "the sample, uncommented, has every key and is the defaults",
	  test_sample_is_the_defaults },
	{ "the sample as shipped changes nothing", test_sample_as_shipped },
	{ NULL, NULL },
};
TEST_SUITE(config, tests)
