#!/bin/sh
# fuzz.sh fuzz|fuzz-minimise BUILD SECONDS TARGET...: runs the fuzzers in BUILD one after the other,
# with what they find in BUILD/corpus/TARGET; or takes what of that covers more into the corpus
# that is committed, as few and as small inputs as do. An input that fails is BUILD/TARGET-crash-*.
set -eu

mode=$1 build=$2 seconds=$3
shift 3
here=$(dirname "$0")
# libFuzzer leaves by _exit: what the targets keep in files is removed here. In memory it is quicker.
TMPDIR=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
trap 'exit 1' HUP INT PIPE TERM

fuzz() { # TARGET
	dictionary=$here/dictionaries/$1.dict
	mkdir -p "$build/corpus/$1"
	set -- "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 \
		-print_final_stats=1 -artifact_prefix="$build/$1-"
	[ ! -e "$dictionary" ] || set -- "$@" -dict="$dictionary"
	target=$1
	shift
	"$build/fuzz-$target" "$@" "$build/corpus/$target" "$here/corpus/$target"
}

# Readable seeds stay as they are; an input that a fuzzer made is named by its hash.
minimise() { # TARGET
	new=$(mktemp -d)
	find "$here/corpus/$1" -type f -name 'seed-*' -exec cp {} "$new" \;
	"$build/fuzz-$1" -set_cover_merge=1 -use_counters=0 -max_len=512 "$new" "$here/corpus/$1" "$build/corpus/$1"
	find "$here/corpus/$1" -type f ! -name 'seed-*' -delete
	find "$new" -type f ! -name 'seed-*' -exec cp {} "$here/corpus/$1" \;
	rm -rf "$new"
}

for target in "$@"; do
	case $mode in
	fuzz) fuzz "$target" ;;
	fuzz-minimise) minimise "$target" ;;
	*) exit 64 ;;
	esac
done
