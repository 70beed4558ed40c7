# shellcheck shell=bash
# The Debian package in a system that has nothing but Debian's essentials, in overlay.sh.

apt-get -qq update
apt-get -qq -y --no-install-recommends install /tmp/given/ci-janitor_*.deb
use "$(dpkg-query -W -f '${Version}' ci-janitor)"
apt-get -qq -y purge ci-janitor
[ ! -e /etc/ci-janitor ] || fail "the configuration is still there"
