/* Which files are read, in which order, and which are not to be trusted. */
#include "config/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/memory.h"

static int vet(int fd, mode_t type, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_set_errno(err, ERROR_CONFIG, errno, "unable to examine %s", path);
	if ((st.st_mode & S_IFMT) != type)
		return error_set(err, ERROR_CONFIG, "unable to use %s: it is not a %s", path,
				 type == S_IFREG ? "regular file" : "directory");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return error_set(
			err, ERROR_CONFIG,
			"unable to use %s: its owner, uid %u, is neither root nor the caller", path,
			(unsigned)st.st_uid);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(err, ERROR_CONFIG,
				 "unable to use %s: its mode %04o lets others write to it", path,
				 (unsigned)(st.st_mode & 07777));
	return 0;
}

/* The descriptor; -1 with *ret_missing and no error when there is no such file. */
static int open_vetted(const char *path, mode_t type, bool *ret_missing, struct error *err)
{
	/* O_NONBLOCK: a FIFO must not hang us before it is refused. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	*ret_missing = fd < 0 && errno == ENOENT;
	if (*ret_missing)
		return -1;
	if (fd < 0)
		return error_set_errno(err, ERROR_CONFIG, errno, "unable to open %s", path);
	if (vet(fd, type, path, err) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static int load_file(struct settings *settings, const char *path, bool required, struct error *err)
{
	bool missing;
	int fd = open_vetted(path, S_IFREG, &missing, err);
	FILE *stream;
	int result;

	if (missing && required)
		return error_set_errno(err, ERROR_CONFIG, ENOENT, "unable to open %s", path);
	if (fd < 0)
		return missing ? 0 : -1;
	stream = fdopen(fd, "r");
	if (!stream) {
		result = error_set_errno(err, ERROR_SYSTEM, errno, "unable to read %s", path);
		(void)close(fd);
		return result;
	}
	result = config_parse(settings, stream, path, err);
	(void)fclose(stream);
	return result;
}

static bool is_drop_in(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > strlen(".conf") &&
	       !strcmp(name + length - strlen(".conf"), ".conf");
}

/* strcmp, not strcoll: the order must not depend on the caller's locale. */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_drop_ins(const char *directory, struct word_list *ret, struct error *err)
{
	bool missing;
	int fd = open_vetted(directory, S_IFDIR, &missing, err);
	struct dirent *entry;
	DIR *dir;

	if (fd < 0)
		return missing ? 0 : -1;
	dir = fdopendir(fd);
	if (!dir) {
		(void)error_set_errno(err, ERROR_SYSTEM, errno, "unable to read %s", directory);
		(void)close(fd);
		return -1;
	}
	while ((errno = 0, entry = readdir(dir)))
		if (is_drop_in(entry->d_name))
			word_list_append(ret, entry->d_name, strlen(entry->d_name));
	if (errno) {
		(void)error_set_errno(err, ERROR_SYSTEM, errno, "unable to read %s", directory);
		(void)closedir(dir);
		return -1;
	}
	(void)closedir(dir);
	if (ret->count)
		qsort(ret->words, ret->count, sizeof(ret->words[0]), by_name);
	return 0;
}

int config_load_with_drop_ins(struct settings *settings, const char *file, const char *directory,
			      struct error *err)
{
	CLEANUP(word_list_release) struct word_list names = { 0 };

	if (load_file(settings, file, false, err) < 0 || list_drop_ins(directory, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		CLEANUP_FREE char *path = xasprintf("%s/%s", directory, names.words[i]);

		if (load_file(settings, path, true, err) < 0)
			return -1;
	}
	return 0;
}

int config_load(struct settings *settings, const char *path, struct error *err)
{
	if (path)
		return load_file(settings, path, true, err);
	return config_load_with_drop_ins(settings, CONFIG_DEFAULT_FILE, CONFIG_DEFAULT_DROP_INS,
					 err);
}
