/* A report into memory, compared with what it must be. */
#ifndef UNIT_CAPTURE_H
#define UNIT_CAPTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "harness/harness.h"
#include "report/report.h"

#define HASH "0123456789abcdef0123456789abcdef"
/* A name that tries to fake a line, to drive the terminal, and to break the encoding. */
#define HOSTILE "x\nshop: reaped\x1b[2J\x7f\xff\xc2\x9b\xed\xa0\x80"
#define HOSTILE_TEXT "x\\x0ashop: reaped\\x1b[2J\\x7f\\xff\\xc2\\x9b\\xed\\xa0\\x80"
#define HOSTILE_JSON "x\\nshop: reaped\\u001B[2J\\u007f\\uFFFD\\u009B\\uFFFD\\uFFFD\\uFFFD"

struct capture {
	struct report report;
	char *bytes;
	size_t size;
};

static inline void begin(struct capture *capture, bool json)
{
	*capture = (struct capture){ .report.json = json };
	capture->report.out = open_memstream(&capture->bytes, &capture->size);
	CU_ASSERT_PTR_NOT_NULL_FATAL(capture->report.out);
}

static inline void end(struct capture *capture, const char *expected)
{
	CHECK_NUMBER(report_finish(&capture->report, NULL), 0);
	(void)fclose(capture->report.out);
	CHECK_TEXT(capture->bytes, expected);
	free(capture->bytes);
}

#endif
