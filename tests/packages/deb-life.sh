# shellcheck shell=bash
# The Debian package's life, in overlay.sh: the packages are in /tmp/given.

# The same package as a later version, whose sample configuration has changed.
make_next_version() { # DEB
	dpkg-deb -R "$1" /tmp/next
	sed -i 's/^Version: .*/&+next/' /tmp/next/DEBIAN/control
	echo '# of the next version' >>/tmp/next/etc/ci-janitor/ci-janitor.conf
	dpkg-deb --root-owner-group -b /tmp/next /tmp/next.deb >/dev/null
}

# A run that goes on until /run/go is there. Its teardown starts the program anew.
begin_run() {
	ci-janitor run --no-fresh blog -- sh -c 'until [ -e /run/go ]; do sleep 0.05; done; exit 5' 2>/tmp/run &
	run=$!
	for _ in $(seq 200); do
		[ "$(ci-janitor status blog | cut -d ' ' -f 1)" != held ] || return 0
		sleep 0.05
	done
	fail "the run does not begin"
}

end_run() {
	local status=0
	: >/run/go
	wait "$run" || status=$?
	rm /run/go
	same "the run's status" "$status" 5
	grep -q docker.sock /tmp/run || fail "no teardown after the upgrade: $(cat /tmp/run)"
}

deb=$(echo /tmp/given/ci-janitor_*.deb)
version=$(dpkg-deb -f "$deb" Version)
conf=/etc/ci-janitor/ci-janitor.conf
make_next_version "$deb"
same "changed before" "$(changed)" ""

dpkg -i "$deb"
use "$version"
dpkg -V ci-janitor
for timer in ci-janitor ci-janitor-boot; do
	[ -L /etc/systemd/system/timers.target.wants/$timer.timer ] || fail "$timer.timer is not enabled"
done
! grep -n 'invoke.*\.service' /var/lib/dpkg/info/ci-janitor.* || fail "an installation starts or stops a sweep"
[ -d /run/ci-janitor ] || fail "tmpfiles.d has made no /run/ci-janitor"
begin_run
echo '# ours' >>$conf
dpkg --force-confold -i /tmp/next.deb
same "the upgraded version" "$(dpkg-query -W -f '${Version}' ci-janitor)" "$version+next"
same "the configuration after the upgrade" "$(tail -n 1 $conf)" '# ours'
same "the run during the upgrade" "$(ci-janitor status blog | cut -d ' ' -f 1)" held
end_run
rm "$(ci-janitor path blog)"
use "$version"

dpkg -r ci-janitor
[ -e $conf ] || fail "the configuration went before the purge"
[ ! -e /usr/bin/ci-janitor ] || fail "the program is still there"
dpkg -P ci-janitor
same "left after the purge" "$(changed)" ""
same "left in /run" "$(find /run -name '*ci-*')" ""
