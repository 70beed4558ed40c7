# shellcheck shell=bash
# The RPM package's life, in overlay.sh: the package is in /tmp/given. What it requires is there, but in
# Debian's database.

rm -f /tmp/given/*.src.rpm /tmp/given/*debug*
package=$(echo /tmp/given/ci-janitor-*.rpm)
conf=/etc/ci-janitor/ci-janitor.conf
rpm --initdb
rpm -i --nodeps "$package"
use "$(rpm -q --queryformat '%{VERSION}' ci-janitor)"
rpm -V --nodeps ci-janitor
echo '# ours' >>$conf
rpm -U --nodeps --force "$package"
same "the configuration after an upgrade" "$(tail -n 1 $conf)" '# ours'
rpm -e ci-janitor
# Folders that this system lacks are other packages' there.
same "files left after the removal" "$(changed | grep -v '/$')" "${conf#/}.rpmsave"
