/* One sweep at work: its apps as jobs, each a small state machine, and the listings they share.
 *
 *	FENCE -> LISTING -> READY -> REMOVING -> BARRIER -> NODES -> REMOVING -> LISTING ... -> DONE
 *	          |    ^                                                  |             ^
 *	          v    |                                                  v             |
 *	        HOOK (before)                                          HOOK (after) ----+
 *
 * With leases, CLAIM comes before the first LISTING, and RELEASE before DONE.
 *
 * A job is done when a listing that began after its last removal shows nothing of its app. */
#ifndef REAP_REAP_INTERNAL_H
#define REAP_REAP_INTERNAL_H

#include "base/text.h"
#include "kernel/child.h"
#include "lock/deleted_lock.h"
#include "reap/lease_client.h"
#include "reap/ownership.h"
#include "reap/sweep.h"

enum job_state {
	JOB_FENCE,    /* processes of the dead run are being killed */
	JOB_CLAIM,    /* with [lock] cluster: its lease is being taken */
	JOB_LISTING,  /* waits for a complete listing that is numbered above `wants_after` */
	JOB_READY,    /* knows what to remove, waits for its turn */
	JOB_REMOVING, /* removals of `stage` are under way */
	JOB_HOOK,     /* a hook is running, or waits for its turn */
	JOB_NODES,    /* waits for a round on the swarm's other nodes */
	JOB_BARRIER,  /* waits until no task of the app can start a container any more */
	JOB_RELEASE,  /* all is done, and the lease is being released */
	JOB_DONE,
	JOB_STATES,
};

/* The order in which kinds go. */
enum job_stage {
	STAGE_SERVICES,
	STAGE_CONTAINERS,
	STAGE_NODES, /* all that is on other nodes */
	STAGE_REST,
	STAGE_FILES,
	STAGE_COUNT
};

enum item_state { ITEM_WAITING, ITEM_SENT, ITEM_FINISHED, ITEM_FAILED };

/* One object on its way out. */
struct item {
	struct resource resource;
	size_t action; /* its line in the result */
	enum job_stage stage;
	enum item_state state;
	bool listed;	     /* in the newest complete listing */
	bool refused;	     /* trying again is no use */
	int tries;	     /* on another node */
	int64_t accepted_at; /* the engine said that it is removed */
	int64_t retry_at;
	int64_t backoff_ms;
};

enum hook_kind { HOOK_BEFORE, HOOK_AFTER };

struct hook {
	enum hook_kind kind;
	bool running;
	struct child child;
	int output_fd;
	int64_t deadline;
	struct text line; /* the output's last one, so far */
	size_t output;	  /* bytes */
	bool was_cut;
	bool has_error; /* AFTER: why the app is left */
	struct error error;
};

/* First what the loop asks of each of many jobs at each answer. */
struct job {
	enum job_state state; /* set by job_enter */
	enum job_stage stage;
	size_t *in_state; /* the reaper's */
	struct reap_target *target;
	int64_t deadline;
	int64_t not_before; /* of the next step in FENCE, LISTING and BARRIER */
	int64_t slot_since;
	uint32_t wants_after; /* only a listing with a higher number counts */
	bool engine_checked;  /* its run's engine is the one that is asked */
	bool claims;	      /* it needs a lease */
	bool claimed;	      /* and has it */
	int64_t began_at;
	int64_t stage_since;
	struct app_result result;
	struct item *items;
	size_t item_count;
	size_t item_capacity;
	struct word_list services;	/* ids of every service of the app that was seen */
	struct word_list kept_services; /* those of them that are protected */
	bool in_group;			/* its processes are accounted for by its cgroup */
	struct word_list seen_on;	/* nodes that the app's tasks were on */
	uint32_t round;	     /* of looks at other nodes, the last that it was part of; 0: none */
	bool round_is_taken; /* ... and what was found has come to the job */
	bool nodes_asked;    /* with JOB_NODES: the round under way is its */
	struct error nodes_error; /* a node of that round did not report */
	size_t coming;		  /* tasks that may still start a container, by the last listing */
	size_t doubtful;
	bool unsure; /* an object is its by name, and the listing was not thorough */
	struct hook hook;
	bool hooked; /* the hooks apply: there is something to remove, or there was a lockfile */
	bool spared; /* it is no orphan after all */
	bool spares_files;
	size_t lingering; /* objects that were listed although the engine has removed them */
	/* What a dead run had asked to be made may still appear: only a listing that begins at this
	 * time or later counts as clean. It is SETTLE_MS after the first one was answered. */
	int64_t settled_at;
	bool settle; /* removals of a janitor that died may still be under way */
	int clean_listings_needed;
	struct error last_error;
	struct lease_client lease;
	bool lock_checked;  /* it is the app's only one */
	bool busy;	    /* it is another's */
	bool silent;	    /* there is nothing to report */
	bool has_end_error; /* in RELEASE: how the job ends */
	struct error end_error;
};

enum look_scope { LOOK_BARRIER, LOOK_WORLD };

/* A listing under way, shared by all jobs that wait for one. */
struct look {
	bool running;
	bool failed;
	bool role_is_old;	  /* connecting told the role once */
	bool role_is_doubtful;	  /* the last listing failed */
	int64_t no_manager_since; /* 0: it isn't so */
	enum look_scope scope;
	/* Everybody who could have named an unlabelled object is known: also those that have no
	 * more than a config, and those whose lockfile somebody has deleted. */
	bool thorough;
	int step;
	size_t in_flight;
	int64_t began_at;
	int64_t not_before;
	int64_t world_rests_until; /* as long as any app is worked on */
	uint32_t number;
	struct resource_list found;
	struct error error;
};

struct other_node {
	char *id, *name;
	char *task;
	bool may_report; /* the task runs, or has run */
	bool reported;
	char reason[256]; /* why it doesn't; empty: it still may */
};

/* The rounds on other nodes: nodes.c. */
struct nodes {
	int step;
	uint32_t number; /* of the round */
	size_t in_flight;
	int64_t not_before;
	int64_t deadline;
	int64_t nodes_at; /* last listing of the nodes */
	char *service;	  /* NULL: not started */
	bool may_be_late; /* whether it is, was not answered */
	struct other_node *items;
	size_t count;
	size_t capacity;
	struct resource_list found; /* of the last round */
	struct word_list ended;	    /* tasks of ours, reported or given up */
	struct error list_error;
};

struct reaper {
	const struct lock_dir *dir;
	const struct sweep_options *options;
	struct sweep_result *result;
	struct engine_port port;
	bool connected;
	struct error connect_error;
	struct job *jobs;
	size_t job_count;
	uint32_t first_number; /* of this batch's jobs in cookies: late answers to an earlier batch
				  fall out */
	size_t unfinished;
	size_t in_state[JOB_STATES]; /* so many jobs are */
	size_t finished;	     /* jobs of earlier batches */
	int64_t deadline;
	int64_t late_at; /* when deadlines are looked at next */
	struct look look;
	bool ending;		     /* nothing is waited for any more */
	struct sightings *sightings; /* of leases; NULL: not read yet */
	struct nodes nodes;
	bool wants_thorough;		  /* ... listings from now on */
	struct deleted_lock_list deleted; /* as last seen by the sweep */
};

#define SETTLED_UNKNOWN INT64_MAX
#define COOKIE_LOOK UINT32_MAX
#define COOKIE_NOBODY (UINT32_MAX - 1) /* whose answers nobody waits for */
#define COOKIE_CLAIM UINT32_MAX	       /* in the place of a job's item */
#define COOKIE_NODES (UINT32_MAX - 2)

/* A look for orphans without their locks. */
struct orphan_search {
	struct word_list names;
	bool done;
	struct error error;
};

/* sweep.c */
void reaper_init(struct reaper *reaper, const struct lock_dir *dir,
		 const struct sweep_options *options, struct sweep_result *result);
void reap_batch(struct reaper *reaper, struct reap_target *targets, size_t count);
bool sweep_is_told(const struct reaper *reaper);
/* reap_batch of those that are not live after all, by a lock on a deleted lockfile. */
void sweep_reap_dead(struct reaper *reaper, struct reap_target *targets, size_t count);

/* connect.c */
/* Connects unless that was tried before; false: connect_error, or told to stop. */
bool sweep_connect(struct reaper *reaper);
/* The same when a job needs it; jobs of another engine are over then. */
void connect_if_needed(struct reaper *reaper);

/* orphan_search.c */
int orphan_search_run(struct reaper *reaper, struct orphan_search *search);
/* Takes the candidates' locks and reaps them, `size` at a time. */
void orphan_search_reap(struct reaper *reaper, const struct orphan_search *search, size_t size);
/* From plan.c: the listing, and who has a lockfile. */
void orphan_search_take(struct reaper *reaper, struct orphan_search *search,
			const struct resource_list *found, const struct owner_list *owners);
/* On a host that has none itself, too: whose an orphan seems to be may have a lease. */
bool orphan_leases_matter(const struct reaper *reaper);
/* Under its lock, by a listing made since: is it still one? ERROR_HELD: no; else: not to be known.
 */
bool orphan_is_one(struct reaper *reaper, struct job *job, const struct resource_list *found,
		   struct error *err);

/* scratch_orphans.c */
void scratch_orphans_sweep(struct reaper *reaper);

/* job.c */
void job_init(struct reaper *reaper, struct job *job, struct reap_target *target);
void job_release(struct job *job);
void job_enter(struct job *job, enum job_state state);
/* The job's work is over, but for the hook; err NULL: reaped (or planned). */
void job_finish(struct reaper *reaper, struct job *job, const struct error *err);
/* Will nothing say any more that there is something to do? err: how the job ends. */
bool job_forgets(const struct reaper *reaper, const struct job *job, const struct error *err);
/* Ends the job: gives the lock up as its target says. */
void job_end(struct reaper *reaper, struct job *job, const struct error *err);
void job_add_service(struct word_list *services, const char *service_id);
/* Puts the object on the job's list unless it is there. */
void job_add_item(struct job *job, const struct resource *resource, const char *rule);
void job_add_kept(struct job *job, const struct resource *resource, const char *rule,
		  const char *reason);
struct item *job_find_item(struct job *job, const struct resource *resource);

/* probe.c */
/* Reports an app that no job worked on. */
void sweep_say(const struct sweep_options *options, const struct app_hash *hash,
	       enum app_outcome outcome, const char *app, const struct error *err);
/* Probes one lockfile. True: dead, and *target has its lock. */
bool probe_lockfile(struct reaper *reaper, const struct app_hash *hash, struct reap_target *target);
/* Looks for holders of deleted lockfiles and reports those that are new; reaper->deleted are all.
 */
int probe_deleted(struct reaper *reaper, struct error *err);
/* Gives up the locks of targets that such a holder makes live. Returns how many targets are left.
 */
size_t probe_drop_live(struct reaper *reaper, struct reap_target *targets, size_t count);
/* How many locks can be held at once: each has a descriptor. */
size_t probe_batch_size(void);

/* claim.c: the jobs' leases ([lock] cluster) */
void claim_init(struct reaper *reaper, struct job *job);
/* Where a job goes when it is ready to list: LISTING, or CLAIM before it. */
void claim_or_list(struct job *job, uint32_t number);
/* Sends what is due, and ends the jobs that have none or have it no more. */
void claim_step(struct reaper *reaper);
void claim_answer(struct reaper *reaper, struct job *job, const struct engine_answer *answer);
/* True: the lease has to be released before the job can end so, and is. */
bool claim_release_first(struct reaper *reaper, struct job *job, const struct error *err);

/* hook.c */
bool hook_is_configured(const struct reaper *reaper, enum hook_kind kind);
void hook_enter(struct job *job, enum hook_kind kind, const struct error *err);
void hook_step(struct reaper *reaper);
/* Kills it, if it runs. */
void hook_abort(struct reaper *reaper, struct job *job);

/* fence.c: one pass for all jobs in JOB_FENCE whose time it is. */
void fence_step(struct reaper *reaper);

/* look.c */
void look_start_if_wanted(struct reaper *reaper);
void look_answer(struct reaper *reaper, struct engine_answer *answer);

/* nodes.c */
bool nodes_is_remote(const struct resource *resource);
/* Has the job something to be done on other nodes, or not been told what is there? */
bool nodes_are_wanted(const struct reaper *reaper, const struct job *job);
void nodes_enter(struct job *job);
void nodes_step(struct reaper *reaper);
void nodes_answer(struct reaper *reaper, struct engine_answer *answer);
/* The node's host name, as the last round knows it, or its id. */
const char *nodes_name(const struct reaper *reaper, const char *id);
/* Puts the nodes that could not be asked into the job's result. */
void nodes_name_silent(const struct reaper *reaper, struct job *job);
/* Is it a task of a round of ours, which is over? */
bool nodes_has_ended(const struct reaper *reaper, const struct resource *task);
/* Ends a round that is under way before its time. */
void nodes_abandon(struct reaper *reaper);
void nodes_release(struct reaper *reaper);

/* plan.c: a finished listing is given to the jobs that wait for it. */
void plan_apply(struct reaper *reaper, const struct look *look);

/* plan_owners.c */
/* Who else has a lockfile is read after the listing: a run writes its record before it makes
 * anything, so whoever made a listed object has stated its claim by now. */
int plan_owners(struct reaper *reaper, const struct look *look, struct owner_list *ret,
		struct error *err);
/* Appends the names by which the job's app goes: its own, its stacks'. Is its own known? */
bool plan_names(const struct reaper *reaper, const struct job *job, struct word_list *names);

/* plan_files.c: the app's files join the job's list. */
void plan_files(struct reaper *reaper, struct job *job, const struct owner_list *owners);

/* remove.c */
void remove_step(struct reaper *reaper, struct job *job);
void remove_answer(struct reaper *reaper, struct job *job, struct item *item,
		   const struct engine_answer *answer);
void remove_after_barrier(struct reaper *reaper, struct job *job);

#endif
