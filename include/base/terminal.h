/* What a terminal can show. */
#ifndef BASE_TERMINAL_H
#define BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

#define TERMINAL_RED "31"
#define TERMINAL_GREEN "32"
#define TERMINAL_YELLOW "33"

enum terminal_color { TERMINAL_COLOR_AUTO, TERMINAL_COLOR_ALWAYS, TERMINAL_COLOR_NEVER };

/* A terminal that understands escape sequences (TERM is set, and not "dumb"). */
bool terminal_is_capable(int fd);

/* AUTO: on such a terminal, unless NO_COLOR is set (no-color.org). */
bool terminal_wants_color(int fd, enum terminal_color when);

/* Columns; 80 when it doesn't say. */
size_t terminal_width(int fd);

/* The piece as it is when color is NULL. */
void terminal_append_colored(struct text *out, const char *piece, const char *color);

#endif
