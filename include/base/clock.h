/* Time. Deadlines run on CLOCK_MONOTONIC; the wall clock only ever informs people. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_NEVER INT64_MAX /* a deadline that doesn't come */

/* Milliseconds on the monotonic clock. */
int64_t clock_now_ms(void);

/* now + ms, CLOCK_NEVER when ms is CLOCK_NEVER or negative. */
int64_t clock_deadline(int64_t ms);

/* Milliseconds left until the deadline, 0 when it has passed, capped at INT_MAX; -1 for
 * CLOCK_NEVER. Fits poll(2)'s timeout. */
int clock_left(int64_t deadline_ms);

/* Seconds since the epoch on the wall clock. */
int64_t clock_wall_seconds(void);

/* Milliseconds since the boot, suspended time included: for what others measure as well. */
int64_t clock_boot_ms(void);

/* Seconds since the boot, suspended time included. */
int64_t clock_boot_seconds(void);

/* Writes the wall-clock second as 2026-01-31T12:00:00Z (UTC, RFC 3339) into buffer. */
const char *clock_format(int64_t wall_seconds, char *buffer, size_t size);

/* Sleeps ms milliseconds, signals notwithstanding. */
void clock_sleep_ms(int64_t ms);

#endif
