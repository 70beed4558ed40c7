/* The record's text form: INI, at most RECORD_FILE_SIZE bytes (lock-protocol.md, "The record"). */
#ifndef LOCK_RECORD_FILE_H
#define LOCK_RECORD_FILE_H

#include <stddef.h>

#include "model/record.h"

#define RECORD_FILE_SIZE 4096

/* Writes the text into buffer, padded with newlines to a fixed length below RECORD_FILE_SIZE that
 * never changes, so that one pwrite replaces the whole record. Returns that length. Values are
 * stripped of what would not survive (control characters, ';' and non-ASCII become '?'). */
size_t record_format(const struct record *record, char buffer[RECORD_FILE_SIZE]);

/* Parses hostile text. !ret->known unless the record is complete up to its "[end]" line and
 * every value is well-formed; unknown keys are ignored, a duplicate key makes it unknown. */
void record_parse(const char *text, size_t length, struct record *ret);

#endif
