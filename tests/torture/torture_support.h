/* What the tests of the torture share: options from the environment, figures from the output. */
#ifndef TORTURE_SUPPORT_H
#define TORTURE_SUPPORT_H

#include <stdint.h>

/* TORTURE=1000000 by hand may take long. */
#define LIMIT_MS ((int64_t)4 * 3600 * 1000)

/* "--option VALUE" when the variable has a value, else `otherwise`. Lives until the next but one
 * call. */
const char *option_from(const char *variable, const char *option, const char *otherwise);

/* The number before the first " things" in the text; -1: there is none. */
long number_before(const char *text, const char *suffix);

#endif
