#include "docker_context_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "json_internal.h"
#include "model/app.h"

#define FILE_MAX ((size_t)1024 * 1024)
#define SHOWN "%.200s"

static void close_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

/* The folder of the docker command's files, malloced; NULL: none is stated. */
static char *docker_folder(void)
{
	const char *stated = getenv("DOCKER_CONFIG");
	const char *home = getenv("HOME");

	if (stated && *stated)
		return xstrdup(stated);
	return home && *home ? xasprintf("%s/.docker", home) : NULL;
}

static int bad(const char *path, const char *why, struct error *err)
{
	return error_set(err, ERROR_CONFIG,
			 "unable to find out Docker's context: " SHOWN
			 " %s; --host, DOCKER_HOST or "
			 "[engine] host say which engine to use",
			 path, why);
}

/* NULL with *err untouched: there is no such file, or it is closed to us as to the docker command.
 * Of another user's, who must not lead us to an engine of his, *ret_foreign says so. */
static char *read_text(const char *path, bool *ret_foreign, struct error *err)
{
	struct stat status;
	CLEANUP_FREE char *text = NULL;
	CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t length;
	char *read;

	if (fd < 0)
		return NULL;
	text = xcalloc(1, FILE_MAX + 1);
	length = fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)
			 ? -1
			 : file_read_fd(fd, text, FILE_MAX + 1);
	if (length < 0 || (size_t)length == FILE_MAX) {
		(void)bad(path, "can't be read", err);
		return NULL;
	}
	*ret_foreign = status.st_uid != 0 && status.st_uid != geteuid();
	read = text;
	text = NULL;
	return read;
}

static json_t *parse_text(const char *path, const char *text, struct error *err)
{
	json_t *document;

	if (json_load_library(err) < 0)
		return NULL;
	document = json_parse(text, strlen(text), NULL);
	if (!document)
		(void)bad(path, "is not JSON", err);
	return document;
}

int docker_context_current(char **ret, struct error *err)
{
	CLEANUP_FREE char *folder = docker_folder();
	CLEANUP_FREE char *path = folder ? xasprintf("%s/config.json", folder) : NULL;
	CLEANUP_FREE char *text = NULL;
	CLEANUP_JSON json_t *config = NULL;
	struct error why = { .kind = ERROR_NONE };
	bool foreign = true;
	const char *name;

	if (path)
		text = read_text(path, &foreign, &why);
	/* A run asks, too, and mostly there is nothing to load a JSON library for. */
	if (text && strstr(text, "currentContext"))
		config = parse_text(path, text, &why);
	if (why.kind != ERROR_NONE) {
		if (err)
			*err = why;
		return -1;
	}
	name = config ? json_plain_text(sym_json_object_get(config, "currentContext")) : NULL;
	if (!name || !*name) {
		*ret = NULL;
		return 0;
	}
	if (foreign)
		return bad(path, "names one, and belongs to another user", err);
	*ret = xstrdup(name);
	return 0;
}

/* A context's folder is called by SHA-256 of its name; our hash of 128 bits is its beginning. */
static char *folder_of(const char *metas, const char *name)
{
	CLEANUP(close_dir) DIR *dir = opendir(metas);
	struct app_hash hash = app_hash_of(name);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, hash.hex, strlen(hash.hex)))
			return xstrdup(entry->d_name);
	return NULL;
}

static int no_such_context(const char *name, const char *folder, struct error *err)
{
	return error_set(err, ERROR_CONFIG,
			 "unable to use Docker's context " SHOWN ": there is none of that name in "
			 "" SHOWN "/contexts",
			 name, folder ? folder : "~/.docker");
}

static int take_endpoint(const json_t *meta, const char *name, char **ret_host, struct error *err)
{
	const json_t *endpoints = sym_json_object_get(meta, "Endpoints");
	const json_t *docker = endpoints ? sym_json_object_get(endpoints, "docker") : NULL;
	const char *host = json_plain_text(docker ? sym_json_object_get(docker, "Host") : NULL);
	const char *stated = json_plain_text(sym_json_object_get(meta, "Name"));

	if (!stated || strcmp(stated, name) != 0 || !host || !*host)
		return error_set(err, ERROR_CONFIG,
				 "unable to use Docker's context " SHOWN
				 ": it states no address of an engine",
				 name);
	if (strncmp(host, "unix://", 7) != 0 && strncmp(host, "tcp://", 6) != 0)
		return error_set(err, ERROR_CONFIG,
				 "unable to use Docker's context " SHOWN ": its address " SHOWN
				 " is neither unix:///PATH nor tcp://HOST:PORT",
				 name, host);
	if (json_is_true(sym_json_object_get(docker, "SkipTLSVerify")))
		return error_set(err, ERROR_CONFIG,
				 "unable to use Docker's context " SHOWN
				 ": it leaves out the verification of TLS",
				 name);
	*ret_host = xstrdup(host);
	return 0;
}

int docker_context_find(const char *name, char **ret_host, char **ret_tls, struct error *err)
{
	CLEANUP_FREE char *folder = docker_folder();
	CLEANUP_FREE char *metas = folder ? xasprintf("%s/contexts/meta", folder) : NULL;
	CLEANUP_FREE char *id = metas && strcmp(name, "default") ? folder_of(metas, name) : NULL;
	CLEANUP_FREE char *path = id ? xasprintf("%s/%s/meta.json", metas, id) : NULL;
	CLEANUP_FREE char *tls = NULL;
	CLEANUP_FREE char *text = NULL;
	CLEANUP_JSON json_t *meta = NULL;
	struct error why = { .kind = ERROR_NONE };
	bool foreign = true;

	if (!strcmp(name, "default")) {
		*ret_host = *ret_tls = NULL;
		return 0;
	}
	text = path ? read_text(path, &foreign, &why) : NULL;
	if (text)
		meta = parse_text(path, text, &why);
	if (!meta && why.kind == ERROR_NONE)
		return no_such_context(name, folder, err);
	if (!meta) {
		if (err)
			*err = why;
		return -1;
	}
	if (foreign)
		return bad(path, "belongs to another user", err);
	if (take_endpoint(meta, name, ret_host, err) < 0)
		return -1;
	tls = xasprintf("%s/contexts/tls/%s/docker", folder, id);
	*ret_tls = NULL;
	if (access(tls, F_OK) == 0) {
		*ret_tls = tls;
		tls = NULL;
	}
	return 0;
}
