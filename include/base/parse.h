/* Strict parsing of values that a person typed. Nothing is skipped, nothing is guessed. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* A duration as systemd writes it: "90", "90s", "15m", "1h30m", "250ms", "2d". A bare number is
 * seconds. Units: ms s m min h d, each once, largest first. *ret_ms is in milliseconds; at most
 * 365 days. On failure *ret_ms is untouched. */
int parse_duration(const char *text, int64_t *ret_ms, struct error *err);

/* A decimal number from min to max, without sign, space or leading zero. */
int parse_number(const char *text, int64_t min, int64_t max, int64_t *ret, struct error *err);

/* An RFC 3339 time, "2026-01-31T12:00:00.25+01:00", as seconds since the epoch; fractions are cut.
 */
int parse_time(const char *text, int64_t *ret, struct error *err);

/* yes/no, true/false, on/off, 1/0. */
int parse_bool(const char *text, bool *ret, struct error *err);

/* Writes ms as "1h30m", "90ms", "2.5s" into buffer, which it returns. */
const char *format_duration(int64_t ms, char *buffer, unsigned size);

#endif
