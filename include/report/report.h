/* Results rendered as text or JSON, to stdout or another stream. */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"
#include "model/finding.h"
#include "model/lock_view.h"
#include "model/result.h"

struct report {
	FILE *out;
	bool json;
	bool quiet; /* text only: nothing but what needs attention */
	bool verbose;
	bool color;   /* text only */
	bool journal; /* out is its stream; sweeps and reaps become entries in place of text */
};

/* One app of a sweep or reap, as it is finished: text lines, one per object, each naming the
 * object and the rule; or one JSON object on a line. The whole is written at once. */
int report_app(const struct report *report, const struct app_result *result, struct error *err);

/* The last line. */
int report_summary(const struct report *report, const struct sweep_result *result,
		   struct error *err);

/* list: a table, or one JSON document. */
int report_list(const struct report *report, const char *lock_dir, const struct lock_view *views,
		size_t count, struct error *err);

/* status: one word, then the holder; or one JSON document. */
int report_status(const struct report *report, const char *app, const struct lock_view *view,
		  struct error *err);

/* doctor: a line per finding, and its remedy; or one JSON document. */
int report_findings(const struct report *report, const struct finding_list *findings,
		    struct error *err);

/* Flushes and says whether everything really got out (a full disk is an error). */
int report_finish(const struct report *report, struct error *err);

#endif
