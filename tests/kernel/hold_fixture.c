#include "hold_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/harness.h"

void hold_agent(struct process *ret)
{
	process_start(ret, "exec sleep 600");
}

static void write_script(const char *path, const char *command, const char *dir,
			 const char *options)
{
	FILE *script = fopen(path, "we");

	if (!script ||
	    fprintf(script, "#!/bin/sh\nexec %s --lock-dir %s %s %s \"$@\"\n", program_for_all(),
		    dir, command, options) < 0 ||
	    fclose(script) || chmod(path, 0755)) {
		perror(path);
		exit(EXIT_FAILURE);
	}
}

const char *hold_script(const char *dir)
{
	static char folder[512];
	char path[600];

	snprintf(folder, sizeof(folder), "%s/scripts", dir);
	if (mkdir(folder, 0755) && errno != EEXIST) {
		perror(folder);
		exit(EXIT_FAILURE);
	}
	snprintf(path, sizeof(path), "%s/hold", folder);
	write_script(path, "hold", dir, "--no-fresh --no-teardown");
	snprintf(path, sizeof(path), "%s/release", folder);
	write_script(path, "release", dir, "");
	return folder;
}

bool hold_is_running(const char *dir, const char *app)
{
	struct record record;

	lockfile_record(dir, app, &record);
	return record.pid > 0 && !kill(record.pid, 0) && !lockfile_is_free(dir, app);
}

void hold_start(const char *dir, const char *app, const char *options, struct record *ret)
{
	CLEANUP_COMMAND struct command_result result = { 0 };

	CHECK_NUMBER(run_command(&result, "exec %s/hold --pid %d %s %s", hold_script(dir),
				 (int)getpid(), options, app),
		     0);
	lockfile_record(dir, app, ret);
}
