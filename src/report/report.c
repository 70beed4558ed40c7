#include "report/report.h"

#include <errno.h>

#include "base/log.h"
#include "base/status_line.h"
#include "report_internal.h"

/* Locks may be held: a journal that hangs must not keep them. */
#define JOURNAL_PATIENCE_MS 5000

static int put_journal(const struct report *report, const struct text *text, struct error *err)
{
	if (log_stream_write(fileno(report->out), text->data, text->length, JOURNAL_PATIENCE_MS) <
	    0)
		return error_set_errno(err, ERROR_SYSTEM, errno,
				       "unable to write the output to the journal");
	return 0;
}

static int put(const struct report *report, const struct text *text, struct error *err)
{
	if (text->length)
		status_line_wipe();
	if (report->journal)
		return put_journal(report, text, err);
	errno = 0;
	if (fwrite(text_get(text), 1, text->length, report->out) != text->length ||
	    fflush(report->out) != 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to write the output");
	return 0;
}

int report_app(const struct report *report, const struct app_result *result, struct error *err)
{
	CLEANUP_TEXT struct text text = { 0 };

	if (report->journal && !report->json) {
		journal_app(report, result);
		return 0;
	}
	if (!report->json)
		text_app(report, result, &text);
	else if (json_app(result, &text, err) < 0)
		return -1;
	return put(report, &text, err);
}

int report_summary(const struct report *report, const struct sweep_result *result,
		   struct error *err)
{
	CLEANUP_TEXT struct text text = { 0 };

	if (report->journal && !report->json) {
		journal_summary(report, result);
		return 0;
	}
	if (!report->json)
		text_summary(report, result, &text);
	else if (json_summary(result, &text, err) < 0)
		return -1;
	return put(report, &text, err);
}

int report_list(const struct report *report, const char *lock_dir, const struct lock_view *views,
		size_t count, struct error *err)
{
	CLEANUP_TEXT struct text text = { 0 };

	if (!report->json)
		text_list(lock_dir, views, count, &text);
	else if (json_list(lock_dir, views, count, &text, err) < 0)
		return -1;
	return put(report, &text, err);
}

int report_status(const struct report *report, const char *app, const struct lock_view *view,
		  struct error *err)
{
	CLEANUP_TEXT struct text text = { 0 };

	if (report->json) {
		if (json_status(app, view, &text, err) < 0)
			return -1;
	} else if (!report->quiet) {
		text_status(view, &text);
	}
	return put(report, &text, err);
}

int report_findings(const struct report *report, const struct finding_list *findings,
		    struct error *err)
{
	CLEANUP_TEXT struct text text = { 0 };

	if (!report->json)
		text_findings(report, findings, &text);
	else if (json_findings(findings, &text, err) < 0)
		return -1;
	return put(report, &text, err);
}

int report_finish(const struct report *report, struct error *err)
{
	errno = 0;
	if (fflush(report->out) != 0 || ferror(report->out))
		return error_set_errno(err, ERROR_SYSTEM, errno ? errno : EIO,
				       "unable to write the output");
	return 0;
}
