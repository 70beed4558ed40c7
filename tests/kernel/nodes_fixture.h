/* Reaps apps on a swarm of two nodes, and looks at what came of it. */
#ifndef TESTS_KERNEL_NODES_FIXTURE_H
#define TESTS_KERNEL_NODES_FIXTURE_H

#include "kernel/two_nodes.h"
#include "lock/lock_dir.h"
#include "model/result.h"

extern struct two_nodes world;
extern struct lock_dir nodes_dir;
extern bool nodes_no_image;	     /* [engine] image is not set */
extern struct app_result nodes_last; /* the last app's */
extern int64_t nodes_done_at;

/* Each suite's set-up; they share the lock directory. */
int nodes_set_up(void);

#define VOLUME(stack_name, where)                                                                  \
	{                                                                                          \
		RESOURCE_VOLUME, stack_name "_data", stack_name, where                             \
	}

/* A world with these, at most four. */
void nodes_begin(const struct node_object *objects, size_t count);
#define BEGIN(...)                                                                                 \
	nodes_begin((const struct node_object[]){ __VA_ARGS__ },                                   \
		    sizeof((const struct node_object[]){ __VA_ARGS__ }) /                          \
			    sizeof(struct node_object))

/* "shop", as a sweep does; as the target says; or all of them. */
void nodes_reap(void);
void nodes_reap_for(struct reap_target target);
void nodes_reap_all(struct reap_target *targets, size_t count);

size_t nodes_count_actions(enum action_outcome outcome);
bool nodes_lockfile_is_there(void);
void nodes_check_reaped(void);
void nodes_check_left(const char *why);

#endif
