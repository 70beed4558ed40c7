#!/bin/bash
# The main job on a real engine, for people to watch: three CI runs deploy an app each; one run is
# killed, one is cancelled, one goes on; a sweep removes what the killed one left, and nothing else.
#
#	demo.sh PROGRAM		PROGRAM: the built ci-janitor. DEMO_ENGINE=private: not the machine's
#
# Takes the machine's own engine when that answers and is a swarm manager, else starts a private
# one. Everything that it makes has its own names and goes away at the end.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
JANITOR=$(cd "$(dirname "${1:?usage: demo.sh PROGRAM}")" && pwd)/$(basename "$1")
WORK=$(mktemp -d "${TMPDIR:-/tmp}/ci-janitor-demo.XXXXXX")
LOCKS=$WORK/lock
SHOP=shop-pr-$$ BLOG=blog-pr-$$ WIKI=wiki-pr-$$
IMAGE_TAG=ci-janitor-demo:$$
KINDS="service container network volume secret config"
declare -A RUN=()
private=
bold='' plain='' red=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\e[1m' plain=$'\e[0m' red=$'\e[31m'
fi

# The machine's own configuration (protected apps, label names) is not this demo's.
: >"$WORK/demo.conf"
export CI_JANITOR_CONFIG=$WORK/demo.conf CI_JANITOR_LOCK_DIR=$LOCKS
unset COMPOSE_PROJECT_NAME

say() {
	printf '\n%s%s%s\n' "$bold" "$*" "$plain"
}

fail() {
	printf '\n%sFAILED: %s%s\n' "$red$bold" "$*" "$plain" >&2
	for log in "$WORK"/*.log; do
		[ ! -s "$log" ] || { echo "--- $(basename "$log")" && tail -n 20 "$log"; } >&2
	done
	exit 1
}

# Runs the program and shows the line that a person would type for it.
janitor() {
	printf '\n$ ci-janitor %s\n' "$*"
	"$JANITOR" "$@"
}

names_of() { # KIND [APP]
	local all=() filter=(--filter "label=com.docker.stack.namespace=${2:-}")
	case $1 in
	container) all=(--all) format='{{.Names}}' ;;
	*) format='{{.Name}}' ;;
	esac
	docker "$1" ls "${all[@]}" "${filter[@]}" --format "$format"
}

objects_of() { # APP
	local kind
	for kind in $KINDS; do
		names_of "$kind" "$1" | sed "s/^/$kind /"
	done
}

show_engine() {
	local app objects
	for app in "$SHOP" "$BLOG" "$WIKI"; do
		objects=$(objects_of "$app")
		if [ -n "$objects" ]; then
			printf '%s\n' "$objects" | awk '{ sub(/\.[a-z0-9]+$/, "", $2); printf "  %-10s %s\n", $1, $2 }'
		else
			printf '  %-10s of %s\n' nothing "$app"
		fi
	done
}

remove_leftovers() {
	local app kind objects
	for app in "$SHOP" "$BLOG" "$WIKI"; do
		for kind in $KINDS; do
			objects=$(names_of "$kind" "$app") || continue
			for object in $objects; do
				case $kind in
				container) docker rm -fv "$object" ;;
				*) docker "$kind" rm "$object" ;;
				esac
			done
		done
	done
}

clean_up() {
	local status=$? pid
	trap - EXIT
	set +e
	for pid in "${RUN[@]}"; do
		{ kill -KILL "$pid" && wait "$pid"; } 2>/dev/null
	done
	if [ -n "$private" ]; then
		"$HERE/fixture/engine.sh" stop "$WORK/engine"
	else
		[ "$status" -eq 0 ] || remove_leftovers >/dev/null 2>&1
		docker image rm -f "$IMAGE_TAG" >/dev/null 2>&1
	fi
	rm -rf "$WORK"
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# By its address, since ci-janitor knows nothing of the docker command's contexts.
own_engine_is_manager() {
	[ "${DEMO_ENGINE:-}" != private ] || return 1
	own=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null)}
	[[ $own == unix://* ]] &&
		[ "$(DOCKER_HOST=$own timeout 10 docker info --format '{{.Swarm.ControlAvailable}}' 2>/dev/null)" = true ]
}

choose_engine() {
	if own_engine_is_manager; then
		export DOCKER_HOST=$own
		say "Engine: this machine's own, Docker $(docker version --format '{{.Server.Version}}')"
		return
	fi
	# Set first: an interrupted start is to be cleaned up as well.
	private=1
	ENGINE_OWNER=$$ "$HERE/fixture/engine.sh" start "$WORK/engine" || fail "no engine could be started"
	export DOCKER_HOST=unix://$WORK/engine/docker.sock
	unset DOCKER_CONTEXT DOCKER_TLS_VERIFY
	say "Engine: a private one for this demo, Docker $(docker version --format '{{.Server.Version}}')"
}

make_image() {
	mkdir "$WORK/image"
	"${CC:-cc}" -O2 -static -o "$WORK/image/app" "$HERE/fixture/app.c"
	IMAGE=$(tar -C "$WORK/image" -c app |
		docker import -c 'ENTRYPOINT ["/app"]' - "$IMAGE_TAG")
}

write_stack() {
	echo hush >"$WORK/secret"
	cat >"$WORK/stack.yml" <<-STACK
		version: '3.8'
		services:
		  web:
		    image: $IMAGE
		    command: [stubborn]   # takes no notice of SIGTERM, as many real services do
		    networks: [back]
		    volumes: ['data:/data']
		    secrets: [token]
		    configs: [settings]
		networks: { back: { driver: overlay } }
		volumes: { data: {} }
		secrets: { token: { file: $WORK/secret } }
		configs: { settings: { file: $WORK/secret } }
	STACK
}

is_up() { # APP
	[ -n "$(docker ps -q --filter status=running --filter "label=com.docker.stack.namespace=$1")" ]
}

start_run() { # APP
	printf "\n$ ci-janitor run %s -- sh -c 'docker stack deploy -c stack.yml %s; run-the-tests' &\n" \
		"$1" "$1"
	"$JANITOR" run "$1" -- sh -c "docker stack deploy --resolve-image never \
		-c '$WORK/stack.yml' $1; sleep 120" </dev/null >"$WORK/$1.log" 2>&1 &
	RUN[$1]=$!
}

wait_until_up() { # APP
	local tries
	for tries in {1..300}; do
		! is_up "$1" || return 0
		kill -0 "${RUN[$1]}" 2>/dev/null || fail "the run of $1 has ended"
		sleep 0.1
	done
	fail "$1 did not come up after $tries looks"
}

end_run() { # SIGNAL APP EXPECTED-STATUS
	local status=0
	kill "-$1" "${RUN[$2]}"
	# bash's own word about a killed job would only confuse.
	{ wait "${RUN[$2]}" || status=$?; } 2>/dev/null
	unset "RUN[$2]"
	[ "$status" -eq "$3" ] || fail "the run of $2 ended with $status, not $3"
}

expect_nothing_of() { # APP
	local left
	left=$(objects_of "$1") || fail "the engine does not answer"
	[ -z "$left" ] || fail "left of $1: $left"
}

choose_engine
make_image
write_stack
mkdir "$LOCKS"
chmod 755 "$LOCKS"

say "1. Three CI runs, each in its own 'ci-janitor run', deploy an app each."
for app in "$SHOP" "$BLOG" "$WIKI"; do
	start_run "$app"
done
for app in "$SHOP" "$BLOG" "$WIKI"; do
	wait_until_up "$app"
done
say "What the engine has now:"
show_engine
janitor list
wiki_before=$(objects_of "$WIKI")
[ "$(wc -l <<<"$wiki_before")" -eq 6 ] || fail "$WIKI has not one object of each kind: $wiki_before"

say "2. The CI server cancels $BLOG's job (SIGTERM): the run tears its app down itself."
end_run TERM "$BLOG" 143
expect_nothing_of "$BLOG"

say "3. $SHOP's runner is killed (SIGKILL): nobody is left to clean up."
end_run KILL "$SHOP" 137
show_engine
janitor list

say "4. The janitor's sweep, as a timer or the next job starts it:"
begin=$(date +%s%N)
janitor sweep || fail "the sweep ended with $?"
took=$((($(date +%s%N) - begin) / 1000000))
say "What the engine has now:"
show_engine
expect_nothing_of "$SHOP"
expect_nothing_of "$BLOG"
[ "$(objects_of "$WIKI")" = "$wiki_before" ] || fail "the live app $WIKI was touched"
kill -0 "${RUN[$WIKI]}" || fail "the live run of $WIKI has ended"
[ "$(find "$LOCKS" -name 'ci-app-*.lock' | wc -l)" -eq 1 ] || fail "there is not exactly one lockfile"

say "5. $WIKI's job ends as well."
end_run TERM "$WIKI" 143
expect_nothing_of "$WIKI"
[ -z "$(ls -A "$LOCKS")" ] || fail "a lockfile is left"
show_engine

say "Done: what the killed run had left was gone in $took ms; the live run was never touched."
