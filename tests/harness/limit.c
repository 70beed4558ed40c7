#include "harness/limit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "harness/command.h"
#include "harness/transcript.h"

/* The tests' own alarms are SIGALRM; a timer is inherited neither by fork nor, but for ours, by
 * exec. */
#define LIMIT_SIGNAL (SIGRTMAX - 1)

static const char *suite_name, *test_name;
static int64_t began_ms;
static timer_t timer;
static pid_t owner;

/* Not async-signal-safe, as leave() in command.c: nothing but a hang was to come. */
static void give_up(int signal_number)
{
	(void)signal_number;
	if (getpid() != owner)
		return;
	printf("\n  HANGS: %s: %s, after %lld ms\n", suite_name, test_name,
	       (long long)(now_ms() - began_ms));
	transcript_show();
	(void)fflush(stdout);
	/* NOLINTNEXTLINE(cert-env33-c) */
	if (system("ps -e -o pid,ppid,stat,etimes,wchan:20,args --forest | cut -c 1-200"))
		printf("without ps\n");
	exit(EXIT_FAILURE);
}

static void make_timer(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = LIMIT_SIGNAL };

	owner = getpid();
	if (signal(LIMIT_SIGNAL, give_up) == SIG_ERR ||
	    timer_create(CLOCK_MONOTONIC, &event, &timer)) {
		perror("test harness: unable to make a timer");
		exit(EXIT_FAILURE);
	}
}

static void set_timer(time_t seconds)
{
	const struct itimerspec spec = { .it_value.tv_sec = seconds };

	(void)timer_settime(timer, 0, &spec, NULL);
}

void limit_begin(const char *suite, const char *test)
{
	const char *limit = getenv("TEST_LIMIT");

	suite_name = suite;
	test_name = test;
	began_ms = now_ms();
	if (!limit)
		return;
	if (!owner)
		make_timer();
	set_timer(atoi(limit));
}

int64_t limit_end(void)
{
	if (owner)
		set_timer(0);
	return now_ms() - began_ms;
}
