# shellcheck shell=bash
# The RPM package's life, in overlay.sh: the package is in /tmp/given. What it requires is there, but in
# Debian's database.

rm -f /tmp/given/*.src.rpm /tmp/given/*debug*
package=$(echo /tmp/given/ci-janitor-*.rpm)
conf=/etc/ci-janitor/ci-janitor.conf
# As Fedora has it; no systemd runs here.
install -D -m 755 /tmp/given/systemd-update-helper /usr/lib/systemd/systemd-update-helper
install -d /usr/lib/systemd/system-preset
echo 'disable *' >/usr/lib/systemd/system-preset/99-default-disable.preset
export SYSTEMD_OFFLINE=1
is_enabled() {
	systemctl is-enabled "$1" || :
}
changed >/tmp/before
rpm --initdb
rpm -i --nodeps "$package"
same "the timer, left to the administrator" "$(is_enabled ci-janitor.timer)" disabled
systemctl -q enable ci-janitor.timer
use "$(rpm -q --queryformat '%{VERSION}' ci-janitor)"
rpm -V --nodeps ci-janitor
echo '# ours' >>$conf
rpm -U --nodeps --force "$package"
same "the configuration after an upgrade" "$(tail -n 1 $conf)" '# ours'
same "the timer after an upgrade" "$(is_enabled ci-janitor.timer)" enabled
rpm -e ci-janitor
# Folders that this system lacks are other packages' there.
same "files left after the removal" "$(changed | grep -v '/$' | grep -vxF -f /tmp/before)" "${conf#/}.rpmsave"
