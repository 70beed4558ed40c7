# shellcheck shell=bash disable=SC2016 # marks of the text
# What both parts of a try use: they begin in the clone, or in an empty folder.
CLONE=/root/ci-janitor
# nsenter(1) leaves a process in the cgroup that it came from, outside of the machine's tree.
mkdir -p /sys/fs/cgroup/user
echo $$ >/sys/fs/cgroup/user/cgroup.procs

say() {
	echo "--- $*" >&2
}

fail() {
	echo "FAILED: $*" >&2
	exit 1
}

wait_for() { # COMMAND...
	local tries=0
	until "$@"; do
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || fail "never: $*"
		sleep 0.3
	done
}

# The one indented line of the README that begins like this, its comment left out.
line() { # BEGINNING
	local found
	found=$(sed -n 's/^    //p' "$CLONE/README.md" | sed 's/^ *//; s/^- run: //; s/  *# .*//' |
		awk -v beginning="$1" 'index($0, beginning) == 1 && !n++')
	[ -n "$found" ] || fail "the README has no line '$1'"
	printf '%s\n' "$found"
}

# What stands in the README's text like `this`, by its beginning.
quoted() { # BEGINNING
	local found
	found=$(grep -o '`[^`]*`' "$CLONE/README.md" | tr -d '`' |
		awk -v beginning="$1" 'index($0, beginning) == 1 && !n++')
	[ -n "$found" ] || fail "the README doesn't mention '$1'"
	printf '%s\n' "$found"
}

# Runs it, as pasted. A minimal Debian has no sudo, and its root needs none.
paste() { # BEGINNING [quoted]
	local command
	command=$("${2:-line}" "$1")
	say "$command"
	command=${command#sudo }
	eval "${command/apt-get /apt-get -qq -y }"
}
