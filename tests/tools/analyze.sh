#!/bin/sh
# Static analysis: analyze.sh [gcc] [tidy] [cppcheck] [shell] [python]; none given: all. Anything
# that one of them says is a failure; what is not to be mended is suppressed in its place, with the
# reason. CC, PKG_CONFIG and CPPFLAGS are honoured.
set -eu

cd "$(dirname "$0")/../.."
libraries=$("${PKG_CONFIG:-pkg-config}" --cflags libcap-ng inih libmd libcurl jansson)
flags="-std=gnu11 -D_GNU_SOURCE -DCI_JANITOR_VERSION=__FILE__ -DWHOLE_PROGRAM=__FILE__ -Iinclude $libraries ${CPPFLAGS:-}"
flags="$flags -include base/banned.h"
seen="-include tests/tools/analyzed.h"
sources=$(find src -name '*.c' ! -path src/base/error.c | sort)

# -fanalyzer, as of gcc 12, takes variables of the cleanup attribute for uninitialised where a
# function is left early.
analyze_gcc() {
	report=$(mktemp)
	for file in src/base/error.c $sources; do
		extra=$seen
		[ "$file" != src/base/error.c ] || extra=
		# shellcheck disable=SC2086 # lists of options
		"${CC:-gcc}" $flags $extra -O2 -Wall -Wextra -fanalyzer \
			-Wno-analyzer-use-of-uninitialized-value -Wno-unused-value -c -o /dev/null "$file" \
			2>>"$report" || echo "$file does not compile" >>"$report"
	done
	status=0
	[ ! -s "$report" ] || status=1
	cat "$report"
	rm -f "$report"
	return "$status"
}

analyze_tidy() {
	# shellcheck disable=SC2086 # lists of files and options
	clang-tidy --quiet $sources -- $flags $seen -Wno-unused-value &&
		clang-tidy --quiet src/base/error.c -- $flags
}

# As of 2.10, what it follows from file to file (ctu...) knows no returns and no outputs, and it
# doesn't know that EXPECT of tests/kernel ends the process. The tests' #error lines are for
# architectures that nobody has named yet.
analyze_cppcheck() {
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance,portability \
		--inline-suppr --suppress=missingIncludeSystem --suppress=preprocessorErrorDirective \
		--suppress=ctunullpointer --suppress=ctuuninitvar \
		--suppress=nullPointerRedundantCheck:tests/kernel/group_support.c \
		--suppress=nullPointerArithmeticRedundantCheck:tests/kernel/group_support.c \
		--std=c11 -D_GNU_SOURCE -D__x86_64__ -Iinclude -Itests src tests
}

analyze_shell() {
	find .ci packaging tests \( -name '*.sh' -o -name '*.bash' -o -name run \) -perm -u+x \
		-exec shellcheck -x {} + && shellcheck packaging/completions/*.bash
}

analyze_python() {
	# shellcheck disable=SC2046 # names without blanks
	pyflakes3 $(find packaging tests -name '*.py')
}

[ $# -gt 0 ] || set -- gcc tidy cppcheck shell python
failed=
for tool in "$@"; do
	case $tool in
	gcc | tidy | cppcheck | shell | python) "analyze_$tool" || failed="$failed $tool" ;;
	*)
		echo "analyze.sh: no such tool: $tool" >&2
		exit 64
		;;
	esac
done
[ -z "$failed" ] || {
	echo "analyze.sh: findings of:$failed" >&2
	exit 1
}
