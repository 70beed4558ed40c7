#include "oracle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/command.h"

#define TOLD_MAX 20

struct oracle *oracle_new(void)
{
	void *memory = mmap(NULL, sizeof(struct oracle), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory != MAP_FAILED)
		return memory;
	perror("torture: mmap");
	exit(EXIT_FAILURE);
}

static bool take_slot(struct oracle *oracle, struct slot *slot, unsigned token)
{
	unsigned before = slot->token;

	if (before == JOINING || (before && !oracle->doomed[before]) ||
	    !atomic_compare_exchange_strong(&slot->token, &before, JOINING))
		return false;
	slot->pid = getpid();
	slot->token = token;
	return true;
}

unsigned oracle_join(struct oracle *oracle, int slot)
{
	unsigned token = ++oracle->last_token;

	if (token >= TOKENS_MAX) {
		fprintf(stderr, "torture: too many processes for the table\n");
		_exit(EXIT_FAILURE);
	}
	oracle->pids[token] = getpid();
	if (slot >= 0)
		(void)take_slot(oracle, &oracle->slots[slot], token);
	for (int i = ACTORS; slot < 0 && i < SLOTS; i++)
		if (take_slot(oracle, &oracle->slots[i], token))
			break;
	return token;
}

void oracle_part(struct oracle *oracle, unsigned token)
{
	for (int i = 0; i < SLOTS; i++) {
		unsigned expected = token;

		if (atomic_compare_exchange_strong(&oracle->slots[i].token, &expected, 0))
			return;
	}
}

const char *violation_name(enum violation kind)
{
	static const char *const names[VIOLATION_KINDS] = {
		[VIOLATION_TWO_HOLDERS] = "two holders",
		[VIOLATION_REMOVED] = "an object removed under a live holder",
		[VIOLATION_UNLINKED] = "a held lockfile unlinked",
		[VIOLATION_LEAK] = "a leak",
		[VIOLATION_LOOK] = "a false look",
		[VIOLATION_FAILED] = "a failure",
	};

	return names[kind];
}

void oracle_print_violations(const struct oracle *oracle, int64_t began_ms)
{
	if (oracle_violations(oracle))
		printf(", the first after %.2f s",
		       (double)(oracle->first_violation_ms - began_ms) / 1000);
	for (int i = 0; i < VIOLATION_KINDS; i++)
		if (oracle->violations[i])
			printf("; %s: %d", violation_name((enum violation)i),
			       oracle->violations[i]);
	printf("\n");
}

void oracle_blame(struct oracle *oracle, enum violation kind, const char *format, ...)
{
	int64_t never = 0;
	va_list arguments;
	char text[512];

	(void)atomic_compare_exchange_strong(&oracle->first_violation_ms, &never, now_ms());
	if (oracle_violations(oracle) < TOLD_MAX) {
		va_start(arguments, format);
		vsnprintf(text, sizeof(text), format, arguments);
		va_end(arguments);
		dprintf(STDERR_FILENO, "violation: %s: %s\n", violation_name(kind), text);
	}
	oracle->violations[kind]++;
}

int oracle_violations(const struct oracle *oracle)
{
	int count = 0;

	for (int i = 0; i < VIOLATION_KINDS; i++)
		count += oracle->violations[i];
	return count;
}

unsigned mark_token(uint64_t mark)
{
	return (unsigned)mark;
}

bool oracle_is_doomed(const struct oracle *oracle, uint64_t mark)
{
	return oracle->doomed[mark_token(mark)];
}

static uint64_t new_mark(struct oracle *oracle, unsigned token)
{
	return (uint64_t)(++oracle->last_serial) << 32 | token;
}

uint64_t oracle_enter(struct oracle *oracle, unsigned token, int app)
{
	uint64_t mark = new_mark(oracle, token);
	uint64_t before = atomic_exchange(&oracle->apps[app].mark, mark);

	if (before && !oracle_is_doomed(oracle, before))
		oracle_blame(oracle, VIOLATION_TWO_HOLDERS,
			     "process %d got app %d, which process %d holds", (int)getpid(), app,
			     (int)oracle->pids[mark_token(before)]);
	return mark;
}

uint64_t oracle_hand_over(struct oracle *oracle, uint64_t from, unsigned token, int app)
{
	uint64_t mark = new_mark(oracle, token), expected = from;

	if (!atomic_compare_exchange_strong(&oracle->apps[app].mark, &expected, mark))
		oracle_blame(oracle, VIOLATION_TWO_HOLDERS,
			     "app %d, which process %d hands to %d, is held by %d", app,
			     (int)oracle->pids[mark_token(from)], (int)getpid(),
			     (int)oracle->pids[mark_token(expected)]);
	return mark;
}

void oracle_leave(struct oracle *oracle, uint64_t mark, int app, int fd)
{
	uint64_t expected = mark;
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_NLINK, &status) < 0 || status.stx_nlink == 0)
		oracle_blame(oracle, VIOLATION_UNLINKED, "app %d's, under process %d", app,
			     (int)getpid());
	if (!atomic_compare_exchange_strong(&oracle->apps[app].mark, &expected, 0))
		oracle_blame(oracle, VIOLATION_TWO_HOLDERS,
			     "process %d leaves app %d, which process %d holds", (int)getpid(), app,
			     (int)oracle->pids[mark_token(expected)]);
}

void oracle_create_object(struct oracle *oracle, unsigned token, int app, int object)
{
	unsigned before = atomic_exchange(&oracle->apps[app].objects[object], token);

	if (before)
		oracle_blame(oracle, VIOLATION_LEAK,
			     "object %d of app %d, of process %d, is there at a clean start",
			     object, app, (int)oracle->pids[before]);
}

bool oracle_remove_object(struct oracle *oracle, uint64_t mark, int app, int object, unsigned own)
{
	unsigned token = atomic_exchange(&oracle->apps[app].objects[object], 0);

	if (oracle->apps[app].mark != mark)
		oracle_blame(oracle, VIOLATION_REMOVED,
			     "process %d removes object %d of app %d, which it doesn't hold",
			     (int)getpid(), object, app);
	if (own && token != own)
		oracle_blame(oracle, VIOLATION_REMOVED,
			     "object %d of app %d is gone, and process %d holds", object, app,
			     (int)getpid());
	return token != 0;
}

bool oracle_has_objects(const struct oracle *oracle, int app)
{
	for (int i = 0; i < OBJECTS; i++)
		if (oracle->apps[app].objects[i])
			return true;
	return false;
}
