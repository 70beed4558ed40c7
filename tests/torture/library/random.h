/* A generator whose state is the caller's, so that a seed gives the same numbers again. */
#ifndef TORTURE_RANDOM_H
#define TORTURE_RANDOM_H

#include <stdint.h>

/* 0 .. below-1 */
unsigned random_below(uint64_t *state, unsigned below);

#endif
