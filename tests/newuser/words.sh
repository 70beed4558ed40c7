# shellcheck shell=bash disable=SC2016 # marks of the text
set -euo pipefail
# What all stories use: they begin in the clone, or in an empty folder.
CLONE=/root/ci-janitor
PASTED=/root/pasted # the README's lines and quoted commands that were used, for check-newuser.sh
# nsenter(1) leaves a process in the cgroup that it came from, outside of the machine's tree.
mkdir -p /sys/fs/cgroup/user
echo $$ >/sys/fs/cgroup/user/cgroup.procs
export DEBIAN_FRONTEND=noninteractive

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
		[ "$tries" -lt 1000 ] || fail "never: $*"
		sleep 0.3
	done
}

# What a Debian that somebody has set up by hand has, and debootstrap leaves out.
get_clone() {
	apt-get -qq update
	apt-get -qq -y --no-install-recommends install git make >/dev/null
	git config --global --add safe.directory '*'
	git clone -q /srv/ci-janitor.git "$CLONE"
	cd "$CLONE"
}

# The first of the README's indented lines that begins like this, or with a "$" at its end that is this,
# without its comment and what a CI's file has before it.
line() { # BEGINNING
	local found
	found=$(awk -v beginning="$1" -v pasted="$PASTED" '
		/^    / {
			raw[++n] = substr($0, 5)
			sub(/^ +/, "")
			sub(/^- run: /, "")
			sub(/ +# .*/, "")
			command[n] = $0
			if (!first && (index($0, beginning) == 1 || $0 "$" == beginning))
				first = n
		}
		END {
			if (!first)
				exit
			print command[first]
			print command[first] >>pasted
			for (i = 1; i <= n; i++)
				if (command[i] == command[first])
					print raw[i] >>pasted
		}' "$CLONE/README.md")
	[ -n "$found" ] || fail "the README has no line '$1'"
	printf '%s\n' "$found"
}

# What stands in the README's text like `this`, by its beginning.
quoted() { # BEGINNING
	local found
	found=$(grep -o '`[^`]*`' "$CLONE/README.md" | tr -d '`' |
		awk -v beginning="$1" 'index($0, beginning) == 1 && !n++')
	[ -n "$found" ] || fail "the README doesn't mention '$1'"
	printf '%s\n' "$found" | tee -a "$PASTED"
}

# Runs it, as pasted. A minimal Debian has no sudo, and its root needs none.
paste() { # BEGINNING [quoted]
	local command
	command=$("${2:-line}" "$1") || exit 1
	say "$command"
	command=${command#sudo }
	eval "${command/apt-get /apt-get -qq -y }"
}

# Shows its output only when it fails.
paste_quietly() { # BEGINNING [quoted]
	local log
	log=/root/$(printf %s "$1" | tr -c 'a-z0-9' -).log
	say "$1"
	(paste "$@") >"$log" 2>&1 || fail "$1: $(tail -n 60 "$log")"
}
