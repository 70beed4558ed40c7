/* A dead run of "shop" and an engine that has one volume of it, for tests of what is told. */
#ifndef KERNEL_DEAD_FIXTURE_H
#define KERNEL_DEAD_FIXTURE_H

#include "harness/scripted_engine.h"
#include "run_fixture.h"

/* Leaves a run of shop, on that engine, that was killed. record may be NULL. */
void dead_run(const char *dir, const char *host, struct record *ret_record);

/* Removing the volume takes that long. */
struct scripted_engine *dead_engine(int removal_ms);
/* Waits until the removal is asked for; from then on there is no volume any more. */
void dead_engine_removes(struct scripted_engine *engine);

#endif
