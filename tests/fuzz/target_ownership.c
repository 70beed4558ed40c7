/* ownership_judge in worlds that the bytes draw: nothing live, foreign or protected is planned. */
#include "fuzz/fuzz.h"
#include "fuzz/world.h"

#define OBJECTS 4

static void run(const uint8_t *data, size_t size)
{
	size_t counts[OWNERSHIP_DOUBTFUL + 1] = { 0 };

	world_draw_from_bytes(data, size);
	REQUIRE(world_is_judged_right(OBJECTS, counts));
}
FUZZ_TARGET(ownership, run)
