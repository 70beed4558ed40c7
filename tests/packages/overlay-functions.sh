# shellcheck shell=bash
# What scripts in overlay.sh use.

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

same() { # WHAT ACTUAL EXPECTED
	[ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"
}

# What differs from the system as it was, but for the package managers' own books; folders end with a
# slash.
changed() {
	local path
	(cd /tmp/layer && find . -mindepth 1 \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache \
		-o -path ./root/.rpmdb -o -path ./var/lib/pacman \) -prune -o -printf '%P\n') | sort |
		while read -r path; do
			if [ -d "/tmp/layer/$path" ]; then
				[ -d "/tmp/lower/$path" ] || echo "$path/"
			elif [ -L "/tmp/layer/$path" ] || [ ! -f "/tmp/layer/$path" ]; then
				[ "$(readlink "/tmp/layer/$path")" = "$(readlink "/tmp/lower/$path")" ] || echo "$path"
			else
				cmp -s "/tmp/layer/$path" "/tmp/lower/$path" || echo "$path"
			fi
		done
}

# The program as its users call it. There is no engine here: what asks for one says so, which shows that
# the libraries for it were found.
use() {
	local status=0
	same "its version" "$(ci-janitor --version)" "ci-janitor $1"
	same "the command's status" "$(ci-janitor run --no-fresh --no-teardown shop -- sh -c 'exit 7' || echo $?)" 7
	ci-janitor list --json | grep -q '"app": *"shop"' || fail "shop is not listed"
	ci-janitor status shop || status=$?
	same "a dead app's status" "$status" 2
	ci-janitor sweep 2>/tmp/errors || status=$?
	same "a sweep without an engine" "$status" 69
	grep -q docker.sock /tmp/errors || fail "no word of the engine: $(cat /tmp/errors)"
	rm "$(ci-janitor path shop)"
}
