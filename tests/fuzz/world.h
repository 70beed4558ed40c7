/*
 * Whose an object is, in drawn worlds of apps with confusable names, against the rules written
 * down a second time, naively: by names, not by hashes and indexes. Nothing that an app which is
 * not dead has or could have is ever planned; whatever is a dead app's beyond doubt, always.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reap/ownership.h"

/* Where draws come from: a world is its seed, or its bytes, which must outlive the draws. */
void world_draw_from_seed(unsigned long long seed);
void world_draw_from_bytes(const uint8_t *data, size_t size);

/* Draws a world and so many objects, and counts the verdicts that are right. false: one of
 * ownership_judge's is another; it is described on stderr. */
bool world_is_judged_right(int objects, size_t counts[OWNERSHIP_DOUBTFUL + 1]);

#endif
