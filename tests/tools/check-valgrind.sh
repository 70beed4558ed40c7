#!/bin/sh
# The supervisor of a run under valgrind: no use of what isn't set or has been freed, nothing lost.
# Its children run without: a command borrows its memory until the exec. valgrind as of 3.19 knows
# no pidfd_open: the way around that is what runs here.
set -eu

program=$(realpath "$1")
folder=$(mktemp -d)
failed=0
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT PIPE TERM

watch() { # WANTED-STATUS ARGUMENT...; 99 is valgrind's for errors
	wanted=$1
	shift
	status=0
	valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,possible \
		--child-silent-after-fork=yes --log-file="$folder/log" \
		"$program" --lock-dir "$folder" "$@" >"$folder/out" 2>&1 || status=$?
	if [ "$status" = "$wanted" ]; then
		echo "ok: $*"
	else
		echo "FAILED: $*: status $status, not $wanted"
		cat "$folder/out" "$folder/log"
		failed=1
	fi
}

is_held() { # APP
	[ "$("$program" --lock-dir "$folder" status "$1" | cut -d' ' -f1)" = held ]
}

left="--no-fresh --no-teardown"
# shellcheck disable=SC2086,SC2016 # options; the inner shell's variable
{
	watch 0 run $left one -- true
	watch 7 run $left two -- sh -c 'exit 7'
	watch 127 run $left three -- "$folder/no-such-command"
	watch 142 run $left --deadline 200ms --kill-grace 100ms four -- sleep 60
	watch 143 run $left five -- sh -c 'kill -TERM $PPID; sleep 60'
	watch 0 run $left six -- sh -c 'setsid sleep 60 & exit 0'

	"$program" --lock-dir "$folder" run $left held -- sleep 600 &
	holder=$!
	tries=0
	until is_held held || [ "$tries" -ge 200 ]; do
		tries=$((tries + 1))
		sleep 0.05
	done
	watch 75 run $left --if-held fail held -- true
	watch 75 run $left --wait 300ms held -- true
	kill "$holder"
	wait "$holder" || :
}
watch 2 status held
watch 0 list
exit "$failed"
