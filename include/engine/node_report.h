/* What a node job's task says of its node: one line of JSON for each object, and one that ends it.
 */
#ifndef ENGINE_NODE_REPORT_H
#define ENGINE_NODE_REPORT_H

#include "base/error.h"
#include "base/text.h"
#include "model/resource.h"

/* Appends the whole report. -1 with *err when a text of the engine is not valid UTF-8. */
int node_report_write(struct text *out, const struct resource_list *list, struct error *err);

#endif
