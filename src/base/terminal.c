#include "base/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define USUAL_WIDTH 80

bool terminal_is_capable(int fd)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") != 0 && isatty(fd);
}

bool terminal_wants_color(int fd, enum terminal_color when)
{
	const char *no_color = getenv("NO_COLOR");

	if (when != TERMINAL_COLOR_AUTO)
		return when == TERMINAL_COLOR_ALWAYS;
	return !(no_color && *no_color) && terminal_is_capable(fd);
}

size_t terminal_width(int fd)
{
	struct winsize size = { .ws_col = 0 };

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return USUAL_WIDTH;
	return size.ws_col;
}

void terminal_append_colored(struct text *out, const char *piece, const char *color)
{
	if (color)
		text_appendf(out, "\033[%sm", color);
	text_append(out, piece);
	if (color)
		text_append(out, "\033[0m");
}
