/* Processes named so that nobody else's can be hit: pid + start time, verified through a pidfd. */
#ifndef KERNEL_PROCESS_H
#define KERNEL_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define BOOT_ID_SIZE 37

/* pidfd_open(2), close-on-exec. -1 with errno (ENOSYS before Linux 5.3). */
int process_open(pid_t pid);

/* A handle for the two calls below, not for poll(2): a pidfd, or before Linux 5.3 (or where a filter
 * hides the call) the descriptor of /proc/PID, which as well never becomes another process's. -1 with
 * errno; ESRCH: no such process. */
int process_open_handle(pid_t pid);

/* pidfd_send_signal(2). 0, or -1 with errno; ESRCH: it is gone. By a /proc/PID handle: kill(2) right
 * after a look whether the process is still there. */
int process_signal(int handle, int signal_number);

/* Is the process behind the handle over (exited, possibly not yet waited for)? */
bool process_has_ended(int handle);

/* Field 22 of /proc/PID/stat, clock ticks since boot: 0, or -1 with errno. */
int process_start_time(pid_t pid, uint64_t *ret);

/* Field 4 of /proc/PID/stat, 0 for a parent that can't be seen from here: 0, or -1 with errno. */
int process_parent(pid_t pid, pid_t *ret);

/* The number by which the process knows itself, in the innermost PID namespace that it is in: the
 * last NSpid of /proc/PID/status. 0, or -1 with errno. */
int process_inner_pid(pid_t pid, pid_t *ret);

/* /proc/sys/kernel/random/boot_id: 0, or -1 with errno. */
int process_boot_id(char ret[BOOT_ID_SIZE]);

/* PROC_PID_INIT_INO of <linux/proc_ns.h>, part of the kernel's interface. */
#define PROCESS_FIRST_PID_NAMESPACE 4026531836U

/* The inode number of our PID namespace; 0: not to be known. */
uint64_t process_pid_namespace(void);

/* Are we in the machine's first PID namespace, so that every process has a number here? */
bool process_sees_all(void);

/* 32 random hex digits from getrandom(2), NUL-terminated. */
void process_random_id(char ret[33]);

#endif
