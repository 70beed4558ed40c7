/* ownership_judge in random worlds, against a second, naive writing of the rules: fuzz/world.h. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fuzz/world.h"
#include "harness/harness.h"

#define WORLDS 30000
#define OBJECTS 12

static void test_worlds(void)
{
	const char *given = getenv("OWNERSHIP_SEED");
	unsigned long long first =
		given ? strtoull(given, NULL, 10) : (unsigned long long)time(NULL) * 1000000;
	size_t counts[OWNERSHIP_DOUBTFUL + 1] = { 0 };
	bool right = true;

	for (unsigned long long seed = first; right && seed < first + (given ? 1 : WORLDS);
	     seed++) {
		world_draw_from_seed(seed);
		right = world_is_judged_right(OBJECTS, counts);
		if (!right)
			fprintf(stderr, "OWNERSHIP_SEED=%llu\n", seed);
	}
	CU_ASSERT(right);
	printf("(OWNERSHIP_SEED=%llu: %zu none, %zu ours, %zu kept, %zu doubtful) ", first,
	       counts[OWNERSHIP_NONE], counts[OWNERSHIP_OURS], counts[OWNERSHIP_KEPT],
	       counts[OWNERSHIP_DOUBTFUL]);
	/* A test of rules that never apply would prove nothing. */
	for (int i = 0; !given && i <= OWNERSHIP_DOUBTFUL; i++)
		CU_ASSERT(counts[i] > WORLDS / 100);
}

static const struct test tests[] = {
	{ "random worlds: nothing but what is a dead app's is planned, and all of that",
	  test_worlds },
	{ NULL, NULL },
};
TEST_SUITE(ownership_worlds, tests)
