# shellcheck shell=bash
# The Arch package's life, in overlay.sh: the package is in /tmp/given. What it depends on is there, but
# in Debian's database.

conf=/etc/ci-janitor/ci-janitor.conf
mkdir -p /var/lib/pacman
pacman -U --noconfirm -dd /tmp/given/ci-janitor-*.pkg.tar.*
use "$(pacman -Q ci-janitor | sed 's/.* //; s/-.*//')"
echo '# ours' >>$conf
pacman -U --noconfirm -dd /tmp/given/ci-janitor-*.pkg.tar.*
same "the configuration after an upgrade" "$(tail -n 1 $conf)" '# ours'
pacman -R --noconfirm ci-janitor
# Folders that this system lacks are other packages' there.
same "files left after the removal" "$(changed | grep -v '/$')" "${conf#/}.pacsave"
