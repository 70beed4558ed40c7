#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The arguments may be parts of the message that is replaced: it is formed beside it. */
__attribute__((format(printf, 4, 0))) static void fill(struct error *err, enum error_kind kind,
						       int errnum, const char *format, va_list args)
{
	char message[sizeof(err->message)];
	size_t length;

	(void)vsnprintf(message, sizeof(message), format, args);
	length = strlen(message);
	if (errnum)
		(void)snprintf(message + length, sizeof(message) - length, ": %s",
			       strerror(errnum));
	err->kind = kind;
	err->sys_errno = errnum;
	memcpy(err->message, message, strlen(message) + 1);
}

int error_set(struct error *err, enum error_kind kind, const char *format, ...)
{
	va_list args;

	if (!err)
		return -1;
	va_start(args, format);
	fill(err, kind, 0, format, args);
	va_end(args);
	return -1;
}

int error_set_errno(struct error *err, enum error_kind kind, int errnum, const char *format, ...)
{
	va_list args;

	if (!err)
		return -1;
	if (errnum == EACCES || errnum == EPERM)
		kind = ERROR_PERMISSION;
	va_start(args, format);
	fill(err, kind, errnum, format, args);
	va_end(args);
	return -1;
}

int error_add_context(struct error *err, const char *format, ...)
{
	char message[sizeof(err->message)];
	va_list args;
	size_t length;

	if (!err)
		return -1;
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	length = strlen(message);
	(void)snprintf(message + length, sizeof(message) - length, ": ");
	length = strlen(message);
	/* what no longer fits is cut */
	memmove(err->message + length, err->message, sizeof(err->message) - length);
	err->message[sizeof(err->message) - 1] = '\0';
	memcpy(err->message, message, length);
	return -1;
}

int error_exit_status(enum error_kind kind)
{
	switch (kind) {
	case ERROR_NONE:
		return 0;
	case ERROR_USAGE:
		return 64;
	case ERROR_CONFIG:
		return 78;
	case ERROR_PERMISSION:
		return 77;
	case ERROR_LOCK:
		return 73;
	case ERROR_HELD:
		return 75;
	case ERROR_UNREACHABLE:
		return 69;
	case ERROR_ENGINE:
	case ERROR_TIMEOUT:
	case ERROR_SYSTEM:
		return 1;
	case ERROR_BUG:
		break;
	}
	return 70;
}
