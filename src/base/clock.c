#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

int64_t clock_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_deadline(int64_t ms)
{
	int64_t now = clock_now_ms();

	return ms < 0 || ms > CLOCK_NEVER - now ? CLOCK_NEVER : now + ms;
}

int clock_left(int64_t deadline_ms)
{
	int64_t now;

	if (deadline_ms == CLOCK_NEVER)
		return -1;
	now = clock_now_ms();
	if (deadline_ms <= now)
		return 0;
	return deadline_ms - now > INT_MAX ? INT_MAX : (int)(deadline_ms - now);
}

int64_t clock_wall_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec;
}

const char *clock_format(int64_t wall_seconds, char *buffer, size_t size)
{
	time_t second = (time_t)wall_seconds;
	struct tm date;

	if (!gmtime_r(&second, &date) || !strftime(buffer, size, "%Y-%m-%dT%H:%M:%SZ", &date))
		(void)snprintf(buffer, size, "@%lld", (long long)wall_seconds);
	return buffer;
}

void clock_sleep_ms(int64_t ms)
{
	struct timespec left = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	while (ms > 0 && nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

int64_t clock_boot_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_boot_seconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec;
}
