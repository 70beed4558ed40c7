#!/bin/sh
# Makes a distribution's package of what `make dist` made.
#
#	build.sh KIND ci-janitor-VERSION.tar.gz FOLDER		KIND: deb, rpm, arch, alpine
#
# The package's files appear in FOLDER. $BUILDER is the distribution's tool with other options, for
# machines that lack its database of packages: BUILDER='rpmbuild --nodeps'.
set -eu

die() {
	echo "build.sh: $*" >&2
	exit 1
}

# A recipe with the version and the tarball's checksum in it.
recipe() { # FILE
	sed "s/@VERSION@/$VERSION/g; s/@SHA512@/$(sha512sum <"$TARBALL" | cut -d ' ' -f 1)/g" \
		"$SOURCE/packaging/$1"
}

build_deb() {
	mv "$SOURCE/packaging/debian" "$SOURCE/debian"
	(cd "$SOURCE" && ${BUILDER:-dpkg-buildpackage} -us -uc)
	mv "$WORK/ci-janitor"*_"$VERSION"* "$FOLDER"
}

build_rpm() {
	recipe rpm/ci-janitor.spec >"$WORK/ci-janitor.spec"
	cp "$TARBALL" "$WORK"
	${BUILDER:-rpmbuild} -ba --define "_topdir $WORK/rpm" --define "_sourcedir $WORK" \
		"$WORK/ci-janitor.spec"
	mv "$WORK"/rpm/RPMS/*/*.rpm "$WORK"/rpm/SRPMS/*.rpm "$FOLDER"
}

# makepkg and abuild work in the recipe's folder, which stays as what can be published. abuild makes
# a repository of packages there, in a folder with the name of the one above.
build_arch() {
	recipe arch/PKGBUILD >"$FOLDER/PKGBUILD"
	cp "$TARBALL" "$FOLDER"
	(cd "$FOLDER" && ${BUILDER:-makepkg})
}

build_alpine() {
	recipe alpine/APKBUILD >"$FOLDER/APKBUILD"
	cp "$TARBALL" "$FOLDER"
	(cd "$FOLDER" && REPODEST=$FOLDER ${BUILDER:-abuild -r})
}

[ $# -eq 3 ] || die "usage: build.sh KIND TARBALL FOLDER"
case $1 in
deb | rpm | arch | alpine) ;;
*) die "no such kind of package: $1" ;;
esac
mkdir -p "$3"
TARBALL=$(realpath "$2") FOLDER=$(realpath "$3")
VERSION=$(basename "$TARBALL" .tar.gz)
VERSION=${VERSION#ci-janitor-}
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' HUP INT PIPE TERM
tar -xzf "$TARBALL" -C "$WORK"
SOURCE=$WORK/ci-janitor-$VERSION
# What a make around this was told (O=) is not for the package's own.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL O
"build_$1"
