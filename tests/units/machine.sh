#!/bin/sh
# A machine of its own for the tests of the units: this machine's system, read through an overlay,
# booted by its own systemd as process 1 of new namespaces, with an empty /etc/systemd/system.
#
#	machine.sh make DIR OWNER	its disk: DIR/disk is what it has written, and may be written to
#					before it boots; all goes when the process OWNER has ended
#	machine.sh boot DIR		returns when systemd says that it has started
#	machine.sh inside DIR COMMAND...
#	machine.sh cut-power DIR	SIGKILL to all; the disk stays
#	machine.sh remove DIR		nothing of it stays
#
# Kernel settings other than its network's are read-only in there, and it can't load modules. With
# MACHINE_ROOT=FOLDER its system is the one in that folder (tests/newuser); with MACHINE_NETWORK=ours it
# boots in this machine's network, all of whose settings are then read-only as well.
set -eu

die() {
	echo "machine.sh: $*" >&2
	exit 1
}

# The cgroup tree that it gets is a part of this machine's, wherever that is mounted.
cgroup() {
	echo "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)/ci-janitor-units-$(echo "$DIR" | cksum | cut -d' ' -f1)"
}

init_pid() {
	[ -s "$DIR/holder" ] || return 1
	pgrep -P "$(cat "$DIR/holder")"
}

# Runs in the new namespaces, and becomes systemd.
# shellcheck disable=SC2016 # expanded by the inner shell
INIT='set -e
cd "$1"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/disk,workdir=$1/work" root
mount --bind "$1/docker" root/var/lib/docker
mount --bind "$1/units" root/etc/systemd/system
cd root
mount -t proc proc proc
mount --bind proc/sys proc/sys
[ "$3" = ours ] || mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs dev
for node in null:3 zero:5 full:7 random:8 urandom:9; do
	mknod -m 666 "dev/${node%:*}" c 1 "${node#*:}"
done
mknod -m 666 dev/tty c 5 0
mknod -m 666 dev/fuse c 10 229
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir run/outside
pivot_root . run/outside
cd /
umount -l run/outside
rmdir run/outside
exec env -i container=ci-janitor-units "PATH=$PATH" \
	setpriv --bounding-set -sys_module,-sys_time /lib/systemd/systemd --unit=multi-user.target'

do_make() { # OWNER
	[ -x /lib/systemd/systemd ] || die "systemd is missing: tests/tools/install-deps.sh test"
	for tool in unshare nsenter setpriv pgrep awk; do
		command -v "$tool" >/dev/null || die "$tool is missing: tests/tools/install-deps.sh test"
	done
	mkdir -p "$DIR"
	mkdir "$DIR/disk" "$DIR/work" "$DIR/root" "$DIR/docker" "$DIR/units"
	mkdir -p "$DIR/disk/etc/systemd/journald.conf.d" "$DIR/disk/etc/docker" \
		"$DIR/disk/var/lib/docker"
	: >"$DIR/disk/etc/machine-id"
	printf '[Journal]\nStorage=volatile\n' >"$DIR/disk/etc/systemd/journald.conf.d/units.conf"
	echo '{}' >"$DIR/disk/etc/docker/daemon.json"
	# shellcheck disable=SC2016 # expanded by the inner shell
	setsid sh -c 'tail -s 0.2 --pid="$1" -f /dev/null; exec "$2" remove "$3"' sh "$1" "$0" "$DIR" \
		</dev/null >/dev/null 2>&1 &
}

do_boot() {
	group=$(cgroup)
	mkdir "$group"
	NET=--net
	[ "${MACHINE_NETWORK:-own}" = own ] || NET=
	# shellcheck disable=SC2016,SC2086 # expanded by the inner shell; an option or none
	setsid sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" \
		unshare --pid --mount --uts --ipc $NET --cgroup --fork --kill-child \
		--propagation private sh -c "$INIT" sh "$DIR" "${MACHINE_ROOT:-/}" \
		"${MACHINE_NETWORK:-own}" </dev/null >"$DIR/console" 2>&1 &
	echo $! >"$DIR/holder"
	tries=0
	until [ "$(do_inside cat /proc/1/comm 2>/dev/null)" = systemd ] &&
		do_inside test -S /run/systemd/private; do
		tries=$((tries + 1))
		if [ "$tries" -gt 600 ] || ! kill -0 "$(cat "$DIR/holder")"; then
			die "it does not boot: $(cat "$DIR/console")"
		fi
		sleep 0.1
	done
	do_inside timeout 60 systemctl is-system-running --wait >/dev/null || true
}

do_inside() {
	pid=$(init_pid) || die "it is not running"
	nsenter -t "$pid" -a -r -w "$@"
}

do_cut_power() {
	if pid=$(init_pid); then
		kill -KILL "$pid"
	fi
	tries=0
	while init_pid >/dev/null && [ "$tries" -lt 300 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	rm -f "$DIR/holder"
	tries=0
	while group=$(cgroup) && [ -d "$group" ]; do
		find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
		tries=$((tries + 1))
		[ "$tries" -lt 300 ] || die "$group stays"
		[ ! -d "$group" ] || sleep 0.1
	done
}

do_remove() {
	[ -d "$DIR" ] || return 0
	do_cut_power
	rm -rf "$DIR"
}

[ $# -ge 2 ] || die "usage: machine.sh COMMAND DIR"
command=$1 DIR=$2
shift 2
case $command in
make) do_make "$1" ;;
boot) do_boot ;;
inside) do_inside "$@" ;;
cut-power) do_cut_power ;;
remove) do_remove ;;
*) die "unknown command $command" ;;
esac
