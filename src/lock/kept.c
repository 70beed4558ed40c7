#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "kernel/process.h"
#include "lock/app_lock.h"

void app_lock_read_clocks(int fd, const struct record *record, struct record_clocks *ret)
{
	struct record_clocks now = { .wall = clock_wall_seconds(), .boot = clock_boot_seconds() };
	char boot_id[BOOT_ID_SIZE];
	struct stat status;

	now.same_boot = process_boot_id(boot_id) == 0 && !strcmp(boot_id, record->boot_id);
	/* Unknown is as if it had been written long ago. */
	now.written = fstat(fd, &status) < 0 ? 0 : status.st_mtime;
	*ret = now;
}
