#include "random.h"

/* splitmix64 */
unsigned random_below(uint64_t *state, unsigned below)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return (unsigned)((z ^ z >> 31) % below);
}
