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
#include "model/app.h"
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

/* <hash>.<run id> */
static bool is_scratch(const char *name, struct app_hash *ret)
{
	const char *rest = name + APP_HASH_LENGTH + 1;

	if (strspn(name, "0123456789abcdef") != APP_HASH_LENGTH || name[APP_HASH_LENGTH] != '.' ||
	    strspn(rest, "0123456789abcdef") != RUN_ID_LENGTH || strlen(rest) != RUN_ID_LENGTH)
		return false;
	memcpy(ret->hex, name, APP_HASH_LENGTH);
	ret->hex[APP_HASH_LENGTH] = '\0';
	return true;
}

struct walk {
	int base_fd;
	const struct lock_trust *trust;
	int64_t before;
	int (*function)(const struct walk *walk, const char *name, const struct app_hash *hash);
	void *data;
	struct error *err;
};

/* 1, 0 (also: gone), -1 with *err. */
static int is_wanted(const struct walk *walk, const char *name)
{
	struct stat status;

	if (!fstatat(walk->base_fd, name, &status, AT_SYMLINK_NOFOLLOW))
		return lock_trust_uid(walk->trust, status.st_uid) &&
		       status.st_ctim.tv_sec < walk->before;
	if (errno == ENOENT)
		return 0;
	return error_set_errno(walk->err, ERROR_SYSTEM, errno,
			       "unable to examine the scratch directory %s", name);
}

static void close_stream(DIR **stream)
{
	if (*stream)
		(void)closedir(*stream);
}

/* The last result that was not 0: nothing ends the walk. */
static int walk_base(struct walk *walk, const char *base)
{
	int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
	CLEANUP(close_stream) DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	struct app_hash hash;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (!stream)
		return error_set_errno(walk->err, ERROR_SYSTEM, errno,
				       "unable to read the scratch directory %s", base);
	walk->base_fd = fd;
	while ((errno = 0, entry = readdir(stream))) {
		int done;

		if (!is_scratch(entry->d_name, &hash))
			continue;
		done = is_wanted(walk, entry->d_name);
		if (done > 0)
			done = walk->function(walk, entry->d_name, &hash);
		result = done ? done : result;
	}
	if (errno && result == 0)
		return error_set_errno(walk->err, ERROR_SYSTEM, errno,
				       "unable to read the scratch directory %s", base);
	return result;
}

struct removal {
	const struct app_hash *hash;
	int64_t deadline;
	size_t *count;
};

static int remove_entry(const struct walk *walk, const char *name, const struct app_hash *hash)
{
	const struct removal *removal = walk->data;

	if (!app_hash_equal(hash, removal->hash))
		return 0;
	if (remove_tree(walk->base_fd, name, removal->deadline, walk->err) < 0)
		return -1;
	++*removal->count;
	return 0;
}

int scratch_remove(const char *base, const struct lock_trust *trust, const struct app_hash *hash,
		   int64_t before, int64_t deadline, size_t *count, struct error *err)
{
	struct removal removal = { hash, deadline, count };
	struct walk walk = { .trust = trust,
			     .before = before,
			     .function = remove_entry,
			     .data = &removal,
			     .err = err };

	return walk_base(&walk, base);
}

struct each {
	void (*function)(const struct app_hash *hash, void *data);
	void *data;
};

static int call(const struct walk *walk, const char *name, const struct app_hash *hash)
{
	const struct each *each = walk->data;

	(void)name;
	each->function(hash, each->data);
	return 0;
}

int scratch_each(const char *base, const struct lock_trust *trust, int64_t before,
		 void (*function)(const struct app_hash *hash, void *data), void *data,
		 struct error *err)
{
	struct each each = { function, data };
	struct walk walk = {
		.trust = trust, .before = before, .function = call, .data = &each, .err = err
	};

	return walk_base(&walk, base);
}
