#include "base/status_line.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/terminal.h"
#include "base/text.h"

#define WIPE "\r\033[K"

static bool is_shown;

void status_line_wipe(void)
{
	if (!is_shown)
		return;
	is_shown = false;
	(void)file_write_all(STDERR_FILENO, WIPE, strlen(WIPE));
}

void status_line_show(const char *text)
{
	CLEANUP_TEXT struct text line = { 0 };
	/* In the last column some terminals go to the next line. */
	size_t width, length = strlen(text);

	if (!terminal_is_capable(STDERR_FILENO))
		return;
	width = terminal_width(STDERR_FILENO) - 1;
	text_append(&line, WIPE);
	text_append_bytes(&line, text, length < width ? length : width);
	(void)file_write_all(STDERR_FILENO, line.data, line.length);
	is_shown = true;
}
