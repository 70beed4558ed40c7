# shellcheck shell=bash
# The packages of other distributions, as far as Debian's versions of their tools go, and Debian's own in
# systems that have nothing else. Part of check-packages.sh.

# Systems that debootstrap makes, once, some 150 MB each.
SYSTEMS=${CI_JANITOR_SYSTEMS:-${XDG_CACHE_HOME:-$HOME/.cache}/ci-janitor-systems}

need() { # TOOL PACKAGE
	command -v "$1" >/dev/null || fail "$1 is missing: apt-get install $2"
}

deb_again() {
	BUILDER='dpkg-buildpackage --ignore-builtin-builddeps' "$TOP/packaging/build.sh" deb \
		"ci-janitor-$VERSION.tar.gz" again
	(cd deb && sha256sum ./*.deb ./*.tar.xz) >sums
	(cd again && sha256sum -c ../sums)
}

# apt-get takes what the package depends on from the archive; nothing else is there.
minimal_system() { # RELEASE
	need debootstrap debootstrap
	if [ ! -d "$SYSTEMS/$1" ]; then
		mkdir -p "$SYSTEMS"
		rm -rf "$SYSTEMS/$1.new"
		debootstrap --variant=minbase "$1" "$SYSTEMS/$1.new"
		mv "$SYSTEMS/$1.new" "$SYSTEMS/$1"
	fi
	KEEP_NETWORK=1 "$HERE/overlay.sh" "$HERE/deb-minimal.sh" "$WORK/deb" "$SYSTEMS/$1"
}

bookworm() {
	minimal_system bookworm
}

trixie() {
	minimal_system trixie
}

# systemd's own macros for packages and what their scriptlets call, from its source, since Debian has no
# package of them.
systemd_macros() {
	local list
	mkdir -p systemd/parts systemd/state/lists/partial systemd/cache/archives/partial
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ ! -f "$list" ] || sed 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$list" \
			>"systemd/parts/$(basename "$list" | sed 's/^sources.list$/main.list/')"
	done
	set -- -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$PWD/systemd/parts" \
		-o Dir::State="$PWD/systemd/state" -o Dir::Cache="$PWD/systemd/cache" \
		-o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User="$(id -un)"
	apt-get "$@" update
	(cd systemd && apt-get "$@" source --download-only systemd)
	tar -xf systemd/systemd_*.orig.tar.* -C systemd --wildcards --strip-components=1 '*/src/rpm/*'
	for file in macros.systemd systemd-update-helper; do
		sed 's|{{SYSTEM_DATA_UNIT_DIR}}|/usr/lib/systemd/system|; s|{{TMPFILES_DIR}}|/usr/lib/tmpfiles.d|
			s|{{SYSTEMD_UPDATE_HELPER_PATH}}|/usr/lib/systemd/systemd-update-helper|' \
			"systemd/src/rpm/$file.in" >"systemd/$file"
	done
}

rpm_build() {
	need rpmbuild rpm
	need rpmlint rpmlint
	systemd_macros
	BUILDER="rpmbuild --nodeps --load $WORK/systemd/macros.systemd --load $HERE/fedora.macros" \
		"$TOP/packaging/build.sh" rpm "ci-janitor-$VERSION.tar.gz" rpm
	cp systemd/systemd-update-helper rpm
	(cd rpm && rpm2cpio ./*.src.rpm | cpio -id '*.spec')
	rpmlint --config "$HERE/rpmlint.toml" rpm/*.spec rpm/*.rpm
}

rpm_life() {
	"$HERE/overlay.sh" "$HERE/rpm-life.sh" "$WORK/rpm"
}

# makepkg refuses to work for root.
arch_build() {
	need makepkg makepkg
	mkdir arch
	chmod 711 .
	chown 65534 arch
	BUILDER="setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=$WORK/arch TMPDIR=$WORK/arch makepkg
		--nodeps" "$TOP/packaging/build.sh" arch "ci-janitor-$VERSION.tar.gz" arch
}

arch_life() {
	need pacman pacman-package-manager
	"$HERE/overlay.sh" "$HERE/arch-life.sh" "$WORK/arch"
}

# abuild is not in Debian: its steps, in its order, in a shell of Alpine's kind.
alpine() {
	mkdir -p alpine/src alpine/pkg
	sed "s/@VERSION@/$VERSION/g" "$TOP/packaging/alpine/APKBUILD" >alpine/APKBUILD
	tar -xzf "ci-janitor-$VERSION.tar.gz" -C alpine/src
	# shellcheck disable=SC2016 # expanded by the inner shell
	srcdir=$WORK/alpine/src pkgdir=$WORK/alpine/pkg dash -euc '
		. "$1"
		for step in build check package; do
			cd "$builddir"
			$step
		done' sh "$WORK/alpine/APKBUILD"
	alpine/pkg/usr/bin/ci-janitor --version
	same "no systemd there" "$(find alpine/pkg -path '*systemd*' -o -path '*tmpfiles*')" ""
}

# Without nixpkgs: by nix, with the compiler and the libraries that are here.
nix() {
	local out
	need nix-build nix-bin
	need patchelf patchelf
	unpack nix-source
	out=$(NIX_CONFIG='build-users-group =
sandbox = false' NIX_STATE_DIR=$WORK/nix NIX_STORE_DIR=$WORK/nix/store nix-build --no-out-link "$HERE/nixpkgs.nix" \
		--arg source "$WORK/nix-source")
	same "its name" "${out##*-ci-janitor}" "-$VERSION"
	same --version "$("$out/bin/ci-janitor" --version)" "ci-janitor $VERSION"
	patchelf --print-rpath "$out/bin/ci-janitor" | grep -qF /usr/lib:/usr/lib:/usr/lib || fail "the libraries' paths"
	grep -qF "ExecStart=$out/bin/ci-janitor" "$out/lib/systemd/system/ci-janitor.service" || fail "the unit's program"
	[ -f "$out/share/man/man1/ci-janitor.1" ] || fail "the manual"
	[ -f "$out/etc/ci-janitor/ci-janitor.conf" ] || fail "the configuration"
}

check "Debian: built again, the same bytes" deb_again
check "Debian: installed in a minimal bookworm" bookworm
check "Debian: installed in a minimal trixie" trixie
check "rpm: the package, and rpmlint" rpm_build
check "rpm: installed, used, upgraded, removed" rpm_life
check "Arch: the package" arch_build
check "Arch: installed, used, removed" arch_life
check "Alpine: the recipe's steps" alpine
check "Nix: built with what is here" nix
