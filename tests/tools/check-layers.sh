#!/bin/sh
# Compares the include lines of src/ and include/ with the table of rooms in src/README.md.
#
#	check-layers.sh [TREE]		the check; TREE is the source tree (default: this one)
#	check-layers.sh self-test	plants forbidden includes in a copy, and wants each one caught
set -eu

ROOT=$(cd "$(dirname "$0")/../.." && pwd)

# The headers of each library in the table. A library that isn't listed here can't be allowed.
HEADERS='cap-ng.h libcap-ng
ini.h inih
sha2.h libmd
sha256.h libmd
md5.h libmd
curl/ libcurl
jansson.h jansson
CUnit/ none'

check() { # TREE
	cd "$1"
	find src include -name '*.[ch]' -exec grep -Hn '^[[:space:]]*#[[:space:]]*include' {} + |
		awk -v headers="$HEADERS" '
	function trim(text) { gsub(/^[[:space:]]+|[[:space:]]+$/, "", text); return text }

	function complain(what) { print where ": " what; bad = 1 }

	# A row: | room | what | may use | external library |
	function read_row(line,    cells, words, i, n, all) {
		split(line, cells, "|")
		room = trim(cells[2])
		if (room == "room" || room ~ /^-+$/)
			return
		known[room] = 1
		uses = trim(cells[4])
		n = split(uses, words, ", *")
		for (i = 1; i <= n; i++) {
			if (words[i] == "all above")
				for (all in known)
					allowed[room, all] = 1
			else
				allowed[room, words[i]] = 1
		}
		allowed[room, room] = 1
		n = split(trim(cells[5]), words, ", *")
		for (i = 1; i <= n; i++) {
			sub(/ *\(.*/, "", words[i])
			library[room, words[i]] = 1
		}
		rows++
	}

	function room_of(path,    parts) {
		split(path, parts, "/")
		return parts[2]
	}

	function check_own(room, header,    target) {
		if (header !~ /\//) {
			if (header !~ /_internal\.h$/)
				complain("\"" header "\" does not name its room")
			else if ((getline line < ("src/" room "/" header)) < 0)
				complain("\"" header "\" is no private header of " room)
			close("src/" room "/" header)
			return
		}
		target = header
		sub(/\/.*/, "", target)
		if (!(target in known))
			complain("\"" header "\" is in no room of the table")
		else if (!((room, target) in allowed))
			complain(room " may not use " target " (\"" header "\")")
	}

	function check_foreign(room, header,    i) {
		for (i = 1; i <= header_count; i++)
			if (index(header, header_name[i]) == 1 &&
			    !((room, header_library[i]) in library))
				complain(room " may not use <" header ">")
	}

	BEGIN {
		while ((getline line < "src/README.md") > 0)
			if (line ~ /^\|/)
				read_row(line)
		if (rows < 2) {
			print "src/README.md: no table of rooms"
			exit bad = 1
		}
		header_count = split(headers, pairs, "\n")
		for (i = 1; i <= header_count; i++) {
			split(pairs[i], pair, " ")
			header_name[i] = pair[1]
			header_library[i] = pair[2]
		}
	}
	{
		match($0, /^[^:]*:[0-9]+/)
		where = substr($0, 1, RLENGTH)
		path = where
		sub(/:.*/, "", path)
		room = room_of(path)
		rest = substr($0, RLENGTH + 2)
		seen++
		if (!(room in known))
			complain(room " is not in the table of src/README.md")
		else if (match(rest, /"[^"]*"/))
			check_own(room, substr(rest, RSTART + 1, RLENGTH - 2))
		else if (match(rest, /<[^>]*>/))
			check_foreign(room, substr(rest, RSTART + 1, RLENGTH - 2))
		else
			complain("an include line that names no file")
	}
	END {
		if (!seen) {
			print "no include line found"
			bad = 1
		}
		exit bad
	}'
}

# Each line: the file in which to plant, and the include line that must be refused there.
FORBIDDEN='src/run/planted.c "engine/engine.h"
src/reap/planted.c "engine/engine.h"
src/base/planted.c "model/app.h"
src/model/planted.c "kernel/process.h"
src/lock/planted.c "report/report.h"
src/reap/planted.c "run/supervisor.h"
src/main.c "engine/engine.h"
src/main.c "lock/app_lock.h"
src/commands/planted.c <jansson.h>
src/kernel/planted.c <curl/curl.h>
src/run/planted.c <sha256.h>
src/reap/planted.c <ini.h>
src/lock/planted.c <cap-ng.h>
src/model/planted.c <CUnit/CUnit.h>
src/reap/planted.c "app_lock.h"
src/reap/planted.c "request_internal.h"
include/base/planted.h "lock/app_lock.h"
src/newroom/planted.c "base/error.h"'

self_test() {
	copy=$(mktemp -d)
	trap 'rm -rf "$copy"' EXIT
	trap 'exit 1' HUP INT PIPE TERM
	cp -R "$ROOT/src" "$ROOT/include" "$copy"
	(check "$copy") || return 1
	printf '%s\n' "$FORBIDDEN" >"$copy/forbidden"
	while read -r file line; do
		rm -rf "$copy/src" "$copy/include"
		cp -R "$ROOT/src" "$ROOT/include" "$copy"
		mkdir -p "$(dirname "$copy/$file")"
		echo "#include $line" >>"$copy/$file"
		said=$( (check "$copy") 2>&1) && {
			echo "check-layers.sh: $line went unnoticed in $file"
			return 1
		}
		case $said in
		"$file":*) ;;
		*)
			echo "check-layers.sh: $line in $file gave: $said"
			return 1
			;;
		esac
	done <"$copy/forbidden"
}

case ${1:-} in
self-test) self_test ;;
*) check "${1:-$ROOT}" ;;
esac
