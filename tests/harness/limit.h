/* A test that hangs is named, with what runs, and ends the program: see TEST_LIMIT in harness.h. */
#ifndef HARNESS_LIMIT_H
#define HARNESS_LIMIT_H

#include <stdint.h>

/* The names live until limit_end. */
void limit_begin(const char *suite, const char *test);
/* How long it took, in milliseconds. */
int64_t limit_end(void);

#endif
