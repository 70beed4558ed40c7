#include "sightings_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "kernel/process.h"

/* More than twice what is seen in the longest answer that is taken from an engine, at some 700
 * bytes a lease there and 75 here. A file that is not read back lets no lease get old. */
#define FILE_MAX (64 * 1024 * 1024)

/* ".ci-janitor-leases.0"; no lockfile's name begins so. */
static void file_name(char *ret, size_t size, const char *suffix)
{
	(void)snprintf(ret, size, LOCK_DIR_OWN_FILE "leases.%u%s", (unsigned)geteuid(), suffix);
}

/* Only our own, and nobody else could have written into it: what stands there makes leases look
 * older than they were seen. */
static char *read_file(const struct lock_dir *dir)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat status;
	char name[64], *text;

	file_name(name, sizeof(name), "");
	fd = openat(dir->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
	    status.st_uid != geteuid() || (status.st_mode & 07077) || status.st_nlink != 1 ||
	    status.st_size >= FILE_MAX)
		return NULL;
	text = xcalloc(1, (size_t)status.st_size + 1);
	if (file_read_fd(fd, text, (size_t)status.st_size + 1) >= 0)
		return text;
	free(text);
	return NULL;
}

static bool read_line(char *line, struct sighted *ret)
{
	char *version, *since, *id, *rest = line;
	const char *hash = strsep(&rest, " ");
	int64_t number;

	version = strsep(&rest, " ");
	since = strsep(&rest, " ");
	id = strsep(&rest, " ");
	if (!id || rest || strlen(id) >= sizeof(ret->sighting.id) ||
	    strlen(hash) != APP_HASH_LENGTH ||
	    strspn(hash, "0123456789abcdef") != APP_HASH_LENGTH ||
	    parse_number(version, 1, INT64_MAX, &number, NULL) < 0 ||
	    parse_number(since, 0, INT64_MAX, &ret->sighting.since, NULL) < 0)
		return false;
	memcpy(ret->hash.hex, hash, APP_HASH_LENGTH + 1);
	memcpy(ret->sighting.id, id, strlen(id) + 1);
	ret->sighting.version = (uint64_t)number;
	return true;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct sighted *)a)->hash.hex, ((const struct sighted *)b)->hash.hex);
}

static struct sighted *find(const struct sightings *sightings, const struct app_hash *hash)
{
	struct sighted key = { .hash = *hash };

	return sightings->sorted ? bsearch(&key, sightings->items, sightings->sorted,
					   sizeof(*sightings->items), compare)
				 : NULL;
}

void sightings_sort(struct sightings *sightings)
{
	if (sightings->count)
		qsort(sightings->items, sightings->count, sizeof(*sightings->items), compare);
	sightings->sorted = sightings->count;
}

static struct sighted *append(struct sightings *sightings)
{
	sightings->items = xgrow(sightings->items, &sightings->capacity, sightings->count + 1,
				 sizeof(*sightings->items));
	memset(&sightings->items[sightings->count], 0, sizeof(*sightings->items));
	return &sightings->items[sightings->count++];
}

void sightings_read(const struct lock_dir *dir, struct sightings *ret)
{
	CLEANUP_FREE char *text = read_file(dir);
	char boot[BOOT_ID_SIZE], *rest = text, *line;

	*ret = (struct sightings){ 0 };
	/* Times of another boot say nothing. */
	if (!text || process_boot_id(boot) < 0 || strcmp(strsep(&rest, "\n"), boot) != 0)
		return;
	while ((line = strsep(&rest, "\n")) && *line) {
		struct sighted sighted = { .seen_now = false };

		if (!read_line(line, &sighted)) {
			sightings_release(ret);
			return;
		}
		*append(ret) = sighted;
	}
	sightings_sort(ret);
}

static int replace_file(const struct lock_dir *dir, const struct text *text)
{
	char name[64], temporary[64];
	CLEANUP_CLOSE int fd = -1;

	file_name(name, sizeof(name), "");
	file_name(temporary, sizeof(temporary), ".new");
	/* A killed sweep has left it; or another is at it, and its file gets in place in parts or
	 * not at all: what can't be read of it was not seen. */
	(void)unlinkat(dir->fd, temporary, 0);
	fd = openat(dir->fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	if (file_write_all(fd, text_get(text), text->length) == 0 &&
	    renameat(dir->fd, temporary, dir->fd, name) == 0)
		return 0;
	(void)unlinkat(dir->fd, temporary, 0);
	return -1;
}

int sightings_write(const struct lock_dir *dir, const struct sightings *sightings,
		    struct error *err)
{
	CLEANUP_TEXT struct text text = { 0 };
	char boot[BOOT_ID_SIZE];

	if (process_boot_id(boot) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to read the boot id");
	text_appendf(&text, "%s\n", boot);
	for (size_t i = 0; i < sightings->count; i++) {
		const struct sighted *item = &sightings->items[i];

		if (item->seen_now)
			text_appendf(&text, "%s %" PRIu64 " %" PRId64 " %s\n", item->hash.hex,
				     item->sighting.version, item->sighting.since,
				     item->sighting.id);
	}
	if (replace_file(dir, &text) < 0)
		return error_set_errno(err, ERROR_LOCK, errno,
				       "unable to write what was seen of leases into %s",
				       dir->path);
	return 0;
}

const struct lease_sighting *sightings_note(struct sightings *sightings, const struct lease *lease,
					    int64_t now)
{
	struct sighted *item = find(sightings, &lease->hash);

	if (!item) {
		item = append(sightings);
		item->hash = lease->hash;
	}
	lease_sighting_note(&item->sighting, lease, now);
	item->seen_now = true;
	return &item->sighting;
}

struct lease_sighting sightings_find(const struct sightings *sightings, const struct app_hash *hash)
{
	const struct sighted *item = find(sightings, hash);

	return item ? item->sighting : (struct lease_sighting){ 0 };
}

void sightings_release(struct sightings *sightings)
{
	free(sightings->items);
	*sightings = (struct sightings){ 0 };
}
