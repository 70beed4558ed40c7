/* An app's files by template: what is found, what is refused, and what removal really unlinks. */
#include "reap/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "base/text.h"
#include "harness/command.h"
#include "harness/harness.h"

#define STRANGER 65533

static char base[256];
static struct lock_trust trust;
static uid_t trusted[2];

static int set_up(void)
{
	trusted[0] = 0;
	trusted[1] = geteuid();
	trust = (struct lock_trust){ .uids = trusted, .uid_count = 2, .group = (gid_t)-1 };
	snprintf(base, sizeof(base), "%s", temp_dir());
	return 0;
}

static const char *at(const char *path)
{
	static char buffers[4][512];
	static unsigned next;
	char *buffer = buffers[next++ % 4];

	snprintf(buffer, sizeof(buffers[0]), "%s%s", base, path);
	return buffer;
}

static void make_dir(const char *path, mode_t mode)
{
	CU_ASSERT(mkdir(at(path), 0700) == 0);
	CU_ASSERT(chmod(at(path), mode) == 0);
}

static void make_file(const char *path)
{
	int fd = open(at(path), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);

	CU_ASSERT(fd >= 0);
	close(fd);
}

static bool is_there(const char *path)
{
	return faccessat(AT_FDCWD, at(path), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Lines "PATH[: REASON]" without the test's folder, sorted by being few. */
static void note(void *data, const struct app_file *file)
{
	struct text *text = data;

	text_append(text, file->path + strlen(base));
	if (file->reason)
		text_appendf(text, ": %s", file->reason);
	text_append(text, "\n");
}

static void check_found(const char *template, const char *app, const char *expected)
{
	CLEANUP_TEXT struct text text = { 0 };
	struct error err = { .kind = ERROR_NONE };

	if (files_each(at(template), app, &trust, note, &text, &err) < 0)
		CHECK_TEXT(err.message, "");
	CHECK_TEXT(text_get(&text), expected);
}

static void test_what_is_found(void)
{
	make_dir("/found", 0755);
	make_dir("/found/one", 0755);
	make_dir("/found/.hidden", 0755);
	make_dir("/found/a*b", 0755);
	make_file("/found/file");
	make_file("/found/one/shop.env");
	make_file("/found/one/shop.envx");
	make_file("/found/one/shop2.env");
	make_file("/found/one/Shop.env");
	make_file("/found/.hidden/shop.env");
	CU_ASSERT(symlink("one", at("/found/link")) == 0);
	check_found("/found/*/{app}.env", "shop", "/found/one/shop.env\n");
	check_found("/found/one/{app}.env", "shop", "/found/one/shop.env\n");
	check_found("/found/.h*/{app}.env", "shop", "/found/.hidden/shop.env\n");
	check_found("/f?und/[nop]*/{app}", "shop2.env", "/found/one/shop2.env\n");
	check_found("/found/*/{app}.env", "sho", "");
	check_found("/found/*/x-{app}.env", "shop", "");
	check_found("/nowhere/*/{app}.env", "shop", "");
}

static void test_what_cannot_be_known(void)
{
	struct error err = { .kind = ERROR_NONE };
	CLEANUP_TEXT struct text text = { 0 };

	make_dir("/way", 0755);
	make_dir("/way/real", 0755);
	make_file("/way/real/shop");
	CU_ASSERT(symlink("real", at("/way/link")) == 0);
	CHECK_NUMBER(files_each(at("/way/link/{app}"), "shop", &trust, note, &text, &err), -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "/way/link is a symbolic link"));
	CHECK_TEXT(text_get(&text), "");
	CHECK_NUMBER(files_each(at("/way/real/{app}"), "../shop", &trust, note, &text, &err), -1);
	CHECK_NUMBER(files_each(at("/way/real/{app}"), "", &trust, note, &text, &err), -1);
	CHECK_NUMBER(files_remove(at("/way/link/shop"), &trust, &err), -1);
	CU_ASSERT(is_there("/way/real/shop"));
}

/* Not what an unprivileged user could have put there, or could swap at this moment. */
static void test_what_is_refused(void)
{
	struct error err = { .kind = ERROR_NONE };

	make_dir("/no", 0755);
	make_dir("/no/open", 0777);
	make_dir("/no/sticky", 01777);
	make_dir("/no/group", 0775);
	make_dir("/no/loose", 0777);
	make_dir("/no/loose/inner", 0755);
	make_dir("/no/safe", 01777);
	make_dir("/no/safe/inner", 0755);
	make_file("/no/open/shop");
	make_file("/no/sticky/shop");
	make_file("/no/group/shop");
	make_file("/no/loose/inner/shop");
	make_file("/no/safe/inner/shop");
	make_dir("/no/kinds", 0755);
	make_dir("/no/kinds/shop-dir", 0755);
	CU_ASSERT(symlink("/etc/passwd", at("/no/kinds/shop-link")) == 0);
	CU_ASSERT(mkfifo(at("/no/kinds/shop-fifo"), 0600) == 0);
#define OTHERS ": others may write to a directory on its way\n"
	check_found("/no/open/{app}", "shop", "/no/open/shop" OTHERS);
	check_found("/no/sticky/{app}", "shop", "/no/sticky/shop" OTHERS);
	check_found("/no/group/{app}", "shop", "/no/group/shop" OTHERS);
	check_found("/no/loose/inner/{app}", "shop", "/no/loose/inner/shop" OTHERS);
	check_found("/no/safe/inner/{app}", "shop", "/no/safe/inner/shop\n");
	check_found("/no/kinds/shop-{app}", "dir",
		    "/no/kinds/shop-dir: it is not a regular file\n");
	check_found("/no/kinds/shop-{app}", "link",
		    "/no/kinds/shop-link: it is not a regular file\n");
	check_found("/no/kinds/shop-{app}", "fifo",
		    "/no/kinds/shop-fifo: it is not a regular file\n");
	CHECK_NUMBER(files_remove(at("/no/open/shop"), &trust, &err), -1);
	CHECK_NUMBER(files_remove(at("/no/kinds/shop-link"), &trust, &err), -1);
	CHECK_NUMBER(files_remove(at("/no/kinds/shop-dir"), &trust, &err), -1);
	CU_ASSERT(is_there("/no/open/shop") && is_there("/no/kinds/shop-link") &&
		  is_there("/no/kinds/shop-dir"));
	trust.group = getegid();
	check_found("/no/group/{app}", "shop", "/no/group/shop\n");
	trust.group = (gid_t)-1;
}

static void test_owners(void)
{
	uid_t with_stranger[] = { 0, STRANGER };
	struct error err = { .kind = ERROR_NONE };

	make_dir("/owners", 0755);
	make_dir("/owners/theirs", 0755);
	make_dir("/owners/ours", 0755);
	make_file("/owners/theirs/shop");
	make_file("/owners/ours/shop");
	if (geteuid() != 0)
		return;
	CU_ASSERT(chown(at("/owners/theirs"), STRANGER, 0) == 0);
	CU_ASSERT(chown(at("/owners/ours/shop"), STRANGER, 0) == 0);
	check_found("/owners/ours/{app}", "shop", "/owners/ours/shop: its owner is not trusted\n");
	check_found(
		"/owners/theirs/{app}", "shop",
		"/owners/theirs/shop: a directory on its way has an owner that is not trusted\n");
	CHECK_NUMBER(files_remove(at("/owners/theirs/shop"), &trust, &err), -1);
	trust.uids = with_stranger;
	check_found("/owners/theirs/{app}", "shop", "/owners/theirs/shop\n");
	CHECK_NUMBER(files_remove(at("/owners/theirs/shop"), &trust, &err), 1);
	trust.uids = trusted;
}

static void test_removal(void)
{
	struct error err = { .kind = ERROR_NONE };

	make_dir("/gone", 0755);
	make_dir("/gone/[x]*", 0755);
	make_dir("/gone/x", 0755);
	make_file("/gone/[x]*/shop.env");
	make_file("/gone/x/shop.env");
	CU_ASSERT(link(at("/gone/x/shop.env"), at("/gone/x/other")) == 0);
	CHECK_NUMBER(files_remove(at("/gone/[x]*/shop.env"), &trust, &err), 1);
	CU_ASSERT(!is_there("/gone/[x]*/shop.env") && is_there("/gone/x/shop.env"));
	CHECK_NUMBER(files_remove(at("/gone/[x]*/shop.env"), &trust, &err), 0);
	CHECK_NUMBER(files_remove(at("/gone/nowhere/shop.env"), &trust, &err), 0);
	CHECK_NUMBER(files_remove(at("/gone/x/shop.env"), &trust, &err), 1);
	CU_ASSERT(is_there("/gone/x/other"));
	CHECK_TEXT(err.message, "");
}

static void test_whose_file(void)
{
	char app[16];

	CU_ASSERT(files_app_of("/x/{app}.env", "shop.env", app, sizeof(app)));
	CHECK_TEXT(app, "shop");
	CU_ASSERT(files_app_of("/x/a{app}", "a.b", app, sizeof(app)) == false);
	CU_ASSERT(files_app_of("/x/a{app}", "abc", app, sizeof(app)));
	CHECK_TEXT(app, "bc");
	CU_ASSERT_FALSE(files_app_of("/x/{app}.env", ".env", app, sizeof(app)));
	CU_ASSERT_FALSE(files_app_of("/x/{app}.env", "shop.envy", app, sizeof(app)));
	CU_ASSERT_FALSE(files_app_of("/x/aa{app}aa", "aaa", app, sizeof(app)));
	CU_ASSERT_FALSE(files_app_of("/x/{app}", "0123456789abcdef", app, sizeof(app)));
}

static const struct test tests[] = {
	{ "globs in directories, the name in the last part", test_what_is_found },
	{ "a link on the way, or no app's name: unknown", test_what_cannot_be_known },
	{ "open directories, links, FIFOs are kept", test_what_is_refused },
	{ "owners", test_owners },
	{ "removal takes this name only", test_removal },
	{ "whose a file is", test_whose_file },
	{ NULL, NULL },
};
TEST_SUITE_WITH(files, tests, set_up, NULL);
