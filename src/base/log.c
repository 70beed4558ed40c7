#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/status_line.h"
#include "base/terminal.h"
#include "base/text.h"
#include "log_internal.h"

static struct {
	enum log_level shown;
	enum log_reader reader;
	bool color, plain;
	const char *app, *run_id; /* the subject */
} state = { .shown = LOG_LEVEL_INFO };

void log_open(void)
{
	state.reader = log_reader_find();
	if (state.plain && state.reader != LOG_READER_JOURNAL)
		state.reader = LOG_READER_PEOPLE;
}

void log_set_level(enum log_level level)
{
	state.shown = level;
}

enum log_level log_get_level(void)
{
	return state.shown;
}

void log_set_color(bool color)
{
	state.color = color;
}

void log_set_plain(void)
{
	state.plain = true;
	log_open();
}

void log_set_subject(const char *app, const char *run_id)
{
	state.app = app;
	state.run_id = run_id;
}

static void append_for_people(const struct log_entry *entry, struct text *line)
{
	const char *color = entry->level == LOG_LEVEL_ERROR	? TERMINAL_RED
			    : entry->level == LOG_LEVEL_WARNING ? TERMINAL_YELLOW
								: NULL;

	terminal_append_colored(line, "ci-janitor:", state.color ? color : NULL);
	text_append(line, " ");
	text_append(line, entry->message);
}

static void write_line(const struct log_entry *entry)
{
	CLEANUP_TEXT struct text line = { 0 };

	if (state.reader == LOG_READER_JOURNAL)
		/* journald doesn't answer: its stream reads the priority off the line. */
		text_appendf(&line, "<%d>%s", log_journal_priority(entry->level), entry->message);
	else if (state.reader == LOG_READER_GITHUB && entry->level <= LOG_LEVEL_WARNING &&
		 state.shown > LOG_LEVEL_WARNING)
		log_reader_annotate(entry, &line);
	else
		append_for_people(entry, &line);
	text_append(&line, "\n");
	status_line_wipe();
	if (state.reader == LOG_READER_JOURNAL)
		(void)log_stream_write(STDERR_FILENO, line.data, line.length, LOG_PATIENCE_MS);
	else
		(void)file_write_all(STDERR_FILENO, line.data, line.length);
}

void log_put(const struct log_entry *entry)
{
	struct log_entry whole = *entry;
	int saved_errno = errno;

	if (entry->level > state.shown)
		return;
	whole.app = entry->app ? entry->app : state.app;
	whole.run_id = entry->run_id ? entry->run_id : state.run_id;
	if (state.reader != LOG_READER_JOURNAL || log_journal_send(&whole) < 0)
		write_line(&whole);
	errno = saved_errno;
}

__attribute__((format(printf, 3, 0))) static void
log_format(enum log_level level, const struct log_event *event, const char *format, va_list args)
{
	CLEANUP_TEXT struct text escaped = { 0 };
	char message[2048];

	if (level > state.shown)
		return;
	(void)vsnprintf(message, sizeof(message), format, args);
	text_append_escaped(&escaped, message);
	log_put(&(struct log_entry){
		.level = level, .event = event, .message = text_get(&escaped) });
}

#define DEFINE_LOG(name, level)                                                                    \
	void log_##name(const char *format, ...)                                                   \
	{                                                                                          \
		va_list args;                                                                      \
                                                                                                   \
		va_start(args, format);                                                            \
		log_format(level, NULL, format, args);                                             \
		va_end(args);                                                                      \
	}
DEFINE_LOG(error, LOG_LEVEL_ERROR)
DEFINE_LOG(warning, LOG_LEVEL_WARNING)
DEFINE_LOG(info, LOG_LEVEL_INFO)
DEFINE_LOG(debug, LOG_LEVEL_DEBUG)

void log_event(enum log_level level, const struct log_event *event, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_format(level, event, format, args);
	va_end(args);
}

enum log_level log_story_level(void)
{
	return state.reader == LOG_READER_JOURNAL ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
}

void log_story(const struct log_event *event, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_format(log_story_level(), event, format, args);
	va_end(args);
}

static void write_group(const struct text *line)
{
	if (line->length && state.shown > LOG_LEVEL_WARNING)
		(void)file_write_all(STDERR_FILENO, line->data, line->length);
}

void log_group_begin(const char *title)
{
	CLEANUP_TEXT struct text line = { 0 };

	log_reader_open_group(state.reader, title, &line);
	write_group(&line);
}

void log_group_end(void)
{
	CLEANUP_TEXT struct text line = { 0 };

	log_reader_close_group(state.reader, &line);
	write_group(&line);
}
