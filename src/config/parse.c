/*
 * inih, held to strictness by a reader of ours. By itself it cuts a long line and takes the rest
 * for the next one, joins an indented line to the value before it, gives the handler no line
 * number, ignores what follows a section heading's ']', and says nothing of an empty section.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/memory.h"
#include "keys_internal.h"

struct parser {
	FILE *stream;
	const char *name;
	struct settings *settings;
	struct error *err;
	unsigned line;	      /* the one in hand, from 1 */
	unsigned failed_line; /* 0: none yet */
	size_t bytes;
	unsigned *given_on; /* per rule: the line of this file that gave it, 0: none */
};

#define FAIL(parser, format, ...)                                                                  \
	((parser)->failed_line = (parser)->line,                                                   \
	 (void)error_set((parser)->err, ERROR_CONFIG, "%s:%u: " format, (parser)->name,            \
			 (parser)->line, __VA_ARGS__))

#define NOT_A_LINE "neither a [section] nor a \"key = value\""

static bool check_heading(struct parser *parser, const char *line)
{
	const char *end = strchr(line, ']');
	const char *rest = end ? end + 1 + strspn(end + 1, " \t") : NULL;

	if (!end || (*rest && *rest != '#' && *rest != ';')) {
		FAIL(parser, "%s: not a section heading", line);
		return false;
	}
	if (!config_section_is_known(line + 1, (size_t)(end - line - 1))) {
		FAIL(parser, "%.*s: unknown section", (int)(end - line + 1), line);
		return false;
	}
	return true;
}

static bool check_line(struct parser *parser, const char *line)
{
	if (*line == '[')
		return check_heading(parser, line);
	if (!*line || *line == '#' || *line == ';' || isalpha((unsigned char)*line))
		return true;
	FAIL(parser, "%s", NOT_A_LINE);
	return false;
}

static bool check_byte(struct parser *parser, int byte, size_t length, int size)
{
	if ((byte < ' ' && byte != '\t') || byte == 0x7f) {
		FAIL(parser, "a control character (0x%02x)", (unsigned)byte);
	} else if (length == CONFIG_LINE_MAX || length + 3 > (size_t)size) {
		FAIL(parser, "a line longer than %d bytes", CONFIG_LINE_MAX);
	} else if (++parser->bytes > CONFIG_FILE_MAX) {
		FAIL(parser, "a file larger than %d bytes", CONFIG_FILE_MAX);
	}
	return !parser->failed_line;
}

/* As fgets, for inih, but without leading blanks: inih must not see an indented line. */
static char *read_line(char *buffer, int size, void *data)
{
	struct parser *parser = data;
	size_t length = 0;
	int byte;

	if (parser->failed_line)
		return NULL;
	parser->line++;
	while ((byte = getc(parser->stream)) != EOF && byte != '\n') {
		if (!check_byte(parser, byte, length, size))
			return NULL;
		if (length || (byte != ' ' && byte != '\t'))
			buffer[length++] = (char)byte;
	}
	buffer[length] = '\0';
	if ((byte == EOF && !length) || !check_line(parser, buffer))
		return NULL;
	buffer[length] = '\n';
	buffer[length + 1] = '\0';
	return buffer;
}

static int take_value(void *data, const char *section, const char *key, const char *value)
{
	struct parser *parser = data;
	const struct config_rule *rule = config_rule_find(section, key);
	unsigned *given_on = rule ? &parser->given_on[rule - config_rules] : NULL;
	void *field = rule ? (char *)parser->settings + rule->offset : NULL;
	bool repeated = rule && rule->max == CONFIG_REPEATED;

	/* Replaces what an earlier file gave. */
	if (*section && repeated && !*given_on)
		word_list_release(field);
	if (!*section)
		FAIL(parser, "%s: stands before the first [section]", key);
	else if (!rule)
		FAIL(parser, "%s: unknown key in [%s]", key, section);
	else if (*given_on && !repeated)
		FAIL(parser, "%s: given twice, first on line %u", key, *given_on);
	else if (!rule->parse(rule, value, field))
		FAIL(parser, "%s: \"%s\" is not %s", key, value, rule->right);
	else
		*given_on = parser->line;
	return !parser->failed_line;
}

int config_parse(struct settings *settings, FILE *stream, const char *name, struct error *err)
{
	CLEANUP_FREE unsigned *given_on = xcalloc(config_rule_count, sizeof(*given_on));
	struct parser parser = { .stream = stream,
				 .name = name,
				 .settings = settings,
				 .err = err,
				 .given_on = given_on };
	int result = ini_parse_stream(read_line, &parser, take_value, &parser);

	if (ferror(stream))
		return error_set_errno(err, ERROR_CONFIG, errno, "unable to read %s", name);
	/* inih notes a malformed line only in its result, and goes on. */
	if (result > 0 && (!parser.failed_line || (unsigned)result < parser.failed_line))
		return error_set(err, ERROR_CONFIG, "%s:%d: " NOT_A_LINE, name, result);
	if (parser.failed_line)
		return -1;
	if (result < 0)
		return error_set(err, ERROR_SYSTEM, "unable to parse %s: out of memory", name);
	return 0;
}
