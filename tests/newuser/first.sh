# shellcheck shell=bash
set -euo pipefail
# From the README's top, with a network.
get_clone

# Pids, task ids and times differ.
shape() {
	sed -E 's/-pr-[0-9]+/-pr-N/g; s/\.[a-z0-9]{25}/.ID/g; s/[0-9]+\.[0-9]+ s/N s/g
		s/[^ ]+@[^ ]+:[0-9]+ +[0-9]+/HOLDER PID/; s/20[0-9-]+T[0-9:]+Z +[0-9]+s/SINCE AGE/
		s/ +/ /g; s/^ //; s/ $//'
}

paste 'make demo' >/root/demo.out
sed -n '/^## What it looks like/,/^## In a CI job/s/^    //p' README.md >/root/demo.wanted
shape </root/demo.out >/root/demo.shown
while read -r wanted; do
	grep -qxF -- "$wanted" /root/demo.shown || fail "make demo doesn't say '$wanted': $(cat /root/demo.out)"
done < <(shape </root/demo.wanted)
cat /root/demo.wanted >>"$PASTED"

# Some tests set fs.protected_*, and put it back.
mount -o remount,bind,rw /proc/sys
if [ "$LAYERS" = all ]; then
	paste_quietly 'make check'
	sed -n '/^check-model/,$p' /root/make-check.log
	paste_quietly 'make check-sanitize'
else
	line 'make check' >/dev/null
	line 'make check-sanitize' >/dev/null
	make -s deps-test
	for layer in $LAYERS; do
		say "make check-$layer"
		make -s "check-$layer" >/root/check.out 2>&1 || fail "check-$layer: $(grep -B 1 -A 6 FAILED /root/check.out)"
		grep -E '^ +(tests|asserts) ' /root/check.out
	done
fi
mount -o remount,bind,ro /proc/sys
paste_quietly 'make DEVELOPER=1'
paste_quietly 'make image'
make -s
paste_quietly 'make install'
# For use.sh, which has no network: what nodes speak with each other.
apt-get -qq -y --no-install-recommends install openssh-client openssh-server >/dev/null
