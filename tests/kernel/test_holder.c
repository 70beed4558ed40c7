/* Who holds a lock, by the variables that each CI system sets, as its record says it. */
#include <string.h>

#include "harness/harness.h"
#include "run_fixture.h"

static const struct {
	const char *variables;
	const char *holder; /* NULL: not a CI: user@host:pid */
	const char *job_url;
} systems[] = {
	{ "CI=true GITHUB_ACTIONS=true GITHUB_RUN_ID=1658821493 GITHUB_RUN_ATTEMPT=3 "
	  "GITHUB_RUN_NUMBER=12 GITHUB_SERVER_URL=https://github.com GITHUB_REPOSITORY=octo/hello",
	  "github:1658821493:3", "https://github.com/octo/hello/actions/runs/1658821493" },
	/* Forgejo's runner says of itself that it is Gitea's and GitHub's, too. */
	{ "CI=true GITHUB_ACTIONS=true GITEA_ACTIONS=true FORGEJO_ACTIONS=true GITHUB_RUN_ID=88 "
	  "GITHUB_RUN_ATTEMPT=1 GITHUB_RUN_NUMBER=7 GITHUB_SERVER_URL=https://codeberg.org "
	  "GITHUB_REPOSITORY=a/b",
	  "forgejo:88:1", "https://codeberg.org/a/b/actions/runs/7" },
	{ "CI=true GITHUB_ACTIONS=true GITEA_ACTIONS=true GITHUB_RUN_ID=88 GITHUB_RUN_NUMBER=7 "
	  "GITHUB_SERVER_URL=https://gitea.example GITHUB_REPOSITORY=a/b",
	  "gitea:88", "https://gitea.example/a/b/actions/runs/7" },
	{ "CI=true GITLAB_CI=true CI_PIPELINE_ID=9001 CI_JOB_ID=314 "
	  "CI_JOB_URL=https://gitlab.example/g/p/-/jobs/314",
	  "gitlab:9001:314", "https://gitlab.example/g/p/-/jobs/314" },
	{ "CI=woodpecker CI_REPO=john/my-repo CI_PIPELINE_NUMBER=8 "
	  "CI_PIPELINE_URL=https://ci.example/repos/7/pipeline/8",
	  "woodpecker:john/my-repo:8", "https://ci.example/repos/7/pipeline/8" },
	{ "CI=true DRONE=true DRONE_REPO=octocat/hello DRONE_BUILD_NUMBER=42 "
	  "DRONE_BUILD_LINK=https://drone.example/octocat/hello/42",
	  "drone:octocat/hello:42", "https://drone.example/octocat/hello/42" },
	{ "JENKINS_URL=https://jenkins.example/ JOB_NAME=folder/job BUILD_NUMBER=153 "
	  "BUILD_URL=https://jenkins.example/job/folder/job/job/153/",
	  "jenkins:folder/job:153", "https://jenkins.example/job/folder/job/job/153/" },
	{ "CI=true BUILDKITE=true BUILDKITE_PIPELINE_SLUG=my-project BUILDKITE_BUILD_NUMBER=1514 "
	  "BUILDKITE_BUILD_URL=https://buildkite.com/acme/my-project/builds/1514",
	  "buildkite:my-project:1514", "https://buildkite.com/acme/my-project/builds/1514" },
	{ "CI=true CIRCLECI=true CIRCLE_PROJECT_REPONAME=demo CIRCLE_BUILD_NUM=77 "
	  "CIRCLE_BUILD_URL=https://circleci.com/gh/acme/demo/77",
	  "circleci:demo:77", "https://circleci.com/gh/acme/demo/77" },
	/* A variable of the user's, not the CI's; and a CI that doesn't say which job it is. */
	{ "CI=true", NULL, "" },
	{ "GITHUB_ACTIONS=false GITHUB_RUN_ID=1", NULL, "" },
	{ "GITHUB_ACTIONS=true GITHUB_RUN_ID=", NULL, "" },
	{ "GITLAB_CI= CI_PIPELINE_ID=1", NULL, "" },
};

static void each_system(void)
{
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
		CLEANUP_COMMAND struct command_result result = { 0 };
		const char *dir = temp_dir();
		struct record record;

		CHECK_NUMBER(run_command(&result,
					 "exec env -i PATH=\"$PATH\" %s %s --lock-dir %s run "
					 "--no-fresh --no-teardown shop -- true",
					 systems[i].variables, PROGRAM, dir),
			     0);
		lockfile_record(dir, "shop", &record);
		CU_ASSERT(record.known);
		if (systems[i].holder)
			CHECK_TEXT(record.holder, systems[i].holder);
		else
			CU_ASSERT(strchr(record.holder, '@') != NULL);
		CHECK_TEXT(record.job_url, systems[i].job_url);
	}
}

/* What is longer than a record keeps, or can't stand in it, doesn't lose the rest of the record. */
static void hostile_values(void)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct record record;

	CHECK_NUMBER(run_command(&result,
				 "exec env -i PATH=\"$PATH\" DRONE=true \"DRONE_REPO=$(printf "
				 "'a\\n[run]\\npid=1\\n;%%0200d' 0)\" DRONE_BUILD_NUMBER=1 "
				 "\"DRONE_BUILD_LINK=$(printf 'x\\033[2J%%0300d' 0)\" %s "
				 "--lock-dir %s run --no-fresh --no-teardown shop -- true",
				 PROGRAM, dir),
		     0);
	lockfile_record(dir, "shop", &record);
	CU_ASSERT(record.known);
	CHECK_TEXT(record.app, "shop");
	CU_ASSERT(record.pid > 1);
	CHECK_NUMBER(strlen(record.holder), RECORD_TEXT_MAX);
	CU_ASSERT(!strncmp(record.holder, "drone:a?[run]?pid=1??000", 24));
	CHECK_NUMBER(strlen(record.job_url), RECORD_TEXT_MAX);
	CU_ASSERT(!strncmp(record.job_url, "x?[2J000", 8));
}

/* As root of another machine, whose /etc/passwd is what the shell command prints. */
static void check_name(const char *passwd, const char *name)
{
	CLEANUP_COMMAND struct command_result result = { 0 };
	const char *dir = temp_dir();
	struct record record;

	CHECK_NUMBER(run_command(&result,
				 "(%s) >%s/passwd && exec unshare --mount sh -ec 'mount --bind "
				 "%s/passwd /etc/passwd; exec env -i PATH=\"$PATH\" %s --lock-dir "
				 "%s run --no-fresh --no-teardown shop -- true'",
				 passwd, dir, dir, PROGRAM, dir),
		     0);
	lockfile_record(dir, "shop", &record);
	CHECK_TEXT(strtok(record.holder, "@"), name);
}

#define OTHERS "seq -f 'user:x:%g:100::/:/bin/sh' 20001 20300; "

/* The quick reading of /etc/passwd finds whom the library's functions find, or leaves it to them.
 */
static void persons(void)
{
	check_name("echo 'other:x:10:0:::'; echo 'admin:x:0:0:::'; echo 'root:x:0:0:::'", "admin");
	check_name("echo 'a:x:00x:0:::'; echo ':x:0:0:::'; echo 'b:x::0:::'; echo 'c:0:7:0:::'; "
		   "echo '#no:x:0:0:::'; echo 'admin:x:0:0:::'",
		   "admin");
	check_name(OTHERS "echo 'admin:x:0:0:::'", "admin");
	check_name("echo 'other:x:10:0:::'; printf 'admin:x:0:0::/:/bin/sh'", "admin");
}

static const struct test tests[] = {
	{ "each CI system's job and its address", each_system },
	{ "hostile values", hostile_values },
	{ "who isn't a CI system", persons },
	{ NULL, NULL },
};
TEST_SUITE(holder, tests)
