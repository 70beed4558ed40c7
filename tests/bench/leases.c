/*
 * Leases at work: the janitor's own client (reap/lease_client.h), as state machines over few
 * connections, on a real engine or a simulated one.
 *
 *	bench-leases renew ENGINE LEASES TERM-s SECONDS
 *		LEASES runs take a lease each and renew it for SECONDS, then give it up. Prints
 *		CREATES CREATE-s RENEWALS LATE LOST LOOK-ms WRITE-ms LIST-ms RELEASE-s
 *	bench-leases race ENGINE-A ENGINE-B RACES
 *		Two hosts ask for one app at the same moment, each by its engine; a third one looks
 *		whose it is. Prints RACES A-WON B-WON WRONG SECONDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "../../src/commands/commands_internal.h"
#include "reap/lease_client.h"

#define LEASES_PER_HOST 1000
#define SCAN_MS 20
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

struct times {
	double look_ms, write_ms;
	long looks, writes, late;
};

static void play(struct link *link, struct lease_client *clients, size_t count, bool until_idle,
		 int64_t deadline, struct times *times)
{
	enum lease_step step;
	int64_t took;

	for (;;) {
		size_t busy = 0;

		for (size_t i = 0; i < count; i++) {
			int64_t due = lease_client_due(&clients[i]);

			busy += clients[i].asked || due == 0 ||
				(clients[i].step != LEASE_STEP_REST &&
				 clients[i].step != LEASE_STEP_END);
			if (due == 0)
				(void)lease_client_step(&clients[i], &link->port, i, NULL);
		}
		if (until_idle ? !busy : clock_now_ms() >= deadline)
			return;
		for (int64_t end = clock_now_ms() + SCAN_MS; clock_now_ms() < end;) {
			if (!take_answer(link, clients, SCAN_MS, &step, &took))
				break;
			if (step == LEASE_STEP_LOOK) {
				times->looks++;
				times->look_ms += (double)took;
			} else if (step == LEASE_STEP_WRITE) {
				times->writes++;
				times->write_ms += (double)took;
			}
		}
	}
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

static int renew(const char *engine, size_t count, int64_t term_ms, int64_t seconds)
{
	struct lease_client *clients = xcalloc(count, sizeof(*clients));
	struct times unused = { 0 }, times = { 0 };
	int64_t began = clock_now_ms(), created, released;
	long held = 0, lost = 0;
	struct link link;
	size_t listed;
	double list_ms;

	open_link(&link, engine);
	for (size_t i = 0; i < count; i++) {
		char app[32];

		(void)snprintf(app, sizeof(app), "bench-%06zu", i);
		init_client(&clients[i], app, (int)(i / LEASES_PER_HOST), (int)i, term_ms);
	}
	for (size_t i = 0; i < count; i += 64)
		play(&link, clients + i, count - i < 64 ? count - i : 64, true, 0, &unused);
	created = clock_now_ms();
	/* They don't all begin at one moment, as a job's begin doesn't. */
	for (size_t i = 0; i < count; i++) {
		held += clients[i].status == LEASE_STATUS_HELD;
		clients[i].not_before =
			clock_boot_ms() + (int64_t)i * lease_renew_after(term_ms) / (int64_t)count;
	}
	list_ms = list_all(&link, &listed);
	play(&link, clients, count, false, clock_now_ms() + seconds * 1000, &times);
	for (size_t i = 0; i < count; i++) {
		lost += clients[i].status != LEASE_STATUS_HELD;
		times.late += !lease_client_is_valid(&clients[i]);
	}
	released = clock_now_ms();
	for (size_t i = 0; i < count; i++)
		lease_client_release(&clients[i]);
	play(&link, clients, count, true, 0, &unused);
	(void)printf("%ld %.3f %ld %ld %ld %.2f %.2f %zu:%.0f %.3f\n", held,
		     (double)(created - began) / 1e3, times.writes, times.late, lost,
		     times.look_ms / (double)(times.looks + !times.looks),
		     times.write_ms / (double)(times.writes + !times.writes), listed, list_ms,
		     (double)(clock_now_ms() - released) / 1e3);
	engine_disconnect(&link.connection);
	return held == (long)count && !lost ? 0 : 1;
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
