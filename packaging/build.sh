#!/bin/sh
# Makes a distribution's package of what `make dist` made.
#
#	build.sh KIND ci-janitor-VERSION.tar.gz FOLDER		KIND: deb
#
# The package's files appear in FOLDER. $BUILDER is the distribution's tool with other options, for
# machines that lack what it wants to see: BUILDER='dpkg-buildpackage -d'.
set -eu

die() {
	echo "build.sh: $*" >&2
	exit 1
}

build_deb() {
	mv "$SOURCE/packaging/debian" "$SOURCE/debian"
	(cd "$SOURCE" && ${BUILDER:-dpkg-buildpackage} -us -uc)
	mv "$WORK/ci-janitor"*_"$VERSION"* "$FOLDER"
}

[ $# -eq 3 ] || die "usage: build.sh KIND TARBALL FOLDER"
case $1 in
deb) ;;
*) die "no such kind of package: $1" ;;
esac
mkdir -p "$3"
TARBALL=$(realpath "$2") FOLDER=$(realpath "$3")
VERSION=$(basename "$TARBALL" .tar.gz)
VERSION=${VERSION#ci-janitor-}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' HUP INT TERM
tar -xzf "$TARBALL" -C "$WORK"
SOURCE=$WORK/ci-janitor-$VERSION
# What a make around this was told (O=) is not for the package's own.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL O
"build_$1"
