/* The last commands of a test (harness/command.h) with all that they said: shown when it fails. */
#ifndef HARNESS_TRANSCRIPT_H
#define HARNESS_TRANSCRIPT_H

#include <stdint.h>

/* Of a command that has ended; takes output and errors over. */
void transcript_note(const char *command, int status, int64_t took_ms, char *output, char *errors);
/* On stdout. */
void transcript_show(void);
void transcript_forget(void);

#endif
