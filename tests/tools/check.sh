#!/bin/bash
# check.sh FOLDER LAYER...: `make check-LAYER` of each, two at a time, since they wait more than they
# work. Each one's output comes whole, in the given order; at the end a table of how they went and
# how long they took, which is FOLDER/times, too. Status 1: one has failed, and all were run.
# What hangs is ended: a test by itself, with its name (tests/harness/harness.h), a layer from here.
set -u

LAYER_LIMIT=5400
export TEST_LIMIT="${TEST_LIMIT:-600}"

folder=$1
shift
layers=("$@")
printed=0
mkdir -p "$folder"
rm -f "$folder"/*.log "$folder"/*.end

play() { # LAYER
	local began=$SECONDS status=0
	timeout -k 60 "$LAYER_LIMIT" "${MAKE:-make}" --no-print-directory "check-$1" \
		>"$folder/$1.log" 2>&1 </dev/null || status=$?
	[ "$status" != 124 ] || echo "check-$1: not done after $LAYER_LIMIT s" >>"$folder/$1.log"
	echo "$status $((SECONDS - began))" >"$folder/$1.new"
	mv "$folder/$1.new" "$folder/$1.end"
}

print_finished() {
	while [ "$printed" -lt ${#layers[@]} ] && [ -e "$folder/${layers[printed]}.end" ]; do
		printf '\n==== check-%s\n' "${layers[printed]}"
		cat "$folder/${layers[printed]}.log"
		printed=$((printed + 1))
	done
}

print_times() {
	local status seconds word

	for layer in "${layers[@]}"; do
		status=none seconds=0 word=ok
		read -r status seconds <"$folder/$layer.end"
		[ "$status" = 0 ] || word="FAILED ($status)"
		printf 'check-%-10s %5d s  %s\n' "$layer" "$seconds" "$word"
	done
	printf 'all, two at a time %3d s\n' "$SECONDS"
}

stop() {
	# A make passes the signal on to what it runs.
	# shellcheck disable=SC2046 # numbers
	pkill -TERM -P "$(jobs -p | paste -sd,)" 2>/dev/null
	wait
	exit 1
}
trap stop HUP INT PIPE TERM

for layer in "${layers[@]}"; do
	while [ "$(jobs -pr | wc -l)" -ge 2 ]; do
		wait -n
	done
	print_finished
	play "$layer" &
done
while [ "$printed" -lt ${#layers[@]} ] && wait -n; do
	print_finished
done
wait
print_finished
printf '\n'
print_times | tee "$folder/times"
! grep -q FAILED "$folder/times"
