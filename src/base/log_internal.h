/* The destinations of log.c. */
#ifndef BASE_LOG_INTERNAL_H
#define BASE_LOG_INTERNAL_H

#include "base/log.h"
#include "base/text.h"

enum log_reader { LOG_READER_PEOPLE, LOG_READER_JOURNAL, LOG_READER_GITHUB, LOG_READER_GITLAB };

/* log_reader.c: whoever reads stderr, by the environment and by what stderr is. */
enum log_reader log_reader_find(void);

/* A journal that hangs costs messages, and doesn't hold up the work: it is waited for once. */
#define LOG_PATIENCE_MS 1000

/* log_journal.c: -1 when journald doesn't take it. */
int log_journal_send(const struct log_entry *entry);
int log_journal_priority(enum log_level level);

/* log_reader.c: what goes before and after a group of lines; may be nothing. */
void log_reader_open_group(enum log_reader reader, const char *title, struct text *out);
void log_reader_close_group(enum log_reader reader, struct text *out);
/* The line of an error or warning for GitHub, without its end. */
void log_reader_annotate(const struct log_entry *entry, struct text *out);

#endif
