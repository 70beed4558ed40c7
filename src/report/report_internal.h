/* Each kind of result, rendered both ways into a text that report.c writes at once. */
#ifndef REPORT_REPORT_INTERNAL_H
#define REPORT_REPORT_INTERNAL_H

#include "base/text.h"
#include "json_internal.h"
#include "report/report.h"

void text_app(const struct report *report, const struct app_result *result, struct text *out);
/* The lines of text_app. false: nothing is to be said. */
bool text_action(const struct report *report, const struct app_result *result,
		 const struct action *action, struct text *out);
bool text_outcome(const struct report *report, const struct app_result *result, struct text *out);
/* `list --resources`: the objects of one app. */
void text_resources(const char *label, const struct app_result *result, struct text *out);
void text_summary(const struct report *report, const struct sweep_result *result, struct text *out);
void text_list(const char *lock_dir, const struct lock_view *views, size_t count, struct text *out);
void text_status(const struct lock_view *view, struct text *out);

/* Appends the actions to the object, as an array. */
void json_put_actions(json_t *object, const char *key, const struct app_result *result);

void text_findings(const struct report *report, const struct finding_list *findings,
		   struct text *out);

/* The same lines as entries with fields. */
void journal_app(const struct report *report, const struct app_result *result);
void journal_summary(const struct report *report, const struct sweep_result *result);

int json_app(const struct app_result *result, struct text *out, struct error *err);
int json_summary(const struct sweep_result *result, struct text *out, struct error *err);
int json_list(const char *lock_dir, const struct lock_view *views, size_t count, struct text *out,
	      struct error *err);
int json_status(const char *app, const struct lock_view *view, struct text *out, struct error *err);
int json_findings(const struct finding_list *findings, struct text *out, struct error *err);

#endif
