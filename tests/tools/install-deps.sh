#!/bin/sh
# Installs what building (no argument) or testing ("test") ci-janitor needs and this machine lacks:
# by apt-get on Debian and Ubuntu; elsewhere it names the packages. Silent and quick when nothing
# is missing.
set -eu

export PATH="$PATH:/usr/sbin:/sbin"
GUARD=/usr/sbin/policy-rc.d

die() {
	echo "install-deps.sh: $*" >&2
	exit 1
}

# What a tool or pkg-config module is packaged in: NAME DEBIAN FEDORA ALPINE ARCH, "-" for none.
packages='
cc		gcc		gcc			gcc			gcc
make		make		make			make			make
pkg-config	pkg-config	pkgconf-pkg-config	pkgconf			pkgconf
libc		libc6-dev	glibc-devel		musl-dev		glibc
libcap-ng	libcap-ng-dev	libcap-ng-devel		libcap-ng-dev		libcap-ng
inih		libinih-dev	inih-devel		inih-dev		libinih
libmd		libmd-dev	libmd-devel		libmd-dev		libmd
libcurl		libcurl4-openssl-dev libcurl-devel	curl-dev		curl
jansson		libjansson-dev	jansson-devel		jansson-dev		jansson
cunit		libcunit1-dev	CUnit-devel		cunit-dev		cunit
dockerd		docker.io	moby-engine		docker-engine		docker
docker		docker-cli	docker-cli		docker-cli		docker
iptables	iptables	iptables-nft		iptables		iptables
ip		iproute2	iproute			iproute2		iproute2
unshare		util-linux	util-linux		util-linux-misc		util-linux
nsenter		util-linux	util-linux		util-linux-misc		util-linux
setpriv		util-linux	util-linux		setpriv			util-linux
strace		strace		strace			strace			strace
curl		curl		curl			curl			curl
pgrep		procps		procps-ng		procps			procps-ng
spin		spin		spin			spin			spin
mandoc		mandoc		mandoc			mandoc			mandoc
zsh		zsh		zsh			zsh			zsh
journald	systemd		systemd			-			systemd
fish		fish		fish			fish			fish
python3		python3		python3			python3			python
valgrind	valgrind	valgrind		valgrind		valgrind
bash		bash		bash			bash			bash
systemd-analyze	systemd		systemd			-			systemd
dbus-daemon	dbus		dbus-daemon		-			dbus
shellcheck	shellcheck	ShellCheck		shellcheck		shellcheck
ssh		openssh-client	openssh-clients		openssh-client		openssh
sshd		openssh-server	openssh-server		openssh-server		openssh
mscgen		mscgen		mscgen			-			-
python-yaml	python3-yaml	python3-pyyaml		py3-yaml		python-yaml
mkfs.ext4	e2fsprogs	e2fsprogs		e2fsprogs		e2fsprogs
mkfs.xfs	xfsprogs	xfsprogs		xfsprogs		xfsprogs
mkfs.btrfs	btrfs-progs	btrfs-progs		btrfs-progs		btrfs-progs
git		git		git			git			git
dh		debhelper	debhelper		debhelper		-
dpkg-buildpackage dpkg-dev	dpkg-dev		dpkg-dev		dpkg
lintian		lintian		-			-			-
libc-static	libc6-dev	glibc-static		musl-dev		glibc
'

lacks_tool() {
	! command -v "$1" >/dev/null
}

lacks_static_libc() {
	trial=$(mktemp -d)
	echo 'int main(void) { return 0; }' >"$trial/a.c"
	status=0
	cc -static -o "$trial/a" "$trial/a.c" 2>/dev/null || status=1
	rm -rf "$trial"
	[ "$status" = 1 ]
}

# Of the system's Python: another one in the PATH has packages of its own.
lacks_yaml() {
	! /usr/bin/python3 -c 'import yaml' 2>/dev/null
}

missing_things() { # [test]
	for tool in cc make pkg-config; do
		! lacks_tool "$tool" || echo "$tool"
	done
	[ -e /usr/include/stdlib.h ] || echo libc
	for module in libcap-ng inih libmd libcurl jansson cunit; do
		pkg-config --exists "$module" 2>/dev/null || echo "$module"
	done
	[ "${1:-}" = test ] || return 0
	for tool in dockerd docker iptables ip unshare nsenter setpriv strace curl pgrep bash spin mandoc python3 zsh fish \
		valgrind git dh dpkg-buildpackage lintian systemd-analyze dbus-daemon shellcheck \
		ssh sshd mscgen \
		mkfs.ext4 mkfs.xfs mkfs.btrfs; do
		! lacks_tool "$tool" || echo "$tool"
	done
	[ -x /lib/systemd/systemd-journald ] || echo journald
	lacks_tool cc || ! lacks_static_libc || echo libc-static
	! lacks_yaml || echo python-yaml
}

package_of() { # NAME COLUMN
	printf '%s\n' "$packages" | awk -v name="$1" -v column="$2" '$1 == name { print $column }'
}

packages_for() { # COLUMN
	for thing in $missing; do
		package_of "$thing" "$1"
	done | grep -vx -e - | sort -u | tr '\n' ' '
}

# Up to Debian 12 and on Ubuntu, docker.io has the docker command in it, and there is no docker-cli.
debian_packages() {
	for package in $(packages_for 2); do
		if [ "$package" != docker-cli ] || [ -n "$(apt-cache madison docker-cli)" ]; then
			echo "$package"
		else
			echo docker.io
		fi
	done | sort -u | tr '\n' ' '
}

install_by_apt() {
	if [ "$(id -u)" -ne 0 ]; then
		die "missing: $(printf %s "$missing" | tr '\n' ' ')
run: sudo apt-get update && sudo apt-get install --no-install-recommends $(debian_packages)"
	fi
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update >/dev/null
	# The tests start an engine of their own; the machine's needs no new service.
	if [ ! -e "$GUARD" ]; then
		trap 'rm -f "$GUARD"' EXIT
		trap 'exit 1' HUP INT PIPE TERM
		printf '#!/bin/sh\nexit 101\n' >"$GUARD"
		chmod 755 "$GUARD"
	fi
	# shellcheck disable=SC2046 # a list of words
	set -- $(debian_packages)
	echo "installing: $*"
	log=$(mktemp)
	if ! apt-get -qq -y --no-install-recommends install "$@" >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		die "apt-get could not install: $*"
	fi
	rm -f "$log"
}

case ${1:-} in
'' | test) ;;
*) die "usage: install-deps.sh [test]" ;;
esac

missing=$(missing_things "$@")
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null; then
	install_by_apt
	missing=$(missing_things "$@")
	[ -z "$missing" ] || die "still missing: $missing"
elif command -v dnf >/dev/null; then
	die "missing packages: $(packages_for 3)"
elif command -v apk >/dev/null; then
	die "missing packages: $(packages_for 4)"
elif command -v pacman >/dev/null; then
	die "missing packages: $(packages_for 5)"
else
	die "missing: $missing"
fi
