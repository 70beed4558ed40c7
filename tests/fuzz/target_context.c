/*
 * Docker's contexts: a line for config.json, a line for the meta.json of the context "fuzz", the
 * rest as an address of DOCKER_HOST's kind. No context leads anywhere but to a socket or a TCP
 * port, and never from TLS to less.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "fuzz/fuzz.h"
#include "harness/command.h"
#include "model/app.h"

#include "../../src/engine/address_internal.h"

static struct {
	const char *folder;
	char *config;
	char *meta;
} files;

static char *make_folder(const char *parent, const char *name)
{
	char *path = xasprintf("%s/%s", parent, name);

	REQUIRE(mkdir(path, 0700) == 0);
	return path;
}

static void set_up(void)
{
	struct app_hash hash = app_hash_of("fuzz");
	CLEANUP_FREE char *contexts = NULL;
	CLEANUP_FREE char *metas = NULL;
	CLEANUP_FREE char *own = NULL;

	files.folder = temp_dir();
	contexts = make_folder(files.folder, "contexts");
	metas = make_folder(contexts, "meta");
	own = make_folder(metas, hash.hex);
	files.config = xasprintf("%s/config.json", files.folder);
	files.meta = xasprintf("%s/meta.json", own);
}

static void write_file(const char *path, const char *text)
{
	CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	REQUIRE(fd >= 0 && file_write_all(fd, text, strlen(text)) == 0);
}

static void require_address(const char *host)
{
	CLEANUP(address_release) struct address address = { 0 };
	struct error err = { .kind = ERROR_NONE };

	if (address_parse(host, &address, &err) < 0) {
		REQUIRE(err.kind == ERROR_CONFIG && err.message[0] && !address.text);
		return;
	}
	REQUIRE(address.text && address.base_url);
	if (address.socket_path) {
		REQUIRE(address.socket_path[0] == '/' && strlen(address.socket_path) < 108);
		REQUIRE(!strcmp(address.base_url, "http://docker") && !address.ca_file);
		return;
	}
	REQUIRE(!strncmp(address.base_url, address.ca_file ? "https://" : "http://",
			 address.ca_file ? 8 : 7));
	REQUIRE(!strpbrk(strstr(address.base_url, "//") + 2, "/@?#% \t\r\n\\"));
}

static void run(const uint8_t *data, size_t size)
{
	CLEANUP_FREE char *config = fuzz_line(&data, &size);
	CLEANUP_FREE char *meta = fuzz_line(&data, &size);
	CLEANUP_FREE char *host = fuzz_text(data, size);

	if (!files.folder)
		set_up();
	REQUIRE(setenv("DOCKER_CONFIG", files.folder, 1) == 0);
	write_file(files.config, config);
	write_file(files.meta, meta);
	require_address(NULL);
	require_address("context:fuzz");
	require_address(host);
	unsetenv("DOCKER_CONFIG");
}
FUZZ_TARGET(context, run)
