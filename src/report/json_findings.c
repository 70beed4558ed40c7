/* Findings as JSON. */
#include "json_internal.h"
#include "report_internal.h"

int json_findings(const struct finding_list *findings, struct text *out, struct error *err)
{
	json_t *document = json_document("doctor", err);
	json_t *array;

	if (!document)
		return -1;
	array = json_put_array(document, "findings");
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];
		json_t *object = json_new_object();

		json_put_text(object, "check", finding->check);
		json_put_text(object, "level", finding_level_name(finding->level));
		json_put_text(object, "message", finding->message);
		json_put_text(object, "remedy", finding->remedy);
		json_append_object(array, object);
	}
	json_put_number(document, "problems", (int64_t)finding_count(findings, FINDING_PROBLEM));
	json_put_number(document, "warnings", (int64_t)finding_count(findings, FINDING_WARNING));
	json_finish(document, out);
	return 0;
}
