/* What a sweep has seen of leases, and the next one goes on with. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/harness.h"

#include "../../src/reap/sightings_internal.h"

#define MANY 400000

static void fill(struct sightings *sightings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct lease lease = { .version = 1000000 + i };

		(void)snprintf(lease.hash.hex, sizeof(lease.hash.hex), "%032zx", i);
		(void)snprintf(lease.id, sizeof(lease.id), "%025zu", i);
		(void)sightings_note(sightings, &lease, 5000000);
	}
	sightings_sort(sightings);
}

/* As many as the engine's longest answer tells of: a file that is taken for too long is one that
 * every sweep writes and none reads, so that nothing ever gets old. */
static void test_all_are_remembered(void)
{
	struct sightings written = { 0 }, read = { 0 };
	struct lock_dir dir = { .path = (char *)(unsigned long)temp_dir() };
	struct app_hash last;

	dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CU_ASSERT_FATAL(dir.fd >= 0);
	fill(&written, MANY);
	CHECK_NUMBER(sightings_write(&dir, &written, NULL), 0);
	sightings_read(&dir, &read);
	CHECK_NUMBER(read.count, MANY);
	(void)snprintf(last.hex, sizeof(last.hex), "%032x", MANY - 1);
	CHECK_NUMBER(sightings_find(&read, &last).version, 1000000 + MANY - 1);
	CHECK_NUMBER(sightings_find(&read, &last).since, 5000000);
	sightings_release(&written);
	sightings_release(&read);
	(void)close(dir.fd);
}

static const struct test tests[] = {
	{ "as many as the engine lists are remembered", test_all_are_remembered },
	{ NULL, NULL },
};
TEST_SUITE(sightings, tests)
