#!/bin/sh
# A job in a container of its own: in-a-container.sh IMAGE APP COMMAND... The container needs the lock
# directory, the engine's socket, and the program (a static one: `make image`).
set -e
image=$1
app=$2
shift 2
exec docker run --rm --init \
	--volume /run/lock:/run/lock \
	--volume /var/run/docker.sock:/var/run/docker.sock \
	--volume /usr/local/bin/ci-janitor-static:/usr/local/bin/ci-janitor:ro \
	"$image" ci-janitor run "$app" --sweep --deadline 30m -- "$@"
