# shellcheck shell=bash
set -euo pipefail
# With a network: everything up to an installed program.
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq -y --no-install-recommends install git make >/dev/null
git config --global --add safe.directory '*'
git clone -q /srv/ci-janitor.git "$CLONE"
cd "$CLONE"

# Pids, task ids and times differ.
shape() {
	sed -E 's/-pr-[0-9]+/-pr-N/g; s/\.[a-z0-9]{25}/.ID/g; s/[0-9]+\.[0-9]+ s/N s/g; s/^ +//; s/ +$//'
}

paste 'make demo' >/root/demo.out
sed -n '/^## What it looks like/,/^## In a CI job/s/^    //p' README.md | grep -v '^APP \|20[0-9-]*T' | shape >/root/wanted
shape </root/demo.out >/root/shown
while read -r wanted; do
	grep -qxF -- "$wanted" /root/shown || fail "make demo doesn't say '$wanted': $(cat /root/demo.out)"
done </root/wanted

if [ "$LAYERS" = all ]; then
	paste 'make check' || fail "make check"
else
	make -s deps-test
	# Some tests set fs.protected_*, and put it back.
	mount -o remount,bind,rw /proc/sys
	for layer in $LAYERS; do
		say "make check-$layer"
		make -s "check-$layer" >/root/check.out 2>&1 || fail "check-$layer: $(grep -B 1 -A 6 FAILED /root/check.out)"
		grep -E '^ +(tests|asserts) ' /root/check.out
	done
	mount -o remount,bind,ro /proc/sys
fi
paste 'make DEVELOPER=1'

git clone -q /srv/ci-janitor.git /root/packaged
cd /root/packaged
paste 'sudo apt-get install build-essential' >/dev/null
paste 'sudo apt-get build-dep' >/dev/null
paste 'make deb' >/root/deb.out 2>&1 || fail "make deb: $(tail -n 40 /root/deb.out)"
paste 'sudo apt-get install ./build/deb/' >/dev/null
ci-janitor --version
apt-get -qq -y purge ci-janitor >/dev/null
hash -r

cd "$CLONE"
make -s
paste 'make install' >/dev/null
ci-janitor --version
