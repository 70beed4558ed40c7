/* Which directories are accepted as lock directory, and what is seen in one. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"
#include "lock/lock_dir.h"
#include "model/settings.h"

static void check_dir(const struct lock_trust *trust, const char *path, const char *reason)
{
	struct lock_dir dir = { .fd = -1 };
	struct error err = { 0 };
	int result = lock_dir_open(&dir, path, trust, &err);

	CHECK_NUMBER(result, reason ? -1 : 0);
	if (reason) {
		CHECK_NUMBER(err.kind, ERROR_LOCK);
		CHECK_NUMBER(dir.fd, -1);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.message, path));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.message, reason));
		return;
	}
	CHECK_NUMBER(fcntl(dir.fd, F_GETFD), FD_CLOEXEC);
	lock_dir_close(&dir);
	CHECK_NUMBER(dir.fd, -1);
}

static void test_vetting(void)
{
	uid_t uids[] = { geteuid() };
	struct lock_trust trust = { .uids = uids, .uid_count = 1, .group = (gid_t)-1 };
	char path[600], link[600];

	snprintf(path, sizeof(path), "%s/locks", temp_dir());
	snprintf(link, sizeof(link), "%s/link", temp_dir());
	CHECK_NUMBER(mkdir(path, 0700), 0);
	check_dir(&trust, path, NULL);
	CHECK_NUMBER(chmod(path, 0777), 0);
	check_dir(&trust, path, "not sticky");
	CHECK_NUMBER(chmod(path, 01777), 0);
	check_dir(&trust, path, NULL);
	CHECK_NUMBER(symlink(path, link), 0);
	check_dir(&trust, link, "symbolic link");
	CHECK_NUMBER(chown(path, (uid_t)-1, 4243), 0);
	CHECK_NUMBER(chmod(path, 0770), 0);
	check_dir(&trust, path, "not sticky");
	trust.group = 4243;
	check_dir(&trust, path, NULL);
	CHECK_NUMBER(chown(path, 4242, (gid_t)-1), 0);
	check_dir(&trust, path, "not trusted");
	CHECK_NUMBER(rmdir(path), 0);
	check_dir(&trust, path, "No such file");
	check_dir(&trust, "/proc", "file system");
}

static int count_entry(const struct app_hash *hash, void *data)
{
	(void)hash;
	return ++*(int *)data == 2 ? 7 : 0;
}

static void test_entries(void)
{
	static const char *const names[] = {
		"ci-app-0123456789abcdef0123456789abcdef.lock",
		"ci-app-0123456789ABCDEF0123456789abcdef.lock",
		"ci-app-0123456789abcdef0123456789abcdef.lock~",
		"other",
	};
	uid_t uids[] = { geteuid() };
	struct lock_trust trust = { .uids = uids, .uid_count = 1, .group = (gid_t)-1 };
	struct lock_dir dir;
	int count = 0;

	CU_ASSERT_EQUAL_FATAL(lock_dir_open(&dir, temp_dir(), &trust, NULL), 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		close(openat(dir.fd, names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	for (int walk = 0; walk < 2; walk++) {
		count = 0;
		CHECK_NUMBER(lock_dir_each(&dir, count_entry, &count, NULL), 0);
		CHECK_NUMBER(count, 1);
	}
	close(openat(dir.fd, "ci-app-1123456789abcdef0123456789abcdef.lock", O_CREAT | O_CLOEXEC,
		     0600));
	count = 0;
	CHECK_NUMBER(lock_dir_each(&dir, count_entry, &count, NULL), 7);
	lock_dir_close(&dir);
}

static void test_trust(void)
{
	struct settings settings;
	struct lock_trust trust;
	struct error err = { 0 };

	settings_init(&settings);
	word_list_append(&settings.trusted_owners, "4242", 4);
	word_list_append(&settings.trusted_owners, "nobody", 6);
	CHECK_NUMBER(lock_trust_init(&trust, &settings, &err), 0);
	CU_ASSERT_TRUE(lock_trust_uid(&trust, 0));
	CU_ASSERT_TRUE(lock_trust_uid(&trust, geteuid()));
	CU_ASSERT_TRUE(lock_trust_uid(&trust, 4242));
	CU_ASSERT_TRUE(lock_trust_uid(&trust, 65534));
	CU_ASSERT_FALSE(lock_trust_uid(&trust, 4243));
	CHECK_NUMBER(trust.group, (gid_t)-1);
	lock_trust_release(&trust);
	word_list_append(&settings.trusted_owners, "no-such-user-here", 17);
	CHECK_NUMBER(lock_trust_init(&trust, &settings, &err), -1);
	CHECK_NUMBER(err.kind, ERROR_CONFIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "no-such-user-here"));
	settings_release(&settings);
}

static const struct test tests[] = {
	{ "owner, mode, link and file system", test_vetting },
	{ "only lockfiles' names are seen", test_entries },
	{ "trusted owners by name and number", test_trust },
	{ NULL, NULL },
};
TEST_SUITE(lock_dir, tests)
