/*
 * What an earlier sweep has written of the leases that it has seen; "BOOT" as the first line stands
 * for this boot's. What is read is in order and can be found; what is seen again keeps its time, as
 * often as it is written and read; and what is not is forgotten.
 */
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "fuzz/fuzz.h"
#include "harness/command.h"
#include "kernel/process.h"

#include "../../src/reap/sightings_internal.h"

#define NOW INT64_C(1234567)

static struct lock_dir dir = { .fd = -1 };
static char file[64];

static void set_up(void)
{
	const char *folder = temp_dir();

	dir.path = strdup(folder);
	dir.fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	REQUIRE(dir.fd >= 0 && dir.path);
	(void)snprintf(file, sizeof(file), LOCK_DIR_OWN_FILE "leases.%u", (unsigned)geteuid());
}

static void put_file(const uint8_t *data, size_t size)
{
	CLEANUP_CLOSE int fd = openat(dir.fd, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char boot[BOOT_ID_SIZE];

	REQUIRE(fd >= 0 && process_boot_id(boot) == 0);
	if (size >= 5 && !memcmp(data, "BOOT\n", 5)) {
		REQUIRE(file_write_all(fd, boot, strlen(boot)) == 0);
		data += 4;
		size -= 4;
	}
	REQUIRE(file_write_all(fd, (const char *)data, size) == 0);
}

static void require_sound(const struct sightings *sightings)
{
	REQUIRE(sightings->sorted == sightings->count);
	for (size_t i = 0; i < sightings->count; i++) {
		const struct sighted *item = &sightings->items[i];

		REQUIRE(strspn(item->hash.hex, "0123456789abcdef") == APP_HASH_LENGTH);
		REQUIRE(item->sighting.version && item->sighting.since >= 0 && !item->seen_now);
		REQUIRE(!i || strcmp(item[-1].hash.hex, item->hash.hex) <= 0);
		REQUIRE(sightings_find(sightings, &item->hash).version);
	}
}

/* A version that stays keeps its time; another one is as if seen for the first time. */
static void note(struct sightings *sightings, size_t index)
{
	struct lease lease = { .hash = sightings->items[index].hash };
	struct lease_sighting before = sightings_find(sightings, &lease.hash), after;

	lease.version = before.version;
	memcpy(lease.id, before.id, sizeof(lease.id));
	after = *sightings_note(sightings, &lease, NOW);
	REQUIRE(after.version == before.version && after.since == before.since);
	if (index % 2 || lease.version == INT64_MAX)
		return;
	lease.version++;
	after = *sightings_note(sightings, &lease, NOW);
	REQUIRE(after.version == lease.version && after.since == NOW);
}

static void require_kept(struct sightings *sightings, size_t noted)
{
	struct sightings again;
	size_t found = 0;

	REQUIRE(sightings_write(&dir, sightings, NULL) == 0);
	sightings_read(&dir, &again);
	require_sound(&again);
	for (size_t i = 0; i < sightings->count; i++) {
		const struct sighted *item = &sightings->items[i];
		struct lease_sighting kept;

		if (!item->seen_now)
			continue;
		found++;
		kept = sightings_find(&again, &item->hash);
		REQUIRE(kept.version == item->sighting.version &&
			kept.since == item->sighting.since);
	}
	REQUIRE(again.count == found && (!noted || found));
	sightings_release(&again);
}

static void run(const uint8_t *data, size_t size)
{
	struct sightings sightings;
	size_t noted;

	if (dir.fd < 0)
		set_up();
	put_file(data, size);
	sightings_read(&dir, &sightings);
	require_sound(&sightings);
	/* The rest is not there any more. */
	noted = (sightings.count + 1) / 2;
	for (size_t i = 0; i < noted; i++)
		note(&sightings, i);
	require_kept(&sightings, noted);
	sightings_release(&sightings);
}
FUZZ_TARGET(sightings, run)
