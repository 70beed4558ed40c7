#!/bin/sh
# The stories of tests/swarm on Debian's engines: Docker of its stable, next and unstable releases, with
# a swarm and rootless, Docker's Compose as it stands there, and Podman's service. By hand, as root:
#
#	make check-engines		prints a table
#	make check-engines README=1	and puts it into README.md
#
# The systems are made by debootstrap, once, in $CI_JANITOR_ENGINES (by default below ~/.cache): some 700 MB
# each. Nothing in them is changed by a test. RELEASES="bookworm trixie sid" chooses some, SUITES="swarm_engine_faults"
# other suites for the swarm, SUITES= all.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
ENGINE=$HERE/../fixture/engine.sh
BUILD=$(cd "$1" && pwd)
FOLDER=${CI_JANITOR_ENGINES:-${XDG_CACHE_HOME:-$HOME/.cache}/ci-janitor-engines}
PACKAGES=docker.io,docker-compose,podman,netavark,aardvark-dns,nftables,iptables,iproute2,uidmap
PACKAGES=$PACKAGES,rootlesskit,slirp4netns,ca-certificates
STORIES='swarm_sweep swarm_runs swarm_reap swarm_ownership swarm_compose swarm_none swarm_stacks'
failed=0

die() {
	echo "check-engines.sh: $*" >&2
	exit 1
}

need_root() { # RELEASE
	[ ! -d "$FOLDER/$1" ] || return 0
	mkdir -p "$FOLDER"
	rm -rf "$FOLDER/$1.new"
	packages=$PACKAGES
	# In Debian 12 the docker command is in docker.io.
	[ "$1" = bookworm ] || packages=$packages,docker-cli
	echo "making a $1 in $FOLDER" >&2
	debootstrap --variant=minbase "--include=$packages" "$1" "$FOLDER/$1.new" >"$FOLDER/$1.log" 2>&1 ||
		die "debootstrap failed: $FOLDER/$1.log"
	mv "$FOLDER/$1.new" "$FOLDER/$1"
}

# shellcheck disable=SC2317 # by the trap
clean_up() {
	"$ENGINE" stop "$TMPDIR/engine" 2>/dev/null || true
	umount -l "$TMPDIR" && rmdir "$TMPDIR"
}

# Runs suites of check-swarm and adds a line of the table.
row() { # RELEASE KIND WHAT SUITES...
	release=$1 kind=$2 what=$3
	shift 3
	log=$TMPDIR/$release-$kind.log
	began=$(date +%s)
	status=0
	ENGINE_ROOT=$FOLDER/$release ENGINE_KIND=$kind "$BUILD/check-swarm" "$@" >"$log" 2>&1 || status=$?
	tests=$(awk '$1 == "tests" { print $4 " of " $2 }' "$log")
	if [ "$status" -ne 0 ]; then
		failed=1
		cat "$log" >&2
	fi
	add_line "$release" "$what" "${tests:-none}" $(($(date +%s) - began))
}

add_line() { # RELEASE WHAT PASSED SECONDS
	line="| $1 | $(version_of "$1" "$2") | $2 | $3 | $4 s |"
	echo "$line"
	echo "$line" >>"$TMPDIR/table"
}

version_of() { # RELEASE WHAT
	case $2 in
	Podman*) package=podman ;;
	Compose*) package=docker-compose ;;
	*) package=docker.io ;;
	esac
	# shellcheck disable=SC2016 # expanded by dpkg-query
	chroot "$FOLDER/$1" dpkg-query -W -f '${Version}' "$package" | sed 's/^[0-9]*://; s/[+~-].*//'
}

# The real docker-compose deploys and dies; the sweep leaves nothing.
compose_row() { # RELEASE
	began=$(date +%s)
	dir=$TMPDIR/engine
	status='1 of 1'
	ENGINE_ROOT=$FOLDER/$1 "$ENGINE" start "$dir"
	"$ENGINE" import-image "$dir" >/dev/null
	mkdir "$dir/project" "$dir/locks"
	: >"$dir/empty.conf"
	cp "$HERE/compose.yml" "$dir/project/docker-compose.yml"
	export DOCKER_HOST="unix://$dir/docker.sock" CI_JANITOR_LOCK_DIR="$dir/locks" \
		CI_JANITOR_CONFIG="$dir/empty.conf"
	docker volume create outside >/dev/null
	# shellcheck disable=SC2016 # expanded by the inner shell
	"$BUILD/ci-janitor" run shop --no-teardown -- "$ENGINE" inside "$dir" \
		sh -c 'cd "$1/project" && export DOCKER_HOST="unix://$1/docker.sock" &&
			docker-compose up -d && docker-compose run -d web' sh "$dir" \
		>"$dir/compose.log" 2>&1 || status='0 of 1'
	[ "$(docker ps -q | wc -l)" -ge 3 ] || status='0 of 1'
	"$BUILD/ci-janitor" sweep >"$dir/sweep.log" 2>&1 || status='0 of 1'
	left=$(docker ps -aq && docker volume ls -q && docker network ls -q --filter name=shop)
	[ "$left" = outside ] || status='0 of 1'
	if [ "$status" != '1 of 1' ]; then
		failed=1
		cat "$dir/compose.log" "$dir/sweep.log" >&2
	fi
	"$ENGINE" stop "$dir"
	unset DOCKER_HOST CI_JANITOR_LOCK_DIR CI_JANITOR_CONFIG
	add_line "$1" "Compose, the real one" "$status" $(($(date +%s) - began))
}

write_readme() {
	readme=$HERE/../../README.md
	awk -v table="$TMPDIR/table" '
		/<!-- end of check-engines -->/ { inside = 0 }
		!inside { print }
		/<!-- check-engines -->/ {
			inside = 1
			while ((getline line <table) > 0) print line
		}' "$readme" >"$TMPDIR/readme"
	cat "$TMPDIR/readme" >"$readme"
}

[ "$(id -u)" -eq 0 ] || die "run as root"
for tool in debootstrap docker; do
	command -v "$tool" >/dev/null || die "$tool is missing"
done
for release in ${RELEASES:-bookworm trixie sid}; do
	need_root "$release"
done
# A file system of its own: locks that other programs hold next to ours must not be looked into.
TMPDIR=$(mktemp -d)
export TMPDIR
trap clean_up EXIT
trap 'exit 1' HUP INT PIPE TERM
mount -t tmpfs -o size=4g,mode=755 tmpfs "$TMPDIR"

printf '%s\n' '| Debian | version | what | passed | time |' '| --- | --- | --- | --- | --- |' |
	tee "$TMPDIR/table"
for release in ${RELEASES:-bookworm trixie sid}; do
	# shellcheck disable=SC2086 # a list of words
	row "$release" docker "Docker, stories with a swarm" ${SUITES-$STORIES}
	row "$release" rootless "Docker rootless, Compose's labels" swarm_compose
	compose_row "$release"
	row "$release" podman "Podman's service, Compose's labels" swarm_compose
done
[ -z "${README:-}" ] || write_readme
exit "$failed"
