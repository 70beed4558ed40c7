/*
 * Log lines, to stderr. What they look like depends on what reads it:
 *
 *	people		"ci-janitor: MESSAGE", coloured if wanted
 *	the journal	an entry with fields, over journald's socket (log_stream_is_journal)
 *	GitHub & co.	errors and warnings as workflow commands, groups of lines that fold
 *	GitLab		groups of lines that fold
 *
 * One write(2) per line, control characters escaped.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* A kind of event, by which a journal is searched (model/event.h has them all). */
struct log_event {
	const char *name;
	const char *message_id; /* 32 hexadecimal digits that stay for ever */
};

struct log_entry {
	enum log_level level;
	const struct log_event *event; /* NULL: none */
	const char *app;	       /* NULL: the subject's; may be empty */
	const char *run_id;	       /* likewise */
	const char *message;	       /* escaped already, one line */
};

/* Looks at what stderr is. Until then it is for people without colours. */
void log_open(void);

/* What is shown: -q WARNING, default INFO, -v DEBUG. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
void log_set_color(bool color);
/* Forget about CI systems: plain lines for them, too. */
void log_set_plain(void);
/* Whom the lines of this process are about, unless they say another. The texts must live on. */
void log_set_subject(const char *app, const char *run_id);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

void log_event(enum log_level level, const struct log_event *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What only a story that is read afterwards needs: INFO in the journal, else DEBUG. */
enum log_level log_story_level(void);
void log_story(const struct log_event *event, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void log_put(const struct log_entry *entry);

/* Is the descriptor the stream to journald that systemd has made for this process? */
bool log_stream_is_journal(int fd);
/* Writes to such a one. A journal that takes nothing for so long is not waited for again.
 * Returns 0, or -1 with errno: the rest is lost. */
int log_stream_write(int fd, const void *bytes, size_t count, int patience_ms);

/* What is written between them folds where a CI system shows it. Nothing elsewhere, nor with -q. */
void log_group_begin(const char *title);
void log_group_end(void);

#endif
