/* Which configuration files are read, and which are not to be trusted. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "config/config.h"
#include "harness/command.h"
#include "harness/harness.h"

#define CLEANUP_SETTINGS CLEANUP(settings_release)

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *stream = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
	(void)fputs(text, stream);
	(void)fclose(stream);
	CHECK_NUMBER(chmod(path, mode), 0);
}

static void test_drop_ins(void)
{
	CLEANUP_SETTINGS struct settings settings;
	const char *dir = temp_dir();
	CLEANUP_FREE char *file = xasprintf("%s/main.conf", dir);
	CLEANUP_FREE char *drop_ins = xasprintf("%s/conf.d", dir);
	CLEANUP_FREE char *first = xasprintf("%s/10-a.conf", drop_ins);
	CLEANUP_FREE char *second = xasprintf("%s/20-b.conf", drop_ins);
	CLEANUP_FREE char *backup = xasprintf("%s/30-c.conf~", drop_ins);
	CLEANUP_FREE char *hidden = xasprintf("%s/.40-d.conf", drop_ins);
	CLEANUP_FREE char *expected = xasprintf("%s:2: jobs: unknown key in [run]", second);
	struct error err = { 0 };

	settings_init(&settings);
	CHECK_NUMBER(config_load_with_drop_ins(&settings, file, drop_ins, &err), 0);
	CHECK_NUMBER(mkdir(drop_ins, 0755), 0);
	write_file(second, "[reap]\njobs = 3\n", 0644);
	write_file(first, "[reap]\njobs = 2\n[app]\nlabels = c\n", 0600);
	write_file(file, "[reap]\njobs = 1\n[app]\nlabels = a b\n[run]\nkill_grace = 1\n", 0644);
	write_file(backup, "junk\n", 0644);
	write_file(hidden, "junk\n", 0644);
	CHECK_NUMBER(config_load_with_drop_ins(&settings, file, drop_ins, &err), 0);
	CHECK_NUMBER(settings.jobs, 3);
	CHECK_NUMBER(settings.kill_grace_ms, 1000);
	CHECK_NUMBER(settings.app_labels.count, 1);
	CHECK_TEXT(settings.app_labels.words[0], "c");
	CHECK_TEXT(err.message, "");
	write_file(second, "[run]\njobs = 3\n", 0644);
	CHECK_NUMBER(config_load_with_drop_ins(&settings, file, drop_ins, &err), -1);
	CHECK_TEXT(err.message, expected);
}

static void check_unusable(const char *path, const char *reason)
{
	CLEANUP_SETTINGS struct settings settings;
	CLEANUP_FREE char *expected = xasprintf("unable to %s", reason);
	struct error err = { 0 };

	settings_init(&settings);
	CHECK_NUMBER(config_load(&settings, path, &err), -1);
	CHECK_NUMBER(err.kind, ERROR_CONFIG);
	CHECK_TEXT(err.message, expected);
}

static void test_untrusted_files(void)
{
	CLEANUP_SETTINGS struct settings settings;
	const char *dir = temp_dir();
	CLEANUP_FREE char *file = xasprintf("%s/a.conf", dir);
	CLEANUP_FREE char *fifo = xasprintf("%s/fifo.conf", dir);
	CLEANUP_FREE char *absent = xasprintf("open %s/absent: No such file or directory", dir);
	CLEANUP_FREE char *mode = xasprintf("use %s: its mode 0664 lets others write to it", file);
	CLEANUP_FREE char *world = xasprintf("use %s: its mode 0602 lets others write to it", file);
	CLEANUP_FREE char *no_file = xasprintf("use %s: it is not a regular file", dir);
	CLEANUP_FREE char *a_fifo = xasprintf("use %s: it is not a regular file", fifo);
	CLEANUP_FREE char *absent_path = xasprintf("%s/absent", dir);

	settings_init(&settings);
	write_file(file, "[reap]\njobs = 9\n", 0664);
	check_unusable(file, mode);
	CHECK_NUMBER(chmod(file, 0602), 0);
	check_unusable(file, world);
	check_unusable(dir, no_file);
	CHECK_NUMBER(mkfifo(fifo, 0600), 0);
	check_unusable(fifo, a_fifo);
	check_unusable(absent_path, absent);
	CHECK_NUMBER(chmod(file, 0644), 0);
	CHECK_NUMBER(config_load(&settings, file, NULL), 0);
	CHECK_NUMBER(settings.jobs, 9);
}

static void test_untrusted_owner(void)
{
	const char *dir = temp_dir();
	CLEANUP_FREE char *file = xasprintf("%s/a.conf", dir);
	CLEANUP_FREE char *expected =
		xasprintf("use %s: its owner, uid 12345, is neither root nor the caller", file);

	if (geteuid() != 0)
		return; /* only root can give a file away */
	write_file(file, "[reap]\njobs = 9\n", 0600);
	CHECK_NUMBER(chown(file, 12345, (gid_t)-1), 0);
	check_unusable(file, expected);
}

static const struct test tests[] = {
	{ "drop-ins override in name order", test_drop_ins },
	{ "files that others could have written are refused", test_untrusted_files },
	{ "files of other owners are refused", test_untrusted_owner },
	{ NULL, NULL },
};
TEST_SUITE(config_files, tests)
