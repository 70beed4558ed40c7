#!/bin/sh
# journald.sh JOB OUT: runs the script JOB beside a journald of its own, in a mount namespace of its
# own (`unshare -m` starts this), and writes what the journal has got to OUT, a JSON object per line.
# In JOB, `service COMMAND...` runs the command as systemd runs a service: its output is the journal.
set -eu

mount -t tmpfs none /run
mkdir -p /run/log/journal /run/systemd/journal
mount -t tmpfs none /etc/systemd
printf '[Journal]\nStorage=volatile\nForwardToSyslog=no\nReadKMsg=no\nAudit=no\nRateLimitBurst=0\n' \
	>/etc/systemd/journald.conf
/lib/systemd/systemd-journald &
journald=$!
trap 'kill "$journald" && wait "$journald" || true' EXIT
tries=0
until [ -S /run/systemd/journal/socket ]; do
	tries=$((tries + 1))
	[ "$tries" -lt 1000 ]
	sleep 0.02
done

# systemd-cat(1) sets no JOURNAL_STREAM.
service() {
	# shellcheck disable=SC2016 # expanded by that shell
	systemd-cat --identifier=service sh -c \
		'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"' sh "$@"
}

# shellcheck source=/dev/null
. "$1"
journalctl --sync
journalctl --directory=/run/log/journal --output=json --no-pager >"$2"
