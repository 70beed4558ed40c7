/*
 * Who runs this, by the variables that CI systems set. As documented at:
 *
 *	forgejo		forgejo.org/docs, user/actions/reference ("variables"; FORGEJO_ACTIONS
 *			since runner 5, GITEA_ACTIONS with it)
 *	gitea		docs.gitea.com, usage/actions/actions-variables; runner: GITEA_ACTIONS
 *	github		docs.github.com, actions/reference/workflows-and-actions/variables
 *	gitlab		docs.gitlab.com, ci/variables/predefined_variables
 *	woodpecker	woodpecker-ci.org/docs, usage/environment
 *	drone		docs.drone.io, pipeline/environment/reference
 *	jenkins		www.jenkins.io/doc/book/pipeline/jenkinsfile, "Using environment variables"
 *	buildkite	buildkite.com/docs, pipelines/configure/environment-variables
 *	circleci	circleci.com/docs/reference/variables
 */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "commands_internal.h"
#include "kernel/process.h"

struct ci_system {
	const char *name;
	const char *variable; /* tells that it is this system */
	const char *value;    /* NULL: any but the empty one */
	const char *parts[3]; /* variables that name the job together */
	const char *url[4];   /* variables whose values make the job's address, with `/` between */
	const char *url_suffix; /* put between the last two */
};

/* Those that imitate another one's variables come before it. */
static const struct ci_system systems[] = {
	{ "forgejo",
	  "FORGEJO_ACTIONS",
	  "true",
	  { "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT" },
	  { "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_NUMBER" },
	  "actions/runs/" },
	{ "gitea",
	  "GITEA_ACTIONS",
	  "true",
	  { "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT" },
	  { "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_NUMBER" },
	  "actions/runs/" },
	{ "github",
	  "GITHUB_ACTIONS",
	  "true",
	  { "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT" },
	  { "GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID" },
	  "actions/runs/" },
	{ "gitlab", "GITLAB_CI", NULL, { "CI_PIPELINE_ID", "CI_JOB_ID" }, { "CI_JOB_URL" }, NULL },
	{ "woodpecker",
	  "CI",
	  "woodpecker",
	  { "CI_REPO", "CI_PIPELINE_NUMBER" },
	  { "CI_PIPELINE_URL" },
	  NULL },
	{ "drone",
	  "DRONE",
	  "true",
	  { "DRONE_REPO", "DRONE_BUILD_NUMBER" },
	  { "DRONE_BUILD_LINK" },
	  NULL },
	{ "jenkins", "JENKINS_URL", NULL, { "JOB_NAME", "BUILD_NUMBER" }, { "BUILD_URL" }, NULL },
	{ "buildkite",
	  "BUILDKITE",
	  "true",
	  { "BUILDKITE_PIPELINE_SLUG", "BUILDKITE_BUILD_NUMBER" },
	  { "BUILDKITE_BUILD_URL" },
	  NULL },
	{ "circleci",
	  "CIRCLECI",
	  "true",
	  { "CIRCLE_PROJECT_REPONAME", "CIRCLE_BUILD_NUM" },
	  { "CIRCLE_BUILD_URL" },
	  NULL },
};

static const char *value_of(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value ? value : NULL;
}

static const struct ci_system *find_system(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++) {
		const char *value = value_of(systems[i].variable);

		if (value && (!systems[i].value || !strcmp(value, systems[i].value)) &&
		    value_of(systems[i].parts[0]))
			return &systems[i];
	}
	return NULL;
}

void holder_host(char *ret, size_t size)
{
	ret[0] = '\0';
	if (gethostname(ret, size - 1) < 0)
		ret[0] = '\0';
	ret[size - 1] = '\0';
}

/* "NAME:PASSWORD:UID:..."; comments, and lines that are NIS's, begin with a sign. */
static bool is_of_user(const char *line, uid_t uid)
{
	const char *password = strchr(line, ':');
	const char *number = password ? strchr(password + 1, ':') : NULL;
	char *end;

	if (!number || strchr("+-#: \t", *line) || number[1] < '0' || number[1] > '9')
		return false;
	return strtoull(number + 1, &end, 10) == uid && *end == ':';
}

/* The file first, as far as one reading goes: asking all of NSS costs a fifth of what a whole short
 * run does. NULL: nobody knows the user. */
static char *user_name(uid_t uid)
{
	const struct passwd *user;
	char text[4096], *next = text, *line;

	if (file_read_at(AT_FDCWD, "/etc/passwd", text, sizeof(text)) > 0)
		while ((line = strsep(&next, "\n")) && next)
			if (is_of_user(line, uid))
				return xstrndup(line, strcspn(line, ":"));
	user = getpwuid(uid);
	return user ? xstrdup(user->pw_name) : NULL;
}

static char *person_id(pid_t pid)
{
	CLEANUP_FREE char *name = user_name(getuid());
	char host[65];

	holder_host(host, sizeof(host));
	if (name)
		return xasprintf("%s@%s:%d", name, host, (int)pid);
	return xasprintf("%u@%s:%d", (unsigned)getuid(), host, (int)pid);
}

/* The variables may hold anything. */
static char *fit_for_record(const char *id)
{
	char *fit = xstrndup(id, RECORD_TEXT_MAX);

	for (char *c = fit; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return fit;
}

char *holder_id(pid_t pid)
{
	const struct ci_system *system_found = find_system();
	CLEANUP_TEXT struct text text = { 0 };

	if (!system_found)
		return person_id(pid);
	text_append(&text, system_found->name);
	for (size_t i = 0; system_found->parts[i]; i++) {
		const char *value = value_of(system_found->parts[i]);

		if (value)
			text_appendf(&text, ":%s", value);
	}
	return fit_for_record(text_get(&text));
}

char *holder_job_url(void)
{
	const struct ci_system *system_found = find_system();
	CLEANUP_TEXT struct text text = { 0 };

	if (!system_found)
		return NULL;
	for (size_t i = 0; system_found->url[i]; i++) {
		const char *value = value_of(system_found->url[i]);

		if (!value)
			return NULL;
		if (i > 0)
			text_append(&text, "/");
		if (i > 0 && !system_found->url[i + 1] && system_found->url_suffix)
			text_append(&text, system_found->url_suffix);
		text_append(&text, value);
	}
	return xstrdup(text_get(&text));
}

void holder_record(const char *app, struct record *ret)
{
	CLEANUP_FREE char *holder = holder_id(getpid());

	*ret = (struct record){ .known = true, .pid = getpid(), .phase = RUN_PHASE_TEARDOWN };
	(void)snprintf(ret->app, sizeof(ret->app), "%s", app);
	(void)snprintf(ret->holder, sizeof(ret->holder), "%s", holder);
	holder_host(ret->host, sizeof(ret->host));
	process_random_id(ret->run_id);
	/* Without a mounted /proc the record says less; it only ever informs. */
	(void)process_boot_id(ret->boot_id);
	(void)process_start_time(ret->pid, &ret->start_time);
	ret->since = clock_wall_seconds();
}
