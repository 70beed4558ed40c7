# shellcheck shell=bash
set -euo pipefail
# From source, with nothing but what the README says, and a network.
get_clone
paste_quietly 'make deps' quoted
paste_quietly 'make$'
paste_quietly 'make install'
[ "$(command -v ci-janitor)" = /usr/local/bin/ci-janitor ] || fail "there is no program"
# The static front, and what it executes for all else.
! ldd /usr/local/bin/ci-janitor | grep '=>' || fail "the program in front is not static"
ldd /usr/local/libexec/ci-janitor/ci-janitor | grep -q '=>' || fail "the whole program isn't in LIBEXECDIR"
ci-janitor --version

# Debian's minimal system has no man.
apt-get -qq -y --no-install-recommends install man-db >/dev/null
paste_quietly 'man ci-janitor' quoted
grep -q '^SYSTEMD' /root/man-ci-janitor.log || fail "the manual has no SYSTEMD"
man 5 ci-janitor.conf | grep -q '^LEASES' || fail "the configuration's manual has no LEASES"
man 7 ci-janitor-protocol >/dev/null
help=$(quoted 'ci-janitor COMMAND --help')
awk -F '[`| ]+' '/^## Commands/ { on = 1 } /^`ci-janitor COMMAND/ { on = 0 } on && /^\| `/ { print $2 }' \
	README.md >/root/commands
[ "$(wc -l </root/commands)" -ge 9 ] || fail "the README's table has $(cat /root/commands)"
while read -r command; do
	say "${help/COMMAND/$command}"
	eval "${help/COMMAND/$command}" | grep -q "$command" || fail "$command has no help"
done </root/commands

paste_quietly 'make uninstall' quoted
hash -r
! command -v ci-janitor || fail "make uninstall leaves the program"
left=$(find /usr /etc /var/lib -xdev -path '*ci-janitor*' ! -path '*/dpkg/*')
[ -z "$left" ] || fail "make uninstall leaves $left"
