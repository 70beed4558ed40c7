/* One run in progress, as the files of this room share it. */
#ifndef RUN_INTERNAL_H
#define RUN_INTERNAL_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/signalfd.h>
#include <sys/types.h>
#include <termios.h>

#include "kernel/child.h"
#include "kernel/signals.h"
#include "lock/app_lock.h"
#include "lock/lock_dir.h"
#include "model/record.h"
#include "run/phase.h"
#include "run/supervisor.h"

/* PR_SET_PDEATHSIG: not SIGTERM, since it also comes when only the parent's forking thread ends,
 * and must then be told from a SIGTERM that somebody sent. */
#define RUN_PARENT_SIGNAL SIGRTMAX
#define RUN_STATUS_DEADLINE 142
#define RUN_STATUS_LEASE 75 /* another host's by now, perhaps: try again */

enum waiting_for { WAITING_UNDECIDED, WAITING_FOR_RUN, WAITING_FOR_JANITOR };

struct waiting {
	enum waiting_for whom;
	int64_t run_limit;     /* when waiting for a run ends */
	int64_t janitor_limit; /* when waiting for this janitor ends */
	int64_t decide_at; /* until then an unnamed holder may be a momentary one; 0: not asked */
	int64_t report_at;
};

/* Times are CLOCK_BOOTTIME's, in milliseconds, unless said otherwise. */
struct run_lease {
	int news_fd, child_fd; /* pipe: what keeps the lease tells when it was renewed */
	int timer_fd;
	int64_t renewed_at; /* 0: never */
	struct child keeper;
	int64_t keeper_at; /* CLOCK_MONOTONIC: when to start it (again), or CLOCK_NEVER */
	bool watched;	   /* by the timer, until the run is being killed for it */
	bool late, lost;   /* lost: another has it */
};

struct run {
	const struct run_options *options;
	enum run_phase phase;
	int status; /* the exit status, once the phase is released */

	struct signal_state before; /* what CMD gets back */
	int signal_fd;
	struct signalfd_siginfo signal; /* the event's, for STOP, HURRY, QUIT and SIGNAL */
	int64_t impatience[2];		/* when the last two SIGTERM or SIGINT came */
	pid_t parent;
	int parent_fd;
	bool parent_gone;
	struct termios settings; /* of the terminal, as they were */
	bool has_settings;
	bool has_terminal;	/* job control: CMD stays in our process group */
	bool only_our_children; /* we were started without any: every child is of this run */

	struct lock_dir dir;
	struct app_hash hash;
	struct app_lock lock;
	bool created; /* the lockfile was born with this run */
	struct record record;
	struct waiting waiting;

	struct child child; /* the phase's: wait helper, engine child or CMD */
	bool child_ended;   /* it has, and RUN_EVENT_CHILD is still to come */
	int child_status;   /* as waitpid gives it, of the last one that ended */
	int cgroup_fd;
	bool cgroup_gone; /* all who were in it are dead, and it is removed */
	char *scratch;	  /* owned: CMD's private directory, NULL: none */
	bool lockfile_changed;
	int watch_fd;	 /* inotify on the lockfile; -1: not watched */
	int handover_fd; /* hold: until whoever started us has taken note, then -1 */
	pid_t asking;	 /* hold: the top of the marked tree that asked for the release, 0: none */
	int asking_fd;	 /* its pidfd */

	int64_t deadline; /* when each of these events comes, or CLOCK_NEVER */
	int64_t limit;
	int64_t tick;

	struct run_lease lease;
	bool keeping; /* for --keep-on-failure the lease is given up, no more */
	bool clean;   /* told to stop after its fresh start: the same */

	int told;	      /* 128+N or 142 once the run was told to stop, else 0 */
	int64_t kill_limit;   /* when killing gives up; 0: not begun */
	int command_status;   /* CMD's, as an exit status */
	bool was_killed;      /* what was left of the command */
	bool teardown_ending; /* its child was asked to end */
	bool teardown_failed;
};

/* events.c */
enum run_event events_next(struct run *run);
/* Waits for every child that has ended; child_ended says that the phase's was among them. */
void events_drain_children(struct run *run);
/* Did the terminal itself send the event's signal, so that CMD got it as well? */
bool events_from_terminal(const struct run *run);

/* wait.c */
void wait_look(struct run *run);
void wait_confirm(struct run *run);

/* engine_child.c */
void fresh_enter(struct run *run);
void fresh_end(struct run *run);
void fresh_kill(struct run *run);
void fresh_judge(struct run *run);
int engine_child_start(struct run *run, const char *mode, struct error *err);

/* lease.c; nothing happens without [lock] cluster */
int lease_open(struct run *run, struct error *err);
void lease_close(struct run *run);
/* Takes what those who keep the lease have told. */
void lease_hear(struct run *run);
/* The command is about to start: is the lease good, and from now on kept by a keeper? */
bool lease_keep(struct run *run);
/* The teardown's child keeps it from now on. */
void lease_leave(struct run *run);
void lease_keeper_ended(struct run *run, int status);
/* Does what is due; true: and *ret follows from it. */
bool lease_event(struct run *run, enum run_event *ret);
void lease_say(const struct run *run);

/* command.c */
void command_enter(struct run *run);
void command_ended(struct run *run);
void command_pass_on(struct run *run);
void command_suspend(struct run *run);
void command_stop(struct run *run, enum run_event event);
void command_kill(struct run *run);
int command_drop_cgroup(struct run *run, struct error *err);

/* hold.c */
/* The lock is held and the start was clean: says so. */
void hold_hand_over(struct run *run);
/* Something has come over handover_fd. */
void hold_hear(struct run *run);
void hold_stop(struct run *run, enum run_event event);
/* As members_kill. */
size_t hold_kill_members(struct run *run, struct error *err);

/* members.c */
/* Sends the signal once to each process of the run that can be found, and continues it. */
void members_signal(const struct run *run, int signal_number);
/* The same for those whom the terminal, which sent the signal to our process group, did not reach.
 */
void members_signal_beyond_terminal(const struct run *run, int signal_number);
/* One SIGKILL to each of them. Returns how many may still be there; 0 is the proof of none. */
size_t members_kill(struct run *run, struct error *err);

/* terminal.c */
void terminal_look(struct run *run);
/* After a CMD that was killed, perhaps in the middle of a password. */
void terminal_restore(const struct run *run);

/* watch.c */
/* Begins to watch whether the lockfile keeps its name. */
void watch_begin(struct run *run);
/* Says so, loudly and once, when it doesn't. */
void watch_look(struct run *run);
void watch_end(struct run *run);

/* teardown.c */
void teardown_enter(struct run *run);
void teardown_end(struct run *run);
void teardown_judge(struct run *run);

/* environment.c */
/* CMD's environment: ours with the run's variables. */
struct run_environment {
	char **envp;
	char **own; /* owned; the other entries of envp are environ's */
	size_t own_count;
};
void run_environment_init(struct run_environment *ret, const struct run *run);
void run_environment_release(struct run_environment *environment);

/* supervisor.c */
/* Enters the phase and writes it to the record; a failed write is logged. */
void run_set_phase(struct run *run, enum run_phase phase);
/* The lock is held and the start was clean: for the journal. */
void run_tell_held(const struct run *run);
/* Notes, once, that the run was told to stop, and why. */
void run_note_told(struct run *run, enum run_event event);
/* Ends a run of which nothing was created. forget: a lockfile that we made goes as well. */
void run_leave(struct run *run, int status, bool forget);
/* Logs the error and returns its exit status. */
int run_log_error(const struct error *err);

#endif
