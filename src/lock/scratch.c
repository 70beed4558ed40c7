#include "lock/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "kernel/remove_tree.h"
#include "model/record.h"

/* Who can rename the entries of the base directory could put his own in their place. */
static int open_base(const char *base, const struct lock_trust *trust, struct error *err)
{
	struct stat status;
	int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to open the scratch directory %s", base);
	if (!fstat(fd, &status) && lock_trust_uid(trust, status.st_uid) &&
	    (!(status.st_mode & (S_IWGRP | S_IWOTH)) || status.st_mode & S_ISVTX))
		return fd;
	(void)close(fd);
	return error_set(err, ERROR_SYSTEM,
			 "unable to use the scratch directory %s: its owner is not trusted, or "
			 "others may write to it and it is not sticky",
			 base);
}

/* NAME has no '/', so that it can't lead out. */
static int make_link(int fd, const char *link)
{
	const char *equals = strchr(link, '=');
	CLEANUP_FREE char *name = NULL;

	if (!equals)
		return 0;
	name = xstrndup(link, (size_t)(equals - link));
	return symlinkat(equals + 1, fd, name);
}

static int fill(int base_fd, const char *name, const struct word_list *links)
{
	CLEANUP_CLOSE int fd =
		openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* The umask may have taken something away. */
	if (fd < 0 || fchmod(fd, S_IRWXU))
		return -1;
	for (size_t i = 0; i < links->count; i++)
		if (make_link(fd, links->words[i]))
			return -1;
	return 0;
}

int scratch_create(const char *base, const struct lock_trust *trust, const struct app_hash *hash,
		   const char *run_id, const struct word_list *links, char **ret_path,
		   struct error *err)
{
	CLEANUP_FREE char *name = xasprintf("%s.%s", hash->hex, run_id);
	CLEANUP_CLOSE int base_fd = open_base(base, trust, err);
	int errnum;

	if (base_fd < 0)
		return -1;
	if (mkdirat(base_fd, name, S_IRWXU))
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to make %s/%s", base,
				       name);
	if (fill(base_fd, name, links)) {
		errnum = errno;
		(void)remove_tree(base_fd, name, CLOCK_NEVER, NULL);
		return error_set_errno(err, ERROR_SYSTEM, errnum, "unable to fill %s/%s", base,
				       name);
	}
	*ret_path = xasprintf("%s/%s", base, name);
	return 0;
}

static bool is_of_app(const char *name, const struct app_hash *hash)
{
	const char *rest = name + APP_HASH_LENGTH + 1;

	return !strncmp(name, hash->hex, APP_HASH_LENGTH) && name[APP_HASH_LENGTH] == '.' &&
	       strspn(rest, "0123456789abcdef") == RUN_ID_LENGTH && strlen(rest) == RUN_ID_LENGTH;
}

/* 1, 0 (also: gone), -1 with errno. */
static int is_trusted(int base_fd, const char *name, const struct lock_trust *trust)
{
	struct stat status;

	if (fstatat(base_fd, name, &status, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -1;
	return lock_trust_uid(trust, status.st_uid);
}

static int remove_entry(int base_fd, const char *name, const struct lock_trust *trust,
			int64_t deadline, size_t *count, struct error *err)
{
	int trusted = is_trusted(base_fd, name, trust);

	if (trusted < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to examine the scratch directory %s", name);
	if (!trusted)
		return 0;
	if (remove_tree(base_fd, name, deadline, err) < 0)
		return -1;
	++*count;
	return 0;
}

static void close_stream(DIR **stream)
{
	if (*stream)
		(void)closedir(*stream);
}

int scratch_remove(const char *base, const struct lock_trust *trust, const struct app_hash *hash,
		   int64_t deadline, size_t *count, struct error *err)
{
	int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	CLEANUP(close_stream) DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (!stream)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to read the scratch directory %s", base);
	while ((errno = 0, entry = readdir(stream))) {
		if (is_of_app(entry->d_name, hash) &&
		    remove_entry(fd, entry->d_name, trust, deadline, count, err) < 0)
			result = -1;
	}
	if (errno && result == 0)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to read the scratch directory %s", base);
	return result;
}
