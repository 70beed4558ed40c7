#!/bin/sh
# check-metrics.sh PROGRAM: what a sweep writes, judged by Prometheus' own tools; scraped by a real
# node_exporter, that by a real Prometheus, and there every expression of the alerts and of the
# dashboard is asked. On loopback, under a temporary folder.
set -eu

program=$1
here=$(dirname "$0")
packaging=$here/../../packaging
rules=$packaging/prometheus/ci-janitor.rules.yml
work=$(mktemp -d)
pids=

tidy() {
	for pid in $pids; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	rm -rf "$work"
}
trap tidy EXIT
trap 'exit 1' HUP INT PIPE TERM

die() {
	echo "check-metrics.sh: $*" >&2
	exit 1
}

for tool in promtool prometheus prometheus-node-exporter curl python3; do
	command -v "$tool" >/dev/null ||
		die "$tool is missing (Debian: prometheus, prometheus-node-exporter, curl, python3)"
done

free_port() {
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

wait_for() { # SECONDS COMMAND...
	tries=$(($1 * 5))
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || die "no success in time: $*"
		sleep 0.2
	done
}

# A live run, a dead one that no engine reaps, and a file that is nobody's: every metric has a value.
# So do the counters of one sweep that got everything.
mkdir "$work/locks" "$work/textfile"
printf '[report]\nmetrics = %s/textfile/ci-janitor.prom\n' "$work" >"$work/conf"
janitor() {
	"$program" --lock-dir "$work/locks" --config "$work/conf" --host "unix://$work/none.sock" "$@"
}
janitor run live --no-fresh --no-teardown -- sleep 600 &
pids=$!
wait_for 20 janitor status live
janitor sweep -q
janitor run dead --no-fresh --no-teardown -- true
mkdir "$work/locks/ci-app-00000000000000000000000000000000.lock"
janitor sweep -q >"$work/out" 2>&1 && die "the dead app was reaped without an engine"

promtool check metrics <"$work/textfile/ci-janitor.prom"
promtool check rules "$rules"
promtool test rules "$here/rules_test.yml"

exporter=127.0.0.1:$(free_port)
prometheus-node-exporter --web.listen-address="$exporter" --collector.disable-defaults \
	--collector.textfile --collector.textfile.directory="$work/textfile" >"$work/exporter" 2>&1 &
pids="$pids $!"
wait_for 20 curl -fsS "http://$exporter/metrics"
curl -fsS "http://$exporter/metrics" >"$work/scraped"
grep -q '^node_textfile_scrape_error 0$' "$work/scraped" || die "node_exporter refuses the file"
# Numbers may be written in another way (1.5e+09), so names and labels are compared.
for file in "$work/textfile/ci-janitor.prom" "$work/scraped"; do
	sed -n 's/^\(ci_janitor_[^ ]*\) .*/\1/p' "$file" | sort >"$file.names"
done
diff "$work/textfile/ci-janitor.prom.names" "$work/scraped.names" ||
	die "node_exporter shows other metrics than the file has"

server=127.0.0.1:$(free_port)
cat >"$work/prometheus.yml" <<END
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ["$(realpath "$rules")"]
scrape_configs: [{ job_name: node, static_configs: [{ targets: ["$exporter"] }] }]
END
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" \
	--web.listen-address="$server" >"$work/prometheus" 2>&1 &
pids="$pids $!"
wait_for 30 "$here/ask.py" "$server" "$packaging/grafana/ci-janitor.json" "$rules"
"$here/ask.py" "$server" "$packaging/grafana/ci-janitor.json" "$rules"
