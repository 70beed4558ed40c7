/* Findings for people: a line for each, and below it the remedy. */
#include "report_internal.h"

/* "warning  lock-dir: ..." */
#define LEVEL_WIDTH 9

static void append_finding(struct text *out, const struct finding *finding)
{
	text_appendf(out, "%-*s%s: ", LEVEL_WIDTH, finding_level_name(finding->level),
		     finding->check);
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
			append_finding(out, &findings->items[i]);
	if (!report->quiet || problems || warnings)
		text_appendf(out, "%zu problem%s, %zu warning%s\n", problems,
			     problems == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}
