#!/bin/sh
# Runs a script in an overlay of a system's root, and of nothing that is mounted on it; what the script
# changes goes to a tmpfs, which is gone afterwards.
#
#	overlay.sh SCRIPT FOLDER [ROOT]
#
# SCRIPT is bash. It finds FOLDER as /tmp/given, the system as it was as /tmp/lower, what it has changed
# as /tmp/layer, and the functions of overlay-functions.sh. ROOT is / unless told.
#
# In namespaces of its own: no process, no mount and, without KEEP_NETWORK=1, no connection gets out.
set -eu

if [ "${OVERLAY_INSIDE:-}" != 1 ]; then
	export OVERLAY_INSIDE=1
	[ "${KEEP_NETWORK:-}" = 1 ] || set -- --net "$0" "$@"
	[ "${KEEP_NETWORK:-}" != 1 ] || set -- "$0" "$@"
	exec unshare --mount --pid --ipc --fork --kill-child --propagation private "$@"
fi

here=$(dirname "$0") script=$1 folder=$2 lower=${3:-/} root=/mnt/root
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/layer /mnt/work $root
mount -t overlay -o "lowerdir=$lower,upperdir=/mnt/layer,workdir=/mnt/work" overlay $root
mount -t proc proc $root/proc
mount --rbind /dev $root/dev
mount -t tmpfs tmpfs $root/run
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
mkdir $root/run/lock $root/tmp/given $root/tmp/layer $root/tmp/lower
chmod 1777 $root/run/lock
[ "${KEEP_NETWORK:-}" != 1 ] || cat /etc/resolv.conf >$root/etc/resolv.conf
cat "$here/overlay-functions.sh" "$script" >$root/tmp/script
mount --bind "$folder" $root/tmp/given
mount --bind /mnt/layer $root/tmp/layer
mount --bind "$lower" $root/tmp/lower
exec env -i HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive \
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	chroot $root /bin/bash -euo pipefail /tmp/script </dev/null
