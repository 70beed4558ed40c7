#!/bin/bash
# The release and its packages.
#
#	check-packages.sh	what CI checks: versions, `make dist`, the program's bytes, `make install`,
#				and the Debian package's life from its first installation to its purge
#	check-packages.sh all	other distributions' packages, and Debian's in minimal systems, as well
#
# Everything happens to a copy of the work tree, committed or not, in a temporary folder; packages are
# installed in an overlay of this machine's root.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
TOP=$(cd "$HERE/../.." && pwd)
WORK=$(mktemp -d "${TMPDIR:-/tmp}/ci-janitor-packages.XXXXXX")
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' HUP INT TERM PIPE
passed=0 failed=0

# The packages have makes of their own, which get nothing from one around this.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL O DESTDIR CFLAGS CPPFLAGS LDFLAGS
export LC_ALL=C
JOBS=-j$(nproc)

# Runs a test in a subshell, whose output is shown when it fails.
check() { # NAME FUNCTION
	local began=$SECONDS status
	# Not in a condition, where bash would forget set -e.
	set +e
	(
		set -e
		cd "$WORK"
		"$2"
	) >"$WORK/log" 2>&1
	status=$?
	set -e
	if [ "$status" -eq 0 ]; then
		echo "  Test: $1 ...passed ($((SECONDS - began)) s)"
		passed=$((passed + 1))
	else
		echo "  Test: $1 ...FAILED"
		sed 's/^/    /' "$WORK/log" | tail -n 60
		failed=$((failed + 1))
	fi
}

fail() {
	echo "FAILED: $*"
	exit 1
}

same() { # WHAT ACTUAL EXPECTED
	[ "$2" = "$3" ] || fail "$1: '$2', expected '$3'"
}

# The work tree in a repository of its own; both have the same commit.
make_repository() { # FOLDER
	mkdir "$1"
	(cd "$TOP" && git ls-files -z --cached --others --exclude-standard |
		tar --null --ignore-failed-read -cf - -T -) | tar -xf - -C "$1"
	export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000'
	git -C "$1" init -q
	git -C "$1" add -A
	git -C "$1" -c user.name=test -c user.email=test@localhost commit -q -m test
}

dist() {
	make_repository one
	sleep 1
	(umask 077 && export TZ=Asia/Kathmandu && make_repository two && make -s -C two dist O=elsewhere)
	make -s -C one dist
	cmp "one/build/ci-janitor-$VERSION.tar.gz" "two/elsewhere/ci-janitor-$VERSION.tar.gz"
	cp "one/build/ci-janitor-$VERSION.tar.gz" .
	echo >>one/README.md
	! make -s -C one dist || fail "uncommitted changes are left out silently"
}

versions() {
	local files
	same "debian/changelog" "$(sed -n '1s/^ci-janitor (\(.*\)) .*/\1/p' "$TOP/packaging/debian/changelog")" "$VERSION"
	same "CHANGELOG.md" "$(sed -n 's/^## \([^ ]*\).*/\1/p' "$TOP/CHANGELOG.md" | head -n 1)" "$VERSION"
	files=$(cd "$TOP" && git grep -lF --untracked "$VERSION" -- packaging)
	same "files in packaging with a version" "$files" packaging/debian/changelog
}

unpack() { # FOLDER
	mkdir -p "$1"
	tar -xzf "ci-janitor-$VERSION.tar.gz" -C "$1" --strip-components=1
}

# gcc's and clang's debugging information, assertions and archives would all tell a folder.
program() {
	unpack first
	unpack second/and/longer
	same "what make -n complains of" "$(make -n -C first install 2>&1 >/dev/null)" ""
	[ ! -e first/build ] || fail "make -n makes something"
	make -s "$JOBS" -C first
	make -s "$JOBS" -C second/and/longer O=out/of/the/way
	cmp first/build/ci-janitor second/and/longer/out/of/the/way/ci-janitor
	cmp first/build/front/ci-janitor second/and/longer/out/of/the/way/front/ci-janitor
	same --version "$(first/build/ci-janitor --version)" "ci-janitor $VERSION"
}

installed() { # in root
	(cd root && find . ! -type d | sort)
}

install_target() {
	local conf=root/etc/ci-janitor/ci-janitor.conf
	make -s -C first install DESTDIR="$WORK/root" PREFIX=/usr
	installed >list
	cat list
	for file in usr/bin/ci-janitor usr/libexec/ci-janitor/ci-janitor usr/share/man/man1/ci-janitor.1 etc/ci-janitor/ci-janitor.conf \
		usr/share/zsh/site-functions/_ci-janitor usr/share/doc/ci-janitor/LICENSE; do
		grep -qx "./$file" list || fail "not installed: $file"
	done
	! grep -v -e /usr/ -e /etc/ci-janitor/ list || fail "installed elsewhere"
	same "modes" "$(find root -type f -perm /133 ! -name ci-janitor)" ""

	echo '# ours' >>$conf
	make -s -C first install DESTDIR="$WORK/root" PREFIX=/usr
	same "the administrator's line" "$(tail -n 1 $conf)" '# ours'
	make -s -C first uninstall DESTDIR="$WORK/root" PREFIX=/usr
	same "what stays" "$(installed)" ./etc/ci-janitor/ci-janitor.conf

	cp first/conf/ci-janitor.conf $conf
	make -s -C first uninstall DESTDIR="$WORK/root" PREFIX=/usr
	same "what stays without a configuration of one's own" "$(installed)" ""
	same "folders that stay" "$(find root -name '*ci-janitor*')" ""
}

# Where it is to stay, not in a folder that is packed.
used_from_there() {
	make -s -C first install PREFIX="$WORK/prefix" SYSCONFDIR="$WORK/prefix/etc"
	! readelf -lW prefix/bin/ci-janitor | grep INTERP || fail "the front is dynamic"
	cmp prefix/libexec/ci-janitor/ci-janitor first/build/ci-janitor
	mkdir locks
	same "a run" "$(prefix/bin/ci-janitor --lock-dir locks run shop --no-fresh --no-teardown -- echo ok)" ok
	prefix/bin/ci-janitor --lock-dir locks list --json | grep -q '"shop"'
	mv prefix/libexec/ci-janitor/ci-janitor elsewhere-now
	! prefix/bin/ci-janitor --lock-dir locks list 2>message || fail "half of it works"
	grep -q "unable to execute $WORK/prefix/libexec/ci-janitor/ci-janitor: No such file" message
	mv elsewhere-now prefix/libexec/ci-janitor/ci-janitor
	make -s -C first install DESTDIR="$WORK/alone" PREFIX=/usr FRONT=no
	cmp alone/usr/bin/ci-janitor first/build/ci-janitor
	[ ! -e alone/usr/libexec ] || fail "FRONT=no installs two programs"
}

directories() {
	local name
	set --
	for name in BINDIR LIBEXECDIR MANDIR BASHDIR ZSHDIR FISHDIR DOCDIR EXAMPLEDIR LICENSEDIR SYSCONFDIR UNITDIR TMPFILESDIR; do
		set -- "$@" "$name=/there/$name"
	done
	make -s -C first install DESTDIR="$WORK/elsewhere" "$@"
	same "outside of the named folders" "$(find elsewhere ! -type d ! -path 'elsewhere/there/*')" ""
	make -s -C first uninstall DESTDIR="$WORK/elsewhere" "$@"
	same "what stays" "$(find elsewhere ! -type d)" ""
}

deb() {
	# What a build needs is there, the package build-essential perhaps not.
	BUILDER='dpkg-buildpackage --ignore-builtin-builddeps' "$TOP/packaging/build.sh" deb "ci-janitor-$VERSION.tar.gz" deb >deb.log 2>&1 ||
		fail "$(tail -n 50 deb.log)"
	# loaded.so is for dpkg-shlibdeps only.
	! grep 'warning: ' deb.log | grep -v 'binaries to analyze should already be installed' || fail "warnings"
}

# How old the policy's version may be is each lintian's own opinion.
lint() {
	lintian --allow-root --display-info --fail-on error,warning,info \
		--suppress-tags out-of-date-standards-version deb/*.changes
}

# Libraries that are loaded by name, and those that the package depends on.
dependencies() {
	local depends so package
	make -s -C first loaded
	dpkg-deb -x deb/ci-janitor_*.deb unpacked
	readelf -d first/build/loaded.so unpacked/usr/bin/ci-janitor |
		sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u >needed
	sed -n 's/.*library_load("\([^"]*\)".*/\1/p' first/src/*/*.c | sort -u >loaded
	[ -s loaded ]
	same "loaded by name, but not by loaded.so" "$(comm -13 needed loaded)" ""
	depends=" $(dpkg-deb -f deb/ci-janitor_*.deb Depends | tr -d ,) "
	while read -r so; do
		package=$(dpkg -S "*/$so" | sed 's/:.*//' | sort -u | head -n 1)
		[[ $depends == *" $package "* ]] || fail "$so is in $package, which is not in:$depends"
		! grep -qx "$so" loaded || grep -q "^Requires: *$so" "$TOP/packaging/rpm/ci-janitor.spec" ||
			fail "$so is not in the spec"
		! grep -qx "$so" loaded || grep -q "^depends=.*so:$so\>" "$TOP/packaging/alpine/APKBUILD" ||
			fail "$so is not in the APKBUILD"
	done <needed
}

life() {
	"$HERE/overlay.sh" "$HERE/deb-life.sh" "$WORK/deb"
}

VERSION=$(sed -n 's/^VERSION[[:space:]]*:= //p' "$TOP/Makefile")
echo "Suite: packages"
check "the version stands in one place, and the changelogs agree" versions
check "make dist: the same commit makes the same bytes" dist
check "the program has the same bytes wherever it is built" program
check "make install and uninstall" install_target
check "every directory can be chosen" directories
check "installed and used, as two programs and as one" used_from_there
check "Debian: the package" deb
check "Debian: lintian" lint
check "what is loaded at first use is depended on" dependencies
check "Debian: installed, used, upgraded, removed, purged" life
if [ "${1:-}" = all ]; then
	# shellcheck source=tests/packages/others.sh
	. "$HERE/others.sh"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
