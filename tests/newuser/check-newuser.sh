#!/bin/bash
# A new user's try: an empty Debian with nothing but its base and systemd, the README, and what it says.
# By hand, as root:
#
#	make check-newuser		RELEASES="bookworm trixie"; LAYERS="unit manual", or "all"
#
# The systems are made by debootstrap, once, in $CI_JANITOR_SYSTEMS (by default below ~/.cache), and only
# read; those of tests/packages beside them have no systemd. For what is to be downloaded the machine boots
# in this one's network, then in a network of its own.
#
# Tried on 2026-11-21 with LAYERS="unit manual", all as the README says: trixie (13.7, gcc 14.2, Docker
# 26.1.5) in five minutes; bookworm (12.15, gcc 12.2, Docker 20.10.24) part by part, use.sh not at once after
# build.sh but in the same system, booted anew.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
MACHINE=$HERE/../units/machine.sh
FOLDER=${CI_JANITOR_SYSTEMS:-${XDG_CACHE_HOME:-$HOME/.cache}/ci-janitor-systems}
WORK=$(mktemp -d "${TMPDIR:-/tmp}/ci-janitor-newuser.XXXXXX")
trap 'clean_up' EXIT
trap 'exit 1' HUP INT TERM

die() {
	echo "check-newuser.sh: $*" >&2
	exit 1
}

clean_up() {
	for machine in "$WORK"/*/disk; do
		[ ! -d "$machine" ] || "$MACHINE" remove "${machine%/disk}"
	done
	rm -rf "$WORK"
}

need_root() { # RELEASE
	local root=$FOLDER/$1-systemd
	[ ! -d "$root" ] || return 0
	mkdir -p "$FOLDER"
	rm -rf "$root.new"
	debootstrap --variant=minbase --include=systemd-sysv,dbus "$1" "$root.new" >"$root.log" 2>&1 ||
		die "debootstrap failed: $root.log"
	mv "$root.new" "$root"
}

# What the user does, in a script that is made of words.sh and a story.
act() { # MACHINE STORY
	cat "$HERE/words.sh" "$HERE/$2.sh" |
		"$MACHINE" inside "$1" env -i HOME=/root LC_ALL=C LAYERS="${LAYERS:-unit manual}" \
			PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			sh -c 'bash -euo pipefail; exit $?' # for `hold`, a parent in there
}

try() { # RELEASE
	local machine=$WORK/$1
	export MACHINE_ROOT=$FOLDER/$1-systemd
	"$MACHINE" make "$machine" "$$"
	mkdir -p "$machine/disk/srv" "$machine/disk/etc"
	git clone -q --bare "$HERE/../.." "$machine/disk/srv/ci-janitor.git"
	cp /etc/resolv.conf "$machine/disk/etc/resolv.conf"
	MACHINE_NETWORK=ours "$MACHINE" boot "$machine"
	act "$machine" build
	"$MACHINE" cut-power "$machine"
	"$MACHINE" boot "$machine"
	act "$machine" use
	"$MACHINE" remove "$machine"
}

[ "$(id -u)" -eq 0 ] || die "run as root"
command -v debootstrap >/dev/null || die "debootstrap is missing"
for release in ${RELEASES:-bookworm trixie}; do
	need_root "$release"
	echo "=== $release"
	try "$release"
	echo "=== $release: all as the README says"
done
