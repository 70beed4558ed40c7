# shellcheck shell=bash
set -euo pipefail
# Debian's package, with a network. The README's first line installs git, too.
get_clone
paste_quietly 'sudo apt-get install build-essential'
paste_quietly 'sudo apt-get build-dep'
paste_quietly 'make deb'
paste_quietly 'sudo apt-get install ./build/deb/'
[ "$(command -v ci-janitor)" = /usr/bin/ci-janitor ] || fail "the package has no program"
ci-janitor --version
systemctl is-active ci-janitor.timer ci-janitor-boot.timer || fail "the package's timers aren't active"
apt-get -qq -y purge ci-janitor >/dev/null
