/* A lockfile's record: what is known is well-formed, and survives being written and read again. */
#include <string.h>

#include "fuzz/fuzz.h"
#include "lock/record_file.h"

static void require_known(const struct record *record)
{
	REQUIRE(!record->app[0] || app_name_is_valid(record->app));
	REQUIRE(!record->stack[0] || app_name_is_valid(record->stack));
	REQUIRE(!record->run_id[0] || strlen(record->run_id) == RUN_ID_LENGTH);
	REQUIRE(record->pid >= 0 && record->since >= 0 && record->deadline >= 0);
	REQUIRE((unsigned)record->phase < RUN_PHASE_COUNT && run_phase_name(record->phase));
}

static void require_kept(const struct record *record)
{
	static const struct record_clocks clocks[] = {
		{ .wall = 0, .boot = 0, .same_boot = true, .written = 0 },
		{ .wall = 1800000000, .boot = 5000, .same_boot = true, .written = 1800000000 },
		{ .wall = 1800000000, .boot = 5000, .same_boot = false, .written = 1799999000 },
		{ .wall = 1, .boot = 1, .same_boot = false, .written = 253402300799 },
	};

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		int64_t kept = record_kept_for(record, &clocks[i], 86400);

		REQUIRE(kept >= 0 && kept <= 86400);
	}
}

static void run(const uint8_t *data, size_t size)
{
	char text[RECORD_FILE_SIZE], again[RECORD_FILE_SIZE];
	struct record record, second;
	size_t length;

	record_parse((const char *)data, size, &record);
	require_kept(&record);
	if (!record.known)
		return;
	require_known(&record);
	length = record_format(&record, text);
	record_parse(text, length, &second);
	REQUIRE(second.known);
	REQUIRE(!strcmp(second.app, record.app) && !strcmp(second.stack, record.stack) &&
		!strcmp(second.run_id, record.run_id) && !strcmp(second.boot_id, record.boot_id));
	REQUIRE(second.pid == record.pid && second.pid_namespace == record.pid_namespace &&
		second.start_time == record.start_time && second.phase == record.phase &&
		second.keep_until == record.keep_until && second.keep_boot == record.keep_boot &&
		second.deadline == record.deadline);
	REQUIRE(record_format(&second, again) == length && !memcmp(text, again, length));
}
FUZZ_TARGET(record, run)
