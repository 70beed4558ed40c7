/* A round on other nodes, and the jobs that it is for. */
#ifndef REAP_NODES_INTERNAL_H
#define REAP_NODES_INTERNAL_H

#include "reap_internal.h"

/* By its id; NULL: the round doesn't know it. */
struct other_node *nodes_find(struct nodes *nodes, const char *id);

/* What the round is for: the apps' hashes with blanks between them, those of which something is to
 * go, and its tasks' arguments. What was found on other nodes is on its way from here on. */
void nodes_collect(struct reaper *reaper, struct text *apps, struct text *ordered,
		   struct word_list *arguments);

/* Is the app that is reaped one that a run is about to make anew? */
bool nodes_are_for_run(const struct reaper *reaper);

/* The round's jobs learn what came of it, and wait for the next listing. */
void nodes_end_round(struct reaper *reaper);

#endif
