#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

static enum log_level shown = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	shown = level;
}

enum log_level log_get_level(void)
{
	return shown;
}

__attribute__((format(printf, 2, 0))) static void log_line(enum log_level level, const char *format,
							   va_list args)
{
	CLEANUP_TEXT struct text line = { 0 };
	int saved_errno = errno;
	char message[2048];

	if (level > shown)
		return;
	(void)vsnprintf(message, sizeof(message), format, args);
	text_append(&line, "ci-janitor: ");
	text_append_escaped(&line, message);
	text_append(&line, "\n");
	(void)file_write_all(STDERR_FILENO, line.data, line.length);
	errno = saved_errno;
}

#define DEFINE_LOG(name, level)                                                                    \
	void log_##name(const char *format, ...)                                                   \
	{                                                                                          \
		va_list args;                                                                      \
                                                                                                   \
		va_start(args, format);                                                            \
		log_line(level, format, args);                                                     \
		va_end(args);                                                                      \
	}
DEFINE_LOG(error, LOG_LEVEL_ERROR)
DEFINE_LOG(warning, LOG_LEVEL_WARNING)
DEFINE_LOG(info, LOG_LEVEL_INFO)
DEFINE_LOG(debug, LOG_LEVEL_DEBUG)
