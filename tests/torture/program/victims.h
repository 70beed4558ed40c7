/* Whom the driver kills, or stops for a while: its children, orphans among them, and theirs. */
#ifndef TORTURE_VICTIMS_H
#define TORTURE_VICTIMS_H

#include <stdint.h>
#include <sys/types.h>

#define STOPPED_MAX 3

struct stopped {
	int pidfd; /* -1: none */
	int64_t until;
};

struct victims {
	uint64_t random;
	pid_t spared;
	struct stopped stopped[STOPPED_MAX];
	long kills, stops;
};

void victims_init(struct victims *ret, uint64_t seed, pid_t spared);

/* Kills one, or stops it for some milliseconds. */
void victims_hurt(struct victims *victims);

/* Continues those whose time has come. */
void victims_continue(struct victims *victims, int64_t now);

/* A child of the process, picked at random, but not the spared one; 0: it has none. */
pid_t victims_child(struct victims *victims, pid_t parent);

#endif
