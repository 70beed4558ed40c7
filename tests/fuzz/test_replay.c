/* Plays the corpora, tests/fuzz/corpus/TARGET/, to the targets: what a fuzzer once reached. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/memory.h"
#include "fuzz/fuzz.h"
#include "harness/harness.h"

#define INPUT_MAX ((size_t)1 << 17)
#define FEWEST_INPUTS 5

static char current[512]; /* what a crash is to name */

static void name_input(void)
{
	(void)!write(STDERR_FILENO, "\ninput: ", 8);
	(void)!write(STDERR_FILENO, current, strlen(current));
	(void)!write(STDERR_FILENO, "\n", 1);
}

static void name_input_and_die(int number)
{
	name_input();
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

/* Of the sanitizers' run-time library, where that is linked. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static int set_up(void)
{
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(name_input);
	else
		(void)signal(SIGSEGV, name_input_and_die);
	(void)signal(SIGABRT, name_input_and_die);
	return 0;
}

static int tear_down(void)
{
	(void)signal(SIGSEGV, SIG_DFL);
	(void)signal(SIGABRT, SIG_DFL);
	return 0;
}

/* From memory of just its size: a look past its end is to be seen. */
static void play(fuzz_function function, int dir_fd, const char *name)
{
	CLEANUP_FREE char *room = xcalloc(1, INPUT_MAX);
	CLEANUP_FREE uint8_t *input = NULL;
	ssize_t size = file_read_at(dir_fd, name, room, INPUT_MAX);

	CU_ASSERT_FATAL(size >= 0 && (size_t)size < INPUT_MAX - 1);
	input = xcalloc((size_t)size + !size, 1);
	memcpy(input, room, (size_t)size);
	function(input, (size_t)size);
}

static void play_corpus(const char *target, fuzz_function function)
{
	CLEANUP_FREE char *path = xasprintf(SOURCE_DIR "/tests/fuzz/corpus/%s", target);
	DIR *corpus = opendir(path);
	struct dirent *entry;
	int count = 0;

	CU_ASSERT_PTR_NOT_NULL_FATAL(corpus);
	while ((entry = readdir(corpus))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(current, sizeof(current), "%s/%s", path, entry->d_name);
		play(function, dirfd(corpus), entry->d_name);
		count++;
	}
	(void)closedir(corpus);
	CU_ASSERT(count >= FEWEST_INPUTS);
	printf("%s %d ", target, count);
}

static void test_corpora(void)
{
	const char *target;

	for (size_t i = 0; (target = fuzz_target_name(i)); i++)
		play_corpus(target, fuzz_target_function(i));
	CU_ASSERT(fuzz_target_name(0) != NULL);
}

static const struct test tests[] = {
	{ "corpora replayed", test_corpora },
	{ NULL, NULL },
};
TEST_SUITE_WITH(fuzz_corpora, tests, set_up, tear_down)
