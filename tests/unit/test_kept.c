/* For how long a record keeps its app: no clock and no hostile record stretches it. */
#include "harness/harness.h"
#include "model/lock_view.h"
#include "model/record.h"

#define NOW INT64_C(1800000000)
#define MAX 3600

static void rows(void)
{
	static const struct {
		int64_t until, boot_until, wall, boot, written;
		bool same_boot;
		int64_t left;
	} rows[] = {
		/* As written, and as time goes on. */
		{ NOW + 600, 1600, NOW, 1000, NOW, true, 600 },
		{ NOW + 600, 1600, NOW + 599, 1599, NOW, true, 1 },
		{ NOW + 600, 1600, NOW + 600, 1600, NOW, true, 0 },
		/* The wall clock jumps either way: within this boot that means nothing. */
		{ NOW + 600, 1600, NOW + 999999, 1100, NOW, true, 500 },
		{ NOW + 600, 1600, NOW - 999999, 1100, NOW, true, 500 },
		{ NOW + 600, 1600, NOW - 999999, 1600, NOW, true, 0 },
		/* After a boot there is only the wall clock. */
		{ NOW + 600, 1600, NOW + 100, 10, NOW, false, 500 },
		{ NOW + 600, 1600, NOW + 700, 10, NOW, false, 0 },
		/* It went back: at most max, and none where the file is of the future. */
		{ NOW + 600, 1600, NOW - 3000, 10, NOW, false, 3600 },
		{ NOW + 600, 1600, NOW - 3001, 10, NOW, false, 0 },
		{ NOW + 600, 1600, NOW - 99999, 10, NOW, false, 0 },
		/* More was promised than may be: max from the writing. */
		{ NOW + 99999, 0, NOW + 100, 10, NOW, true, 3500 },
		{ NOW + 99999, 0, NOW + 3600, 10, NOW, true, 0 },
		{ NOW + 600, 99999, NOW + 100, 10, NOW, true, 3500 },
		{ INT64_C(253402300799), 0, NOW, 10, NOW - 9999, false, 0 },
		{ INT64_C(253402300799), 0, NOW, 10, INT64_C(253402300799), false, 0 },
		{ 0, 1600, NOW, 1000, NOW, true, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct record record = { .known = true,
					 .keep_until = rows[i].until,
					 .keep_boot = rows[i].boot_until };
		struct record_clocks now = { .wall = rows[i].wall,
					     .boot = rows[i].boot,
					     .same_boot = rows[i].same_boot,
					     .written = rows[i].written };

		CHECK_NUMBER(record_kept_for(&record, &now, MAX), rows[i].left);
		record.known = false;
		CHECK_NUMBER(record_kept_for(&record, &now, MAX), 0);
	}
}

static void views(void)
{
	struct lock_view view = { .state = LOCK_VIEW_HELD,
				  .record = { .known = true, .keep_until = NOW + 600 },
				  .clocks = { .wall = NOW, .written = NOW } };

	lock_view_judge_kept(&view, MAX);
	CHECK_NUMBER(view.state, LOCK_VIEW_HELD);
	view.state = LOCK_VIEW_DEAD;
	lock_view_judge_kept(&view, 0);
	CHECK_NUMBER(view.state, LOCK_VIEW_DEAD);
	lock_view_judge_kept(&view, MAX);
	CHECK_NUMBER(view.state, LOCK_VIEW_KEPT);
	CHECK_NUMBER(view.kept_until, NOW + 600);
}

static struct test tests[] = {
	{ "clocks and promises", rows },
	{ "only a dead lock is kept", views },
	{ NULL, NULL },
};
TEST_SUITE(kept, tests);
