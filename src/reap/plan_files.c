/* The files of a job's app, as the plan sees them. */
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/memory.h"
#include "reap/files.h"
#include "reap_internal.h"

struct finding {
	struct reaper *reaper;
	struct job *job;
	const struct owner_list *owners;
	const char *template;
};

static bool is_in_directory_of(const char *path, const char *template)
{
	CLEANUP_FREE char *directory = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	CLEANUP_FREE char *glob = xstrndup(template, (size_t)(strrchr(template, '/') - template));

	return !fnmatch(glob, directory, FNM_PATHNAME | FNM_PERIOD);
}

/* Two templates may name one file for two apps. */
static bool is_anothers(const struct finding *finding, const char *path, const char *template,
			char *app, size_t size)
{
	const struct settings *settings = finding->reaper->options->settings;
	const struct owner *owner;

	if (!files_app_of(template, strrchr(path, '/') + 1, app, size) ||
	    !strcmp(app, finding->job->result.app) || !is_in_directory_of(path, template))
		return false;
	owner = owner_list_find(finding->owners, app);
	return word_list_matches(&settings->app_protect, app) ||
	       (owner && !owner->reaping && (owner->job == OWNER_NOBODY || owner->live));
}

/* Why the file must stay; false: no reason. */
static bool reason_to_keep(const struct finding *finding, const struct app_file *file, char *reason,
			   size_t size)
{
	const struct settings *settings = finding->reaper->options->settings;
	char other[APP_NAME_MAX + 1];

	for (size_t i = 0; i < settings->app_files.count; i++)
		if (is_anothers(finding, file->path, settings->app_files.words[i], other,
				sizeof(other))) {
			(void)snprintf(reason, size, "by its name it could be %.100s's as well",
				       other);
			return true;
		}
	if (file->reason)
		(void)snprintf(reason, size, "%s", file->reason);
	else if (finding->job->target->orphan &&
		 clock_wall_seconds() - file->changed < settings->orphan_min_age_ms / 1000)
		(void)snprintf(reason, size, "younger than [orphans] min_age");
	else if (word_list_matches(&settings->app_protect, finding->job->result.app))
		(void)snprintf(reason, size, "protected by [app] protect");
	else if (word_list_matches(&settings->protect, file->path) ||
		 word_list_matches(&settings->protect, strrchr(file->path, '/') + 1))
		(void)snprintf(reason, size, "protected by [reap] protect");
	else
		return false;
	return true;
}

static void take_file(void *data, const struct app_file *file)
{
	const struct finding *finding = data;
	CLEANUP(resource_release)
	struct resource resource = {
		.kind = RESOURCE_FILE,
		.id = xstrdup(file->path),
		.name = xstrdup(file->path),
	};
	CLEANUP_FREE char *rule = xasprintf("[app] files %s", finding->template);
	char reason[256];

	if (reason_to_keep(finding, file, reason, sizeof(reason)))
		job_add_kept(finding->job, &resource, rule, reason);
	else
		job_add_item(finding->job, &resource, rule);
}

void plan_files(struct reaper *reaper, struct job *job, const struct owner_list *owners)
{
	const struct word_list *templates = &reaper->options->settings->app_files;
	struct finding finding = { .reaper = reaper, .job = job, .owners = owners };

	if (!job->result.app[0] || job->spares_files)
		return;
	for (size_t i = 0; i < templates->count; i++) {
		finding.template = templates->words[i];
		if (files_each(finding.template, job->result.app, reaper->dir->trust, take_file,
			       &finding, &job->last_error) < 0)
			job->doubtful++;
	}
}
