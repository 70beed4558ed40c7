/*
 * Leases at work: the janitor's own client (reap/lease_client.h), as state machines over few
 * connections, on a real engine or a simulated one.
 *
 *	bench-leases renew ENGINE LEASES TERM-s SECONDS
 *		LEASES runs, 1,000 a host, take a lease each and renew it for SECONDS, then give it
 *		up; 0: they take it and are killed. WORST: from the moment at which a renewal is due
 *		until it is acknowledged. LIST: of all leases. Prints
 *		CREATES CREATE-s RENEWALS LATE LOST LOOK-ms WRITE-ms WORST-ms PROCESSOR-us-a-renewal
 *		LEASES:LIST-ms RELEASE-s
 *	bench-leases race ENGINE-A ENGINE-B RACES
 *		Two hosts ask for one app at the same moment, each by its engine; a third one looks
 *		whose it is. Prints RACES A-WON B-WON WRONG SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/memory.h"
#include "../../src/commands/commands_internal.h"
#include "reap/lease_client.h"

#define LEASES_PER_HOST 1000
#define SCAN_MS 20
#define BATCH 1000 /* takes its leases before the next one begins */
#define RACE_LIMIT_MS 20000

struct link {
	struct settings settings;
	struct engine_connection connection;
	struct engine_port port;
};

static void open_link(struct link *link, const char *host)
{
	struct error err = { .kind = ERROR_NONE };

	settings_init(&link->settings);
	link->settings.engine_host = xstrdup(host);
	link->connection = (struct engine_connection){
		.settings = &link->settings, .jobs = 8, .wants_nodes = true, .wake_fd = -1
	};
	if (engine_connect(&link->connection, 10000, &link->port, &err) == 0)
		return;
	(void)fprintf(stderr, "%s\n", err.message);
	exit(1);
}

static void init_client(struct lease_client *client, const char *app, int host, int run,
			int64_t term_ms)
{
	struct lease_holder self = { .boot = "00000000-0000-0000-0000-000000000000",
				     .directory = "1c:123456",
				     .term_ms = term_ms };
	struct app_hash hash = app_hash_of(app);

	(void)snprintf(self.app, sizeof(self.app), "%s", app);
	(void)snprintf(self.host, sizeof(self.host), "ci-host-%d", host);
	(void)snprintf(self.machine, sizeof(self.machine), "%032x", host);
	(void)snprintf(self.run_id, sizeof(self.run_id), "%032x", run);
	(void)snprintf(self.holder, sizeof(self.holder), "github:%d:1", 1000000 + run);
	lease_client_init(client, &hash, &self, LEASE_HELD, true);
}

static bool take_answer(struct link *link, struct lease_client *clients, int timeout_ms,
			enum lease_step *ret_step, int64_t *ret_took)
{
	struct engine_answer answer;
	struct lease_client *client;

	if (link->port.wait(link->port.engine, timeout_ms, &answer, NULL) <= 0)
		return false;
	client = &clients[answer.cookie];
	*ret_step = client->step;
	*ret_took = clock_boot_ms() - client->sent_at;
	lease_client_answer(client, &answer);
	resource_list_release(&answer.list);
	return true;
}

/* The clients of many hosts over the connections of one. */
struct fleet {
	struct link link;
	struct lease_client *clients;
	int64_t *due; /* of each: when it has something to do, CLOCK_BOOTTIME; NEVER: it waits */
	size_t count, working; /* the latter: neither resting nor at their end */
	bool *works;
	int64_t *first_due; /* the spread's */
};

#define NEVER INT64_MAX

struct times {
	double look_ms, write_ms, worst_ms;
	long looks, writes, late;
};

static void note(struct fleet *fleet, size_t i)
{
	struct lease_client *client = &fleet->clients[i];
	int64_t due = lease_client_due(client);
	bool works = due == 0 || client->asked ||
		     (client->step != LEASE_STEP_REST && client->step != LEASE_STEP_END);

	fleet->due[i] = due < 0 ? NEVER : clock_boot_ms() + due;
	fleet->working += (size_t)works - (size_t)fleet->works[i];
	fleet->works[i] = works;
}

static void step(struct fleet *fleet, size_t i)
{
	(void)lease_client_step(&fleet->clients[i], &fleet->link.port, i, NULL);
	note(fleet, i);
}

/* Late: so long after it was due that a run would have been stopped. */
static void count_answer(const struct lease_client *client, enum lease_step asked, int64_t was_due,
			 int64_t took, struct times *times)
{
	int64_t term_ms = client->wanted.by.term_ms, waited = clock_boot_ms() - was_due;

	if (asked == LEASE_STEP_LOOK) {
		times->looks++;
		times->look_ms += (double)took;
	}
	if (asked != LEASE_STEP_WRITE || client->status != LEASE_STATUS_HELD)
		return;
	times->writes++;
	times->write_ms += (double)took;
	times->late += waited > lease_stop_after(term_ms) - lease_renew_after(term_ms);
	if ((double)waited > times->worst_ms)
		times->worst_ms = (double)waited;
}

static bool hear(struct fleet *fleet, struct times *times)
{
	struct engine_answer answer;
	struct lease_client *client;
	enum lease_step asked;
	int64_t was_due;

	if (fleet->link.port.wait(fleet->link.port.engine, SCAN_MS, &answer, NULL) <= 0)
		return false;
	client = &fleet->clients[answer.cookie];
	asked = client->step;
	was_due = client->renewed_at + lease_renew_after(client->wanted.by.term_ms);
	if (fleet->first_due[answer.cookie] > was_due)
		was_due = fleet->first_due[answer.cookie];
	lease_client_answer(client, &answer);
	resource_list_release(&answer.list);
	count_answer(client, asked, was_due, clock_boot_ms() - client->sent_at, times);
	note(fleet, answer.cookie);
	if (lease_client_due(client) == 0)
		step(fleet, answer.cookie);
	return true;
}

/* From, to: whose turn it is. Until they all rest, or the deadline. */
static void play(struct fleet *fleet, size_t from, size_t to, int64_t deadline, struct times *times)
{
	do {
		int64_t now = clock_boot_ms();

		for (size_t i = from; i < to; i++)
			if (fleet->due[i] <= now)
				step(fleet, i);
		for (int64_t end = now + SCAN_MS; clock_boot_ms() < end;)
			if (!hear(fleet, times) || (!deadline && !fleet->working))
				break;
	} while (deadline ? clock_boot_ms() < deadline : fleet->working > 0);
}

static double list_all(struct link *link, size_t *ret_count)
{
	struct list_filter filter = { .key = LEASE_LABEL };
	int64_t began = clock_now_ms();
	struct engine_answer answer;

	(void)link->port.list(link->port.engine, RESOURCE_CONFIG, &filter, 0, NULL);
	while (link->port.wait(link->port.engine, 1000, &answer, NULL) == 0)
		;
	*ret_count = answer.list.count;
	if (answer.outcome != ENGINE_DONE)
		(void)fprintf(stderr, "listing: %s\n", answer.error.message);
	resource_list_release(&answer.list);
	return (double)(clock_now_ms() - began);
}

static void open_fleet(struct fleet *fleet, const char *engine, size_t count, int64_t term_ms)
{
	*fleet = (struct fleet){ .clients = xcalloc(count, sizeof(*fleet->clients)),
				 .due = xcalloc(count, sizeof(*fleet->due)),
				 .first_due = xcalloc(count, sizeof(*fleet->first_due)),
				 .works = xcalloc(count, sizeof(*fleet->works)),
				 .count = count };
	open_link(&fleet->link, engine);
	for (size_t i = 0; i < count; i++) {
		char app[32];

		(void)snprintf(app, sizeof(app), "bench-%06zu", i);
		init_client(&fleet->clients[i], app, (int)(i / LEASES_PER_HOST), (int)i, term_ms);
		fleet->due[i] = NEVER;
	}
}

static void close_fleet(struct fleet *fleet)
{
	engine_disconnect(&fleet->link.connection);
	free(fleet->clients);
	free(fleet->due);
	free(fleet->first_due);
	free(fleet->works);
}

static long take_all(struct fleet *fleet)
{
	struct times unused = { 0 };
	long held = 0;

	for (size_t i = 0; i < fleet->count; i++) {
		note(fleet, i);
		/* What rests meanwhile is not renewed. */
		if ((i + 1) % BATCH && i + 1 < fleet->count)
			continue;
		play(fleet, i / BATCH * BATCH, i + 1, 0, &unused);
	}
	for (size_t i = 0; i < fleet->count; i++)
		held += fleet->clients[i].status == LEASE_STATUS_HELD;
	return held;
}

static void release_all(struct fleet *fleet)
{
	struct times unused = { 0 };

	for (size_t i = 0; i < fleet->count; i++) {
		lease_client_release(&fleet->clients[i]);
		note(fleet, i);
	}
	play(fleet, 0, fleet->count, 0, &unused);
}

/* They don't all begin at one moment, as a job's begin doesn't. */
static void spread(struct fleet *fleet, int64_t term_ms)
{
	int64_t now = clock_boot_ms();

	for (size_t i = 0; i < fleet->count; i++) {
		fleet->first_due[i] =
			now + (int64_t)i * lease_renew_after(term_ms) / (int64_t)fleet->count;
		fleet->clients[i].not_before = fleet->due[i] = fleet->first_due[i];
	}
}

static int64_t processor_us(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static int renew(const char *engine, size_t count, int64_t term_ms, int64_t seconds)
{
	int64_t began = clock_now_ms(), created, released, used;
	struct times times = { 0 };
	struct fleet fleet;
	long held, lost = 0;
	size_t listed;
	double list_ms;

	open_fleet(&fleet, engine, count, term_ms);
	held = take_all(&fleet);
	created = clock_now_ms();
	list_ms = list_all(&fleet.link, &listed);
	spread(&fleet, term_ms);
	used = processor_us();
	if (seconds)
		play(&fleet, 0, count, clock_boot_ms() + seconds * 1000, &times);
	used = processor_us() - used;
	for (size_t i = 0; i < count; i++)
		lost += fleet.clients[i].status != LEASE_STATUS_HELD;
	released = clock_now_ms();
	if (seconds)
		release_all(&fleet);
	(void)printf("%ld %.3f %ld %ld %ld %.2f %.2f %.0f %.0f %zu:%.0f %.3f\n", held,
		     (double)(created - began) / 1e3, times.writes, times.late, lost,
		     times.look_ms / (double)(times.looks + !times.looks),
		     times.write_ms / (double)(times.writes + !times.writes), times.worst_ms,
		     (double)used / (double)(times.writes + !times.writes), listed, list_ms,
		     (double)(clock_now_ms() - released) / 1e3);
	close_fleet(&fleet);
	return held == (long)count && listed == count && !lost ? 0 : 1;
}

/* The winner by the engine's own list, as a third host sees it; -1: there is not just one. */
static int seen_winner(struct link *link, int race)
{
	struct list_filter filter = { .key = LEASE_LABEL };
	struct engine_answer answer;
	struct lease lease;
	int winner = -1;

	(void)link->port.list(link->port.engine, RESOURCE_CONFIG, &filter, 0, NULL);
	while (link->port.wait(link->port.engine, 1000, &answer, NULL) == 0)
		;
	if (answer.list.count == 1 && lease_read(&answer.list.items[0], &lease) &&
	    lease.state == LEASE_HELD)
		for (int host = 0; host < 2; host++) {
			char run[RUN_ID_LENGTH + 1];

			(void)snprintf(run, sizeof(run), "%032x", race * 2 + host);
			winner = !strcmp(run, lease.by.run_id) ? host : winner;
		}
	resource_list_release(&answer.list);
	return winner;
}

static bool is_decided(const struct lease_client *client)
{
	return client->status == LEASE_STATUS_HELD || client->status == LEASE_STATUS_BUSY;
}

static int race_once(struct link *links, int race)
{
	struct lease_client clients[2];
	int64_t limit = clock_now_ms() + RACE_LIMIT_MS, took;
	enum lease_step step;
	int winner;

	for (int host = 0; host < 2; host++)
		init_client(&clients[host], "raced", host, race * 2 + host, 60000);
	while (!(is_decided(&clients[0]) && is_decided(&clients[1])) && clock_now_ms() < limit) {
		/* Who begins gets his request out first: in turns. */
		for (int i = 0; i < 2; i++) {
			int host = (i + race) % 2;

			if (!is_decided(&clients[host]))
				(void)lease_client_step(&clients[host], &links[host].port,
							(uint64_t)host, NULL);
			(void)take_answer(&links[host], clients, 1, &step, &took);
		}
	}
	winner = clients[0].status == LEASE_STATUS_HELD ? 0 : 1;
	if (clients[0].status == clients[1].status || seen_winner(&links[2], race) != winner)
		winner = -1;
	for (int host = 0; host < 2; host++)
		lease_client_release(&clients[host]);
	while (clock_now_ms() < limit &&
	       (clients[0].status != LEASE_STATUS_GONE || clients[1].status != LEASE_STATUS_GONE))
		for (int host = 0; host < 2; host++) {
			(void)lease_client_step(&clients[host], &links[host].port, (uint64_t)host,
						NULL);
			(void)take_answer(&links[host], clients, 1, &step, &took);
		}
	return winner;
}

static int race(char **engines, int races)
{
	int64_t began = clock_now_ms();
	struct link links[3];
	int won[3] = { 0 };

	for (int i = 0; i < 3; i++)
		open_link(&links[i], engines[i % 2]);
	for (int i = 0; i < races; i++)
		won[race_once(links, i) + 1]++;
	(void)printf("%d %d %d %d %.1f\n", races, won[1], won[2], won[0],
		     (double)(clock_now_ms() - began) / 1e3);
	for (int i = 0; i < 3; i++)
		engine_disconnect(&links[i].connection);
	return won[0] ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "renew"))
		return renew(argv[2], strtoul(argv[3], NULL, 10), atol(argv[4]) * 1000,
			     atol(argv[5]));
	if (argc == 5 && !strcmp(argv[1], "race"))
		return race(argv + 2, atoi(argv[4]));
	return 64;
}
