/* Hosts that share the fixture's swarm: each with a machine id, a name, a boot id, a lock directory
 * and a configuration of its own, and leases of a short term. */
#ifndef SWARM_LEASE_FIXTURE_H
#define SWARM_LEASE_FIXTURE_H

#include <stdint.h>
#include <sys/types.h>

#include "harness/command.h"

/* Seconds: a run whose keeper stands still for a third of it ends. */
#define TERM 9
#define TERM_TEXT "9s"
#define TERM_TEXT_MS "9000ms"

/* Fresh hosts: empty lock directories. The environment gets $A and $B, each a command that runs
 * ci-janitor as that host, and $A_LOCKS, $B_LOCKS, $A2 (A booted anew), $PLAY (a temporary folder).
 */
void lease_hosts(void);
/* The same with another term than TERM. */
void lease_hosts_for(const char *term);

/* The labels of the app's lease, a line each; "" without one. The caller frees it. */
char *lease_labels(const char *app);
/* Number of leases in the swarm. */
int lease_count(void);
/* Version.Index of the only lease, 0 without one. */
int64_t lease_version(void);
/* Waits until the only lease has been renewed. */
bool lease_is_renewed(void);
/* What renews the run's lease; waits for it, since it starts after the command. Fails the test, and
 * is 0, when there is none. */
pid_t lease_keeper(const struct process *run);
/* As kill(), but for 0. */
int lease_keeper_signal(pid_t keeper, int signal);

#endif
