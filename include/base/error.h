/*
 * One error object, owned by the caller, filled where something went wrong and given more
 * context on the way up. A function either reports through it or logs, never both.
 *
 * Every filling function returns -1, so that `return error_set(...)` is the usual last line of a
 * failing function. A NULL error is allowed everywhere: the caller wants only the -1.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* What the caller, or in the end the user, can do about it. */
enum error_kind {
	ERROR_NONE = 0,
	ERROR_USAGE,	   /* the command line: change it */
	ERROR_CONFIG,	   /* the configuration file or an environment variable: change it */
	ERROR_PERMISSION,  /* this user may not */
	ERROR_LOCK,	   /* the lock directory or a lockfile can't be used as it is */
	ERROR_HELD,	   /* a live run holds the app */
	ERROR_UNREACHABLE, /* nobody usable answers at the engine's address: later, or elsewhere */
	ERROR_ENGINE,	   /* the engine answered, but not with what was needed */
	ERROR_TIMEOUT,	   /* our own time limit ran out */
	ERROR_SYSTEM,	   /* the kernel refused something that should have worked */
	ERROR_BUG,	   /* a contract inside ci-janitor was broken */
};

struct error {
	enum error_kind kind;
	int sys_errno; /* the errno behind it, or 0 */
	char message[512];
};

/* Fills *err with the formatted message. Returns -1. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As error_set, and appends ": " and the text of errnum. EACCES and EPERM turn kind into
 * ERROR_PERMISSION. Returns -1. */
int error_set_errno(struct error *err, enum error_kind kind, int errnum, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Puts "context: " before the message that is there. Returns -1. */
int error_add_context(struct error *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The exit status of cli.md for this kind (sysexits.h numbers); 0 for ERROR_NONE. */
int error_exit_status(enum error_kind kind);

#endif
