/* Findings for people: a line for each, and below it the remedy. */
#include <string.h>

#include "base/terminal.h"
#include "report_internal.h"

/* "warning  lock-dir: ..." */
#define LEVEL_WIDTH 9

static const char *color_of(enum finding_level level)
{
	switch (level) {
	case FINDING_OK:
		return TERMINAL_GREEN;
	case FINDING_WARNING:
		return TERMINAL_YELLOW;
	case FINDING_PROBLEM:
		break;
	}
	return TERMINAL_RED;
}

static void append_finding(const struct report *report, const struct finding *finding,
			   struct text *out)
{
	const char *level = finding_level_name(finding->level);

	terminal_append_colored(out, level, report->color ? color_of(finding->level) : NULL);
	text_appendf(out, "%*s%s: ", LEVEL_WIDTH - (int)strlen(level), "", finding->check);
	text_append_escaped(out, finding->message);
	text_append(out, "\n");
	if (!finding->remedy)
		return;
	text_appendf(out, "%*s-> ", LEVEL_WIDTH, "");
	text_append_escaped(out, finding->remedy);
	text_append(out, "\n");
}

void text_findings(const struct report *report, const struct finding_list *findings,
		   struct text *out)
{
	size_t problems = finding_count(findings, FINDING_PROBLEM);
	size_t warnings = finding_count(findings, FINDING_WARNING);

	for (size_t i = 0; i < findings->count; i++)
		if (!report->quiet || findings->items[i].level != FINDING_OK)
			append_finding(report, &findings->items[i], out);
	if (!report->quiet || problems || warnings)
		text_appendf(out, "%zu problem%s, %zu warning%s\n", problems,
			     problems == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}
