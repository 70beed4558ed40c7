/*
 * Metrics as a file of the Prometheus text format, for node_exporter's textfile collector. Source:
 * prometheus.io/docs/instrumenting/exposition_formats, and node_exporter's README.
 */
#ifndef REPORT_METRICS_H
#define REPORT_METRICS_H

#include "base/error.h"
#include "base/text.h"
#include "model/metrics.h"

/* Appends the whole file. */
void metrics_render(const struct metrics *metrics, struct text *out);

/* Adds to the counters what an earlier file's text says of them. A text that is not such a file,
 * or a broken line in it, adds nothing. */
void metrics_add_earlier(struct metrics *metrics, const char *text);

/* Adds the counters of the file that is there and replaces it at once (rename), mode 0644. Sweeps
 * that end at the same moment take turns where the directory can be locked. */
int metrics_write(const char *path, struct metrics *metrics, struct error *err);

#endif
