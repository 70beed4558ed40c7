#!/bin/sh
# How long a sweep takes, on a private engine, by hand: make check-figures. Prints a table.
#
# bare: the same DELETEs, fired by curl over four connections, the services' first.
set -eu

HERE=$(cd "$(dirname "$0")" && pwd)
ENGINE=$HERE/../fixture/engine.sh
JANITOR=$(cd "$1" && pwd)/ci-janitor
IDLE=${IDLE:-200}
RUNNING=${RUNNING:-30}
TIMES=${TIMES:-5}

now_ms() {
	echo $(($(date +%s%N) / 1000000))
}

median() {
	sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'
}

api() { # CONFIG-FILE [OPTION...]
	file=$1
	shift
	curl -sS --no-progress-meter --fail-early -K "$file" "$@"
}

# A curl configuration: one request for each line "METHOD PATH [JSON]".
requests() {
	awk -v socket="$DIR/docker.sock" 'NR > 1 { print "next" } {
		method = $1; path = $2; sub(/^[^ ]+ [^ ]+ ?/, ""); gsub(/"/, "\\\"")
		printf "url = \"http://docker/v1.41%s\"\nunix-socket = \"%s\"\nrequest = %s\n", path, socket, method
		print "output = \"/dev/null\"\nfail"
		if ($0 != "")
			printf "header = \"Content-Type: application/json\"\ndata = \"%s\"\n", $0
	}'
}

idle_apps() { # create | delete-services | delete-rest
	i=0
	while [ "$i" -lt "$IDLE" ]; do
		app=idle$i
		label="\"Labels\":{\"com.docker.stack.namespace\":\"$app\"}"
		case $1 in
		create)
			echo "POST /services/create {\"Name\":\"${app}_web\",$label,\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"$IMAGE\"}},\"Mode\":{\"Replicated\":{\"Replicas\":0}}}"
			for name in token key; do
				echo "POST /secrets/create {\"Name\":\"${app}_$name\",$label,\"Data\":\"aHVzaA==\"}"
			done
			echo "POST /configs/create {\"Name\":\"${app}_settings\",$label,\"Data\":\"aHVzaA==\"}"
			echo "POST /networks/create {\"Name\":\"${app}_back\",\"Driver\":\"overlay\",$label}"
			echo "POST /volumes/create {\"Name\":\"${app}_data\",$label}"
			;;
		delete-services) echo "DELETE /services/${app}_web" ;;
		delete-rest)
			printf "DELETE /%s/${app}_%s\n" secrets token secrets key configs settings \
				networks back volumes data
			;;
		esac
		i=$((i + 1))
	done
}

make_idle() {
	idle_apps create | requests >"$DIR/create"
	api "$DIR/create"
}

bare() {
	idle_apps delete-services | requests >"$DIR/services"
	idle_apps delete-rest | requests >"$DIR/rest"
	began=$(now_ms)
	api "$DIR/services" -Z --parallel-max 4
	api "$DIR/rest" -Z --parallel-max 4
	echo $(($(now_ms) - began))
}

dead_lock() { # APP
	"$JANITOR" run --no-fresh --no-teardown "$1" -- true
}

sweep() {
	began=$(now_ms)
	"$JANITOR" -q sweep >&2
	echo $(($(now_ms) - began))
}

swept_idle() {
	i=0
	while [ "$i" -lt "$IDLE" ]; do
		dead_lock "idle$i"
		i=$((i + 1))
	done
	sweep
}

write_stack() {
	cat >"$DIR/stack.yml" <<-END
	version: '3.8'
	services:
	  web: { image: "$IMAGE", command: [stubborn], networks: [back], volumes: ['data:/data'], secrets: [token] }
	networks: { back: { driver: overlay } }
	volumes: { data: {} }
	secrets: { token: { file: $DIR/daemon.json } }
	END
}

running_apps() { # NUMBER
	for app in $(seq "$1"); do
		docker stack deploy --resolve-image never -c "$DIR/stack.yml" "running$app" >/dev/null 2>&1
		dead_lock "running$app"
	done
	until [ "$(docker ps -q | wc -l)" -ge "$1" ]; do
		sleep 0.2
	done
	sleep 1
	sweep
}

repeat() { # COMMAND...
	for _ in $(seq "$TIMES"); do
		"$@"
	done | median
}

# shellcheck disable=SC2317 # by the trap
clean_up() {
	"$ENGINE" stop "$DIR"
}

DIR=$(mktemp -d)
trap clean_up EXIT
trap 'exit 1' HUP INT PIPE TERM
"$ENGINE" start "$DIR"
IMAGE=$("$ENGINE" import-image "$DIR")
mkdir "$DIR/locks"
: >"$DIR/empty.conf"
export DOCKER_HOST="unix://$DIR/docker.sock" CI_JANITOR_LOCK_DIR="$DIR/locks" \
	CI_JANITOR_CONFIG="$DIR/empty.conf"
write_stack

for _ in $(seq "$TIMES"); do
	make_idle
	bare >>"$DIR/bare"
	make_idle
	swept_idle >>"$DIR/swept"
done
bare=$(median <"$DIR/bare")
swept=$(median <"$DIR/swept")
one=$(repeat running_apps 1)
many=$(TIMES=1 repeat running_apps "$RUNNING")

echo "| what | ms |"
echo "| --- | --- |"
echo "| $IDLE idle apps, $((IDLE * 6)) objects: the DELETEs alone | $bare |"
echo "| the same, a sweep | $swept ($(echo "$swept $bare" | awk '{ printf "%.2f", $1 / $2 }') times) |"
echo "| one running app that ignores SIGTERM, on an overlay | $one |"
echo "| $RUNNING such apps in one sweep | $many |"
