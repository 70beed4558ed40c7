#include "model/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

void finding_add(struct finding_list *list, enum finding_level level, const char *check,
		 const char *remedy, const char *format, ...)
{
	struct finding *finding;
	char message[1024];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	list->items = xgrow(list->items, &list->capacity, list->count + 1, sizeof(*list->items));
	finding = &list->items[list->count++];
	*finding = (struct finding){
		.level = level,
		.check = check,
		.message = xstrdup(message),
		.remedy = remedy ? xstrdup(remedy) : NULL,
	};
}

void finding_list_release(struct finding_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].message);
		free(list->items[i].remedy);
	}
	free(list->items);
	*list = (struct finding_list){ 0 };
}

const char *finding_level_name(enum finding_level level)
{
	static const char *const names[] = {
		[FINDING_OK] = "ok",
		[FINDING_WARNING] = "warning",
		[FINDING_PROBLEM] = "problem",
	};

	return names[level];
}

size_t finding_count(const struct finding_list *list, enum finding_level level)
{
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		count += list->items[i].level == level;
	return count;
}
