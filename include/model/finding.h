/* What `doctor` finds out: one line per check, with the remedy where there is something to do. */
#ifndef MODEL_FINDING_H
#define MODEL_FINDING_H

#include <stddef.h>

enum finding_level {
	FINDING_OK,
	FINDING_WARNING, /* it works, but less well than it could, or somebody should look */
	FINDING_PROBLEM, /* ci-janitor can't do its work, or life and death can't be told apart */
};

/* Texts are owned. */
struct finding {
	enum finding_level level;
	const char *check; /* a word that names the check; static */
	char *message;
	char *remedy; /* NULL: nothing to do */
};

struct finding_list {
	struct finding *items;
	size_t count;
	size_t capacity;
};

/* remedy NULL: nothing to do. */
void finding_add(struct finding_list *list, enum finding_level level, const char *check,
		 const char *remedy, const char *format, ...) __attribute__((format(printf, 5, 6)));
void finding_list_release(struct finding_list *list);

/* "ok", "warning", "problem" */
const char *finding_level_name(enum finding_level level);
size_t finding_count(const struct finding_list *list, enum finding_level level);

#endif
