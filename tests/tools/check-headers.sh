#!/bin/sh
# Each header of include/ compiles alone, so that the order of include lines never matters.
#
#	check-headers.sh [TREE]		CC, PKG_CONFIG and CFLAGS are honoured
set -eu

cd "${1:-$(dirname "$0")/../..}"
libraries=$("${PKG_CONFIG:-pkg-config}" --cflags libcap-ng inih libmd libcurl jansson)
failed=0
seen=0
for header in include/*/*.h; do
	[ -f "$header" ] || continue
	seen=$((seen + 1))
	name=${header#include/}
	# Twice: the second time its guard must hold.
	# shellcheck disable=SC2086 # lists of options
	printf '#include "%s"\n#include "%s"\n' "$name" "$name" |
		"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -fsyntax-only \
			-Iinclude $libraries ${CFLAGS:-} -x c - || {
		echo "$header does not compile alone"
		failed=1
	}
done
[ "$seen" -gt 0 ] || failed=1
exit "$failed"
