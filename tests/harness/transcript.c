#include "harness/transcript.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/command.h"

#define COMMANDS 6
#define BYTES_SHOWN 3000

static struct entry {
	char *command, *output, *errors;
	int status;
	int64_t took_ms, ended_ms;
} entries[COMMANDS];
static unsigned count;

static void forget(struct entry *entry)
{
	free(entry->command);
	free(entry->output);
	free(entry->errors);
	*entry = (struct entry){ 0 };
}

void transcript_forget(void)
{
	for (size_t i = 0; i < COMMANDS; i++)
		forget(&entries[i]);
}

void transcript_note(const char *command, int status, int64_t took_ms, char *output, char *errors)
{
	struct entry *entry = &entries[count++ % COMMANDS];

	forget(entry);
	*entry = (struct entry){ strdup(command), output, errors, status, took_ms, now_ms() };
}

static void show_text(const char *what, const char *text)
{
	size_t length = strlen(text);

	if (length)
		printf("      %s: %s%s%s", what, length > BYTES_SHOWN ? "... " : "",
		       length > BYTES_SHOWN ? text + length - BYTES_SHOWN : text,
		       text[length - 1] == '\n' ? "" : "\n");
}

void transcript_show(void)
{
	for (unsigned i = 0; i < COMMANDS; i++) {
		const struct entry *entry = &entries[(count + i) % COMMANDS];

		if (!entry->command)
			continue;
		printf("    command, ended %lld ms ago with %d after %lld ms: %.*s\n",
		       (long long)(now_ms() - entry->ended_ms), entry->status,
		       (long long)entry->took_ms, BYTES_SHOWN, entry->command);
		show_text("stdout", entry->output);
		show_text("stderr", entry->errors);
	}
}
