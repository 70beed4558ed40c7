/*
 * Hooks: a command before an app's removal and one after it, while the app's lock is held. Several
 * run at once, each with its own time. A hook is the leader of its own session and process group,
 * which is killed when its time is up, and when its leader has ended. It carries the dead run's
 * mark: should this janitor be killed, the next one's fencing finds what is left of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/parse.h"
#include "reap_internal.h"

#define HOOKS_MAX 32 /* at once */
#define OUTPUT_MAX (64 * 1024)
#define LINE_MAX_LENGTH 1000

static const struct word_list *command_of(const struct reaper *reaper, enum hook_kind kind)
{
	const struct settings *settings = reaper->options->settings;

	return kind == HOOK_BEFORE ? &settings->hook_before : &settings->hook_after;
}

static const char *name_of(enum hook_kind kind)
{
	return kind == HOOK_BEFORE ? "before" : "after";
}

bool hook_is_configured(const struct reaper *reaper, enum hook_kind kind)
{
	return command_of(reaper, kind)->count > 0;
}

static void put(struct word_list *list, const char *name, const char *value)
{
	CLEANUP_FREE char *entry = xasprintf("%s=%s", name, value);

	word_list_append(list, entry, strlen(entry));
}

/* With two entries of one name, a program finds the first. */
static bool is_replaced(const struct reaper *reaper, const char *entry)
{
	static const char *const names[] = {
		"CI_JANITOR_HOOK=",   "CI_JANITOR_APP=",    "CI_JANITOR_APP_HASH=",
		"CI_JANITOR_RESULT=", "CI_JANITOR_ERROR=",  "CI_JANITOR_REMOVED=",
		"CI_JANITOR_RUN_ID=", "CI_JANITOR_HOLDER=", "CI_JANITOR_STACK=",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strncmp(entry, names[i], strlen(names[i])))
			return true;
	return reaper->options->hook_engine &&
	       (!strncmp(entry, "DOCKER_HOST=", 12) || !strncmp(entry, "DOCKER_CONTEXT=", 15));
}

static size_t count_removed(const struct job *job)
{
	size_t removed = 0;

	for (size_t i = 0; i < job->result.action_count; i++)
		removed += job->result.actions[i].outcome == ACTION_REMOVED ||
			   job->result.actions[i].outcome == ACTION_ALREADY_GONE;
	return removed;
}

static void fill_environment(const struct reaper *reaper, const struct job *job,
			     struct word_list *list)
{
	const struct record *record = &job->target->record;
	char removed[24];

	for (char **entry = environ; *entry; entry++)
		if (!is_replaced(reaper, *entry))
			word_list_append(list, *entry, strlen(*entry));
	put(list, "CI_JANITOR_HOOK", name_of(job->hook.kind));
	put(list, "CI_JANITOR_APP", job->result.app);
	put(list, "CI_JANITOR_APP_HASH", job->result.hash.hex);
	put(list, "CI_JANITOR_STACK", record->known ? record->stack : "");
	put(list, "CI_JANITOR_HOLDER", record->known ? record->holder : "");
	if (record->known && record->run_id[0])
		put(list, "CI_JANITOR_RUN_ID", record->run_id);
	if (reaper->options->hook_engine)
		word_list_append(list, reaper->options->hook_engine,
				 strlen(reaper->options->hook_engine));
	if (job->hook.kind == HOOK_BEFORE)
		return;
	(void)snprintf(removed, sizeof(removed), "%zu", count_removed(job));
	put(list, "CI_JANITOR_REMOVED", removed);
	put(list, "CI_JANITOR_RESULT", job->hook.has_error ? "left" : "reaped");
	put(list, "CI_JANITOR_ERROR", job->hook.has_error ? job->hook.error.message : "");
}

/* A NULL-terminated array of the list's words. */
static char **vector(const struct word_list *list)
{
	char **words = xcalloc(list->count + 1, sizeof(*words));

	for (size_t i = 0; i < list->count; i++)
		words[i] = list->words[i];
	return words;
}

static int spawn(struct reaper *reaper, struct job *job, int output, struct error *err)
{
	CLEANUP(word_list_release) struct word_list environment = { 0 };
	CLEANUP_FREE char **argv = vector(command_of(reaper, job->hook.kind));
	CLEANUP_FREE char **envp = NULL;
	CLEANUP_CLOSE int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct signal_state fresh = { .sigchld.sa_handler = SIG_DFL,
				      .sigpipe.sa_handler = SIG_DFL };
	struct child_setup setup = CHILD_SETUP_INIT;
	bool exec_failed;

	if (null < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to open /dev/null");
	/* Else its status would be lost. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)sigemptyset(&fresh.mask);
	fill_environment(reaper, job, &environment);
	envp = vector(&environment);
	setup.argv = argv;
	setup.exec_path = argv[0];
	setup.envp = envp;
	setup.signals = &fresh;
	setup.new_session = true;
	setup.no_capabilities = true;
	setup.death_signal = SIGKILL;
	setup.stdin_fd = null;
	setup.stdout_fd = output;
	setup.stderr_too = true;
	setup.standard_only = true;
	return child_spawn(&setup, &job->hook.child, &exec_failed, err);
}

static int start(struct reaper *reaper, struct job *job, struct error *err)
{
	int pipe_fds[2], result;

	if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set_errno(err, ERROR_SYSTEM, errno, "unable to make a pipe");
	/* The hook's end blocks, as programs expect of their output. */
	if (fcntl(pipe_fds[1], F_SETFL, 0) < 0)
		result = error_set_errno(err, ERROR_SYSTEM, errno, "unable to ready a pipe");
	else
		result = spawn(reaper, job, pipe_fds[1], err);
	(void)close(pipe_fds[1]);
	if (result < 0) {
		(void)close(pipe_fds[0]);
		return -1;
	}
	job->hook.output_fd = pipe_fds[0];
	job->hook.deadline = clock_deadline(reaper->options->settings->hook_timeout_ms);
	return 0;
}

static void say_line(const struct reaper *reaper, struct job *job)
{
	const struct sweep_options *options = reaper->options;

	if (job->hook.line.length && options->on_hook_line)
		options->on_hook_line(options->on_result_data, &job->result,
				      name_of(job->hook.kind), text_get(&job->hook.line));
	text_release(&job->hook.line);
}

static void take_output(const struct reaper *reaper, struct job *job, const char *bytes,
			size_t count)
{
	struct hook *hook = &job->hook;

	for (size_t i = 0; i < count && hook->output < OUTPUT_MAX; i++, hook->output++) {
		if (bytes[i] != '\n')
			text_append_bytes(&hook->line, bytes[i] ? &bytes[i] : "?", 1);
		if (bytes[i] == '\n' || hook->line.length == LINE_MAX_LENGTH)
			say_line(reaper, job);
	}
	if (hook->output < OUTPUT_MAX || hook->was_cut)
		return;
	say_line(reaper, job);
	text_append(&hook->line, "(the rest of its output is not shown)");
	say_line(reaper, job);
	hook->was_cut = true;
}

static void read_output(const struct reaper *reaper, struct job *job)
{
	char bytes[4096];
	ssize_t count;

	/* What is too much is read all the same: a full pipe would stop the hook. */
	for (int i = 0; i < 16; i++) {
		count = read(job->hook.output_fd, bytes, sizeof(bytes));
		if (count <= 0)
			return;
		take_output(reaper, job, bytes, (size_t)count);
	}
}

/* Its leader is not waited for yet, so that the group's number is still its own. */
static int reap_group(struct hook *hook)
{
	int status = 0;

	(void)kill(-hook->child.pid, SIGKILL);
	if (child_wait(&hook->child, true, &status) < 0)
		status = -1;
	return status;
}

static bool has_ended(const struct hook *hook)
{
	siginfo_t info = { .si_pid = 0 };

	/* ECHILD included: there is nothing to wait for. */
	return waitid(P_PID, (id_t)hook->child.pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       info.si_pid != 0;
}

static int judge(const struct reaper *reaper, const struct hook *hook, int status, bool late,
		 struct error *err)
{
	const char *program = command_of(reaper, hook->kind)->words[0];
	char limit[32];

	if (late)
		return error_set(err, ERROR_TIMEOUT, "the hook \"%s\", %.200s, was killed after %s",
				 name_of(hook->kind), program,
				 format_duration(reaper->options->settings->hook_timeout_ms, limit,
						 sizeof(limit)));
	if (WIFSIGNALED(status))
		return error_set(err, ERROR_SYSTEM, "the hook \"%s\", %.200s, died by signal %d",
				 name_of(hook->kind), program, WTERMSIG(status));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, ERROR_SYSTEM, "the hook \"%s\", %.200s, ended with %d",
				 name_of(hook->kind), program,
				 WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}

static void clear(const struct reaper *reaper, struct job *job)
{
	read_output(reaper, job);
	say_line(reaper, job);
	(void)close(job->hook.output_fd);
	job->hook.output_fd = -1;
	job->hook.running = false;
}

void hook_abort(struct reaper *reaper, struct job *job)
{
	if (!job->hook.running)
		return;
	(void)reap_group(&job->hook);
	clear(reaper, job);
}

void hook_enter(struct job *job, enum hook_kind kind, const struct error *err)
{
	job_enter(job, JOB_HOOK);
	job->hook = (struct hook){ .kind = kind, .output_fd = -1, .has_error = err != NULL };
	if (err)
		job->hook.error = *err;
}

/* 1: it has ended well; 0: it goes on; -1 with *err. */
static int step(struct reaper *reaper, struct job *job, struct error *err)
{
	bool late;
	int status;

	read_output(reaper, job);
	late = clock_now_ms() >= job->hook.deadline;
	if (!late && !has_ended(&job->hook))
		return 0;
	late = late && !has_ended(&job->hook);
	status = reap_group(&job->hook);
	clear(reaper, job);
	return judge(reaper, &job->hook, status, late, err) < 0 ? -1 : 1;
}

static void finish(struct reaper *reaper, struct job *job, const struct error *err)
{
	const struct error *reason = job->hook.has_error ? &job->hook.error : NULL;
	bool counts = err && reaper->options->settings->hook_failure == HOOK_FAILURE_KEEP;

	if (err && !counts && reaper->options->on_hook_line)
		reaper->options->on_hook_line(reaper->options->on_result_data, &job->result,
					      name_of(job->hook.kind), err->message);
	if (job->hook.kind == HOOK_BEFORE && !counts) {
		/* It took its time, and may have changed what there is. */
		job_enter(job, JOB_LISTING);
		job->wants_after = reaper->look.number;
		job->not_before = 0;
		job->deadline = clock_deadline(reaper->options->app_timeout_ms);
		return;
	}
	job_end(reaper, job, counts && !reason ? err : reason);
}

void hook_step(struct reaper *reaper)
{
	size_t running = 0;

	if (!reaper->in_state[JOB_HOOK])
		return;
	for (size_t i = 0; i < reaper->job_count; i++)
		running += reaper->jobs[i].state == JOB_HOOK && reaper->jobs[i].hook.running;
	for (size_t i = 0; i < reaper->job_count; i++) {
		struct job *job = &reaper->jobs[i];
		struct error err = { .kind = ERROR_NONE };
		int state = 0;

		if (job->state != JOB_HOOK || (!job->hook.running && running >= HOOKS_MAX))
			continue;
		if (!job->hook.running) {
			state = start(reaper, job, &err);
			job->hook.running = state == 0;
			running += job->hook.running;
		}
		if (job->hook.running)
			state = step(reaper, job, &err);
		if (state)
			finish(reaper, job, state < 0 ? &err : NULL);
	}
}
