#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/memory.h"

void text_release(struct text *text)
{
	free(text->data);
	*text = (struct text){ 0 };
}

void text_append_bytes(struct text *text, const void *bytes, size_t count)
{
	text->data = xgrow(text->data, &text->capacity, text->length + count + 1, 1);
	memcpy(text->data + text->length, bytes, count);
	text->length += count;
	text->data[text->length] = '\0';
}

void text_append(struct text *text, const char *piece)
{
	text_append_bytes(text, piece, strlen(piece));
}

void text_appendf(struct text *text, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		return;
	text->data = xgrow(text->data, &text->capacity, text->length + (size_t)length + 1, 1);
	va_start(args, format);
	(void)vsnprintf(text->data + text->length, (size_t)length + 1, format, args);
	va_end(args);
	text->length += (size_t)length;
}

static int is_within(unsigned char byte, unsigned char low, unsigned char high)
{
	return byte >= low && byte <= high;
}

/* Bytes of the character that begins here, 0 when it is none that may be shown. The bounds of
 * the second byte keep out C1 controls, overlong forms, surrogates and what is above U+10FFFF. */
static size_t character_length(const unsigned char *c)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (c[0] < 0x80)
		return c[0] >= ' ' && c[0] != 0x7f;
	if (!is_within(c[0], 0xc2, 0xf4))
		return 0;
	length = c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
	if (c[0] == 0xc2 || c[0] == 0xe0)
		low = 0xa0;
	else if (c[0] == 0xf0)
		low = 0x90;
	else if (c[0] == 0xed)
		high = 0x9f;
	else if (c[0] == 0xf4)
		high = 0x8f;
	if (!is_within(c[1], low, high))
		return 0;
	for (size_t i = 2; i < length; i++)
		if (!is_within(c[i], 0x80, 0xbf))
			return 0;
	return length;
}

bool text_opens_command(const char *text, const char *at)
{
	static const char *const before[] = { "##", "##vso" };

	for (size_t i = 0; *at == '[' && i < ARRAY_SIZE(before); i++) {
		size_t length = strlen(before[i]);

		if ((size_t)(at - text) >= length && !strncasecmp(at - length, before[i], length))
			return true;
	}
	return false;
}

void text_append_escaped(struct text *text, const char *piece)
{
	const unsigned char *c = (const unsigned char *)piece;

	while (*c) {
		size_t length = character_length(c);

		if (*c == '\\')
			text_append(text, "\\\\");
		else if (text_opens_command(piece, (const char *)c))
			text_append(text, "\\x5b");
		else if (length)
			text_append_bytes(text, c, length);
		else
			text_appendf(text, "\\x%02x", *c);
		c += length ? length : 1;
	}
}

const char *text_get(const struct text *text)
{
	return text->data ? text->data : "";
}
