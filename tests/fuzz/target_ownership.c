/* ownership_judge in worlds that the bytes draw: nothing live, foreign or protected is planned. */
#include "fuzz/fuzz.h"
#include "fuzz/world.h"

/* What a world and an object take of the bytes, about. */
#define OBJECT_BYTES 16
#define OBJECTS_MAX 64

static void run(const uint8_t *data, size_t size)
{
	size_t counts[OWNERSHIP_DOUBTFUL + 1] = { 0 };
	size_t objects = 1 + size / OBJECT_BYTES;

	world_draw_from_bytes(data, size);
	REQUIRE(world_is_judged_right(objects < OBJECTS_MAX ? (int)objects : OBJECTS_MAX, counts));
}
FUZZ_TARGET(ownership, run)
