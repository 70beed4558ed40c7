#include "lock/record_file.h"

#include <ini.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define SECTION "run"
#define HEADING "[" SECTION "]\n"
#define END "[end]\n"
/* More than the longest record, and no more than one page, so that a record grows no lockfile. */
#define FIXED_LENGTH 2048
#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */

struct field {
	const char *key;
	size_t offset;
	size_t size;
	/* Reads a hostile value; false: not well-formed. */
	bool (*parse)(const char *value, void *member, size_t size);
	/* Writes the value, of RECORD_TEXT_MAX characters at most; an empty one: nothing is stated.
	 */
	void (*format)(const void *member, char *value);
};

static bool take_text(const char *value, void *member, size_t size)
{
	size_t length = strlen(value);

	if (!length || length >= size)
		return false;
	memcpy(member, value, length + 1);
	return true;
}

static bool parse_name(const char *value, void *member, size_t size)
{
	return app_name_is_valid(value) && take_text(value, member, size);
}

static bool parse_run_id(const char *value, void *member, size_t size)
{
	return strspn(value, "0123456789abcdef") == RUN_ID_LENGTH &&
	       strlen(value) == RUN_ID_LENGTH && take_text(value, member, size);
}

static bool parse_boot_id(const char *value, void *member, size_t size)
{
	return strspn(value, "0123456789abcdef-") == size - 1 && take_text(value, member, size);
}

static bool parse_printable(const char *value, void *member, size_t size)
{
	for (const char *c = value; *c; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return take_text(value, member, size);
}

static bool parse_pid(const char *value, void *member, size_t size)
{
	int64_t number;

	(void)size;
	if (parse_number(value, 1, INT_MAX, &number, NULL) < 0)
		return false;
	*(pid_t *)member = (pid_t)number;
	return true;
}

static bool parse_ticks(const char *value, void *member, size_t size)
{
	int64_t number;

	(void)size;
	if (parse_number(value, 1, INT64_MAX, &number, NULL) < 0)
		return false;
	*(uint64_t *)member = (uint64_t)number;
	return true;
}

static bool parse_second(const char *value, void *member, size_t size)
{
	(void)size;
	return parse_number(value, 1, LAST_SECOND, member, NULL) == 0;
}

static bool parse_phase(const char *value, void *member, size_t size)
{
	enum run_phase phase = run_phase_from_name(value);

	(void)size;
	if (phase == RUN_PHASE_UNKNOWN)
		return false;
	*(enum run_phase *)member = phase;
	return true;
}

/* What parse_printable refuses, and ';', which inih takes for a comment after a blank, become '?'.
 * Leading blanks go, as inih drops them: blanks alone must not become an empty value. */
static void format_text(const void *member, char *value)
{
	const char *text = (const char *)member + strspn(member, " ");
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		value[i] = text[i] < ' ' || text[i] > '~' || text[i] == ';' ? '?' : text[i];
	value[length] = '\0';
}

/* Records are written several times in a short run, and printf(3) would be most of their price. */
static void format_ticks(const void *member, char *value)
{
	uint64_t ticks = *(const uint64_t *)member;
	char digits[20];
	size_t count = 0;

	for (; ticks > 0; ticks /= 10)
		digits[count++] = (char)('0' + ticks % 10);
	while (count > 0)
		*value++ = digits[--count];
	*value = '\0';
}

static void format_second(const void *member, char *value)
{
	int64_t second = *(const int64_t *)member;
	uint64_t ticks = second > 0 ? (uint64_t)second : 0;

	format_ticks(&ticks, value);
}

static void format_pid(const void *member, char *value)
{
	int64_t pid = *(const pid_t *)member;

	format_second(&pid, value);
}

static void format_phase(const void *member, char *value)
{
	enum run_phase phase = *(const enum run_phase *)member;

	format_text(phase == RUN_PHASE_UNKNOWN ? "" : run_phase_name(phase), value);
}

#define MEMBER(name) offsetof(struct record, name), sizeof(((struct record *)NULL)->name)

static const struct field fields[] = {
	{ "app", MEMBER(app), parse_name, format_text },
	{ "stack", MEMBER(stack), parse_name, format_text },
	{ "run_id", MEMBER(run_id), parse_run_id, format_text },
	{ "holder", MEMBER(holder), parse_printable, format_text },
	{ "job_url", MEMBER(job_url), parse_printable, format_text },
	{ "host", MEMBER(host), parse_printable, format_text },
	{ "boot_id", MEMBER(boot_id), parse_boot_id, format_text },
	{ "cgroup", MEMBER(cgroup), parse_printable, format_text },
	{ "engine", MEMBER(engine), parse_printable, format_text },
	{ "engine_socket", MEMBER(engine_socket), parse_printable, format_text },
	{ "pid", MEMBER(pid), parse_pid, format_pid },
	{ "pid_namespace", MEMBER(pid_namespace), parse_ticks, format_ticks },
	{ "start_time", MEMBER(start_time), parse_ticks, format_ticks },
	{ "phase", MEMBER(phase), parse_phase, format_phase },
	{ "since", MEMBER(since), parse_second, format_second },
	{ "deadline", MEMBER(deadline), parse_second, format_second },
	{ "keep_until", MEMBER(keep_until), parse_second, format_second },
	{ "keep_boot", MEMBER(keep_boot), parse_second, format_second },
};

/* Sum of the texts' sizes, plus what keys, line ends and numbers take at most. */
_Static_assert(sizeof(struct record) + ARRAY_SIZE(fields) * 32 + sizeof(HEADING END) <=
		       FIXED_LENGTH,
	       "the longest record must fit");
_Static_assert(FIXED_LENGTH <= RECORD_FILE_SIZE, "a record must fit what is read of a file");

static size_t append(char *buffer, size_t length, const char *text)
{
	size_t count = strnlen(text, FIXED_LENGTH - length);

	memcpy(buffer + length, text, count);
	return length + count;
}

size_t record_format(const struct record *record, char buffer[RECORD_FILE_SIZE])
{
	size_t length = append(buffer, 0, HEADING);

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		char value[RECORD_TEXT_MAX + 1];

		fields[i].format((const char *)record + fields[i].offset, value);
		if (!*value)
			continue;
		length = append(buffer, length, fields[i].key);
		length = append(buffer, length, "=");
		length = append(buffer, length, value);
		length = append(buffer, length, "\n");
	}
	length = append(buffer, length, END);
	memset(buffer + length, '\n', FIXED_LENGTH - length);
	return FIXED_LENGTH;
}

struct parser {
	const char *next;
	const char *limit;
	struct record record;
	unsigned seen; /* bit i: fields[i] was there */
	bool complete; /* the [end] line was reached with nothing wrong before it */
	bool broken;
};
_Static_assert(ARRAY_SIZE(fields) <= sizeof(unsigned) * CHAR_BIT, "one bit of `seen` per field");

/* One line for inih. Ends the text at the [end] line, and at any line that inih would cut. What it
 * joins, an indented line to the key before, shows as a duplicate. */
static char *read_line(char *buffer, int size, void *data)
{
	struct parser *parser = data;
	size_t left = (size_t)(parser->limit - parser->next);
	const char *newline = memchr(parser->next, '\n', left);
	size_t length = newline ? (size_t)(newline - parser->next) + 1 : 0;

	if (parser->broken || !length || length >= (size_t)size ||
	    memchr(parser->next, '\0', length))
		return NULL;
	if (length == strlen(END) && !memcmp(parser->next, END, length)) {
		parser->complete = true;
		return NULL;
	}
	memcpy(buffer, parser->next, length);
	buffer[length] = '\0';
	parser->next += length;
	return buffer;
}

static int take_value(void *data, const char *section, const char *key, const char *value)
{
	struct parser *parser = data;

	if (strcmp(section, SECTION) != 0)
		return 1;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct field *field = &fields[i];

		if (strcmp(key, field->key) != 0)
			continue;
		if (parser->seen & 1U << i ||
		    !field->parse(value, (char *)&parser->record + field->offset, field->size))
			parser->broken = true;
		parser->seen |= 1U << i;
	}
	return !parser->broken;
}

void record_parse(const char *text, size_t length, struct record *ret)
{
	struct parser parser = { .next = text, .limit = text + length };
	int result = ini_parse_stream(read_line, &parser, take_value, &parser);

	parser.record.known = result == 0 && parser.complete && parser.seen && !parser.broken;
	*ret = parser.record.known ? parser.record : (struct record){ 0 };
}
