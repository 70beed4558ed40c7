#!/bin/sh
# Verifies the models with spin: the protocol as implemented must hold, and each broken variant must
# violate the very property that is named. Prints a table; ends with 1 when a row is not as it should be.
#
#	check.sh [PATTERN]	only the rows whose line matches the extended regular expression
#	check.sh --large	the rows that take minutes and gigabytes instead
set -eu

here=$(cd "$(dirname "$0")" && pwd)
MEMORY_MB=${MEMORY_MB:-1500}

# MODEL : SWITCHES : what must be violated, or "holds" : what it shows. LTL=NAME: that formula,
# under weak fairness.
rows='
lock	:					: holds		: as implemented, 2 acquirers, 2 janitors
lock	: REPEATING_NUMBERS JANITORS=1		: holds		: all inodes have the same number
lock	: EXTERNAL_UNLINK JANITORS=1		: holds		: somebody else unlinks: what is still claimed
lock	: LIVENESS LTL=waiting_run_is_served	: holds		: a waiting run is not starved by janitors
lock	: LIVENESS LTL=all_is_clean_in_the_end	: holds		: no livelock; what is dead goes
lock	: NO_IDENTITY_ACQUIRER NO_IDENTITY_JANITOR ONLY_TWO_HOLDERS : never_two_holders : no identity check
lock	: NO_IDENTITY_ACQUIRER NO_IDENTITY_JANITOR ONLY_UNLINK : only_the_own_file_unlinked : no identity check
lock	: NO_IDENTITY_JANITOR ONLY_REMOVAL	: no_removal_under_a_holder : identity checked on the acquirer'\''s side only
lock	: NO_IDENTITY_JANITOR ONLY_UNLINK	: only_the_own_file_unlinked : identity checked on the acquirer'\''s side only
lock	: NO_IDENTITY_ACQUIRER ONLY_TWO_HOLDERS	: never_two_holders : identity checked on the janitor'\''s side only
lock	: NO_IDENTITY_ACQUIRER ONLY_LEAK	: no_object_without_lockfile : identity checked on the janitor'\''s side only
lock	: CHECK_BEFORE_FLOCK ONLY_TWO_HOLDERS	: never_two_holders : identity checked before flock
lock	: CHECK_BEFORE_FLOCK ONLY_REMOVAL	: no_removal_under_a_holder : identity checked before flock
lock	: UNLINK_AFTER_CLOSE ONLY_UNLINK	: only_the_own_file_unlinked : unlink after close
lock	: UNLINK_AFTER_STAT ONLY_UNLINK		: only_the_own_file_unlinked : unlink after close and a new stat
lock	: RECORD_BY_RENAME ONLY_TWO_HOLDERS	: never_two_holders : record rewritten by rename
lock	: RECORD_BY_RENAME ONLY_REMOVAL		: no_removal_under_a_holder : record rewritten by rename
lock	: SHARED_PROBE ONLY_TWO_HOLDERS		: never_two_holders : LOCK_SH upgraded to LOCK_EX
lock	: SHARED_PROBE ONLY_REMOVAL		: no_removal_under_a_holder : LOCK_SH upgraded to LOCK_EX
lock	: NO_CLEANUP ONLY_CLEAN_START		: clean_start	: the successor does not clean up
lock	: NO_FENCE ONLY_LEAK			: no_object_without_lockfile : no fence before the listing
lock	: RECORD_FIRST ONLY_LEAK		: no_object_without_lockfile : own record written before the fence
lock	: CREATOR_IS_FIRST JANITORS=1 ONLY_CLEAN_START : clean_start	: born by O_EXCL taken as born locked
lock	: NO_LINK_COUNT REPEATING_NUMBERS ONLY_UNLINK : only_the_own_file_unlinked : no link count, numbers repeat
lock	: EXTERNAL_UNLINK JANITORS=1 NO_DELETED_CHECK ONLY_TWO_HOLDERS : never_two_holders : deleted lockfiles not looked for
lock	: EXTERNAL_UNLINK JANITORS=1 DELETED_CHECK_OF_CREATOR ONLY_REMOVAL : no_removal_under_a_holder : looked for by creators only
lease	:					: holds		: as implemented, two hosts, one dies
lease	: OLD=1 DEATHS=0 LOST=0			: holds		: as implemented, an old answer shows no lease
lease	: NO_MARGIN ONLY_ONE			: one_at_a_time	: killed when the term is over: clocks that don'\''t run alike
lease	: WALL_CLOCKS ONLY_ONE			: one_at_a_time	: a time of expiry, by wall clocks
lease	: TAKE_AT_ONCE ONLY_ONE			: one_at_a_time	: taken without having watched
lease	: WORK_BEFORE_TAKEOVER ONLY_ONE		: one_at_a_time	: reaped before it was taken over
lease	: BLIND_UPDATE ONLY_ONE			: one_at_a_time	: an update that names no version
lease	: AGE_FROM_ANSWER ONLY_ONE		: one_at_a_time	: counted from the answer to a renewal, not from its sending
lease	: REMOVE_WITHOUT_RELEASE ONLY_REMOVED	: only_released_removed : removed by id without having been released
lease	: PAUSED ONLY_ONE			: one_at_a_time	: not defended: a machine that is paused and goes on
nodes	: DEATHS=1 LOST=0 FAILURES=0		: holds		: as implemented, somebody is killed
nodes	: DEATHS=0 LOST=1 FAILURES=1		: holds		: as implemented, a lost answer, the node loses its power
nodes	: DEATHS=0 LOST=1 FAILURES=1 BY_ID NO_WAIT NO_REUSE ONLY_LIVE_RUN : holds : identity alone protects what is removed by its id
nodes	: DEATHS=0 LOST=1 FAILURES=1 BY_ID NO_WAIT NO_REUSE ORDER_BY_NAME ONLY_LIVE_RUN : no_removal_from_a_live_run : ordered by name
nodes	: DEATHS=0 LOST=1 FAILURES=1 NO_WAIT NO_REUSE ONLY_LIVE_RUN : no_removal_from_a_live_run : listed tasks not waited for: a volume made since
nodes	: DEATHS=0 LOST=1 FAILURES=1 BY_ID NO_WAIT ONLY_LIVE_RUN : no_removal_from_a_live_run : listed tasks not waited for: an old volume used again
nodes	: DEATHS=0 LOST=1 FAILURES=1 OLD_REPORT ONLY_FORGOTTEN : nothing_forgotten : an earlier round'\''s report trusted
nodes	: DEATHS=0 LOST=0 FAILURES=0 SILENT_IS_CLEAN ONLY_FORGOTTEN : nothing_forgotten : a node that says nothing has nothing
nodes	: DEATHS=0 LOST=0 FAILURES=0 RELEASE_EARLY ONLY_LIVE_RUN : no_removal_from_a_live_run : the lock released before the round ends
nodes	: DEATHS=0 LOST=1 FAILURES=1 NO_SETTLE_AFTER_NO_ANSWER ONLY_LIVE_RUN : no_removal_from_a_live_run : no settling after a lost answer
engine	: KINDS=1 DEATHS=1			: holds		: as implemented, services
engine	: KINDS=2 DEATHS=1			: holds		: as implemented, volumes
engine	: KINDS=2 DEATHS=2 LOST_ANSWERS=0	: holds		: as implemented, volumes, two killed
engine	: KINDS=1 DEATHS=2 LOST_ANSWERS=0 NO_SETTLE ONLY_LIVE_RUN : holds : no settling: ids alone protect what has one
engine	: KINDS=1 DEATHS=1 NO_SETTLE REMOVE_BY_NAME ONLY_LIVE_RUN : no_removal_from_a_live_run : services by name
engine	: KINDS=2 DEATHS=1 NO_SETTLE ONLY_LIVE_RUN : no_removal_from_a_live_run : no settling: volumes
engine	: KINDS=2 DEATHS=2 LOST_ANSWERS=0 NO_PHASE NO_SETTLE_AFTER_KILL ONLY_LIVE_RUN : no_removal_from_a_live_run : phase not written before removing
engine	: KINDS=2 DEATHS=1 LOST_ANSWERS=0 NO_SETTLE_AFTER_KILL ONLY_LEAK : no_object_without_lockfile : no settling after a killed run
engine	: KINDS=2 DEATHS=1 LOST_ANSWERS=0 NO_SETTLE_AFTER_KILL ONLY_OF_THE_DEAD : nothing_of_the_dead_in_a_live_run : no settling after a killed run
engine	: KINDS=2 DEATHS=1 NO_SETTLE_AFTER_NO_ANSWER ONLY_LIVE_RUN : no_removal_from_a_live_run : no settling after a lost answer
engine	: KINDS=2 DEATHS=0 FORGET_WHAT_WAS_BEGUN ONLY_LIVE_RUN : no_removal_from_a_live_run : a failed fresh start forgets its lockfile
engine	: KINDS=2 DEATHS=1 NO_LABEL_CHECK ONLY_STRANGER : no_removal_from_a_stranger : volumes by name, no label check
engine	: KINDS=2 DEATHS=1 LATE_BEYOND_SETTLING ONLY_LIVE_RUN : no_removal_from_a_live_run : later than the settling assumes: volumes
engine	: KINDS=1 DEATHS=2 LOST_ANSWERS=0 LATE_BEYOND_SETTLING ONLY_LIVE_RUN : holds : later than the settling assumes: ids
'
large='
lock	: REPEATING_NUMBERS			: holds		: all inodes have the same number, 2 janitors
lock	: EXTERNAL_UNLINK=2 JANITORS=1		: holds		: somebody else unlinks twice, 1 janitor
lock	: ROUNDS=2 JANITORS=1			: holds		: 2 acquirers of two runs each, 1 janitor
lock	: ACQUIRERS=3				: holds		: as implemented, 3 acquirers, 2 janitors
lock	: ROUNDS=2				: holds		: as implemented, 2 acquirers of two runs each, 2 janitors
lock	: EXTERNAL_UNLINK=2			: holds		: somebody else unlinks twice, 2 janitors
engine	: KINDS=2 DEATHS=2			: holds		: as implemented, volumes, two killed, a lost answer
engine	: DEATHS=1				: holds		: as implemented, services and volumes
nodes	: DEATHS=1 LOST=0 FAILURES=0 NO_SETTLE ONLY_LIVE_RUN : no_removal_from_a_live_run : no settling after a killed janitor
nodes	: JOBS=2				: holds		: as implemented, all of it
nodes	: JOBS=3 LOST=0 FAILURES=0		: holds		: as implemented, three jobs at a time
'

trim() {
	echo "$1" | tr -s ' \t' ' ' | sed 's/^ //; s/ $//'
}

# Does pan's report say what it must? Prints the verdict; an incomplete search holds nothing.
judge() { # REPORT
	if grep -q '^pan:[0-9]*: ' "$1"; then
		sed -n 's/^pan:[0-9]*: \(assertion violated \)\{0,1\}\([^(]*[^( ]\) *(at depth.*/\2/p' "$1" | head -n 1
	elif grep -q 'errors: 0' "$1" && ! grep -q 'not completed\|max search depth\|error:' "$1"; then
		echo holds
	else
		echo "no result: $(tail -n 1 "$1")"
	fi
}

verify() { # FOLDER ROW
	folder=$1
	model=$(trim "$(echo "$2" | cut -d: -f1)")
	switches=$(trim "$(echo "$2" | cut -d: -f2)")
	expected=$(trim "$(echo "$2" | cut -d: -f3)")
	shows=$(trim "$(echo "$2" | cut -d: -f4-)")
	defines='' search='-DSAFETY' flags='' optimise=-O0
	[ "$expected" != holds ] || optimise=-O2
	for switch in $switches; do
		case $switch in
		LTL=*)
			search='-DNFAIR=3'
			flags="-a -f -N ${switch#LTL=}"
			;;
		*) defines="$defines -D$switch" ;;
		esac
	done
	cd "$folder"
	# shellcheck disable=SC2086 # lists of words
	{
		spin $defines -a "$here/$model.pml" >spin.log 2>&1 &&
			"${CC:-cc}" $optimise -w $search -DCOLLAPSE -DMEMLIM="$MEMORY_MB" -o pan pan.c >>spin.log 2>&1
	} || {
		cat spin.log >&2
		echo "FAILED	spin	$shows"
		return
	}
	# shellcheck disable=SC2086
	./pan -m300000 -w22 $flags >report 2>&1 || :
	got=$(judge report)
	states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' report)
	seconds=$(sed -n 's/.*elapsed time \([0-9.e+-]*\) seconds.*/\1/p' report)
	verdict=ok
	[ "$got" = "$expected" ] || verdict=FAILED
	printf '%-6s  %10s  %6s s  %-6s  %-33s  %s\n' "$verdict" "$states" "$seconds" "$model" "$got" "$shows"
	[ "$verdict" = ok ] || {
		echo "        expected: $expected; switches: $switches"
		tail -n 30 report >&2
	}
}

if [ "${1:-}" = --verify ]; then
	verify "$2" "$3"
	exit
fi
if [ "${1:-}" = --large ]; then
	rows=$large MEMORY_MB=${MEMORY_MB_LARGE:-12000}
	export MEMORY_MB
	shift
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT PIPE TERM
printf '%s\n' "$rows" | grep '^[a-z]' | grep -E -- "${1:-.}" >"$folder/rows"
printf '%-6s  %10s  %8s  %-6s  %-33s  %s\n' '' states time model violated 'what it shows'
number=0
while read -r row; do
	number=$((number + 1))
	mkdir "$folder/$number"
	printf '%s\0%s\0' "$folder/$number" "$row"
done <"$folder/rows" | xargs -0 -n 2 -P 2 "$0" --verify | tee "$folder/table"
count=$(wc -l <"$folder/rows")
if [ "$count" -eq 0 ] || [ "$(grep -c '^ok ' "$folder/table")" -ne "$count" ]; then
	echo "check-model: not all of $count rows are as they should be" >&2
	exit 1
fi
echo "check-model: $count rows, all as they should be"
