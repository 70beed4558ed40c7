#!/bin/sh
# The image that janitors run on other nodes (`make image`): a root file system with nothing in it but ci-janitor,
# linked statically.
#
#	build.sh FOLDER		FOLDER/ci-janitor-image.tar, for `docker import`; FOLDER/ci-janitor-static, the program
#
# Distributions' static libcurl asks for libraries that they have no static form of. So the distribution's
# source package is built, with all left out but HTTP over a unix socket. CURL_SOURCE=FOLDER is an unpacked curl, used
# instead; without it apt gets Debian's or Ubuntu's, patches included.
set -eu

HERE=$(cd "$(dirname "$0")/../.." && pwd)

die() {
	echo "build.sh: $*" >&2
	exit 1
}

[ $# = 1 ] || die "usage: build.sh FOLDER"
mkdir -p "$1"
OUT=$(cd "$1" && pwd)

# With lists of its own: the machine's may not name sources, and stay as they are.
get_source() {
	apt=$OUT/curl/apt
	mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/parts"
	for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
		/etc/apt/sources.list.d/*.sources; do
		[ ! -f "$list" ] || sed 's/^deb /deb-src /;s/^Types:.*/Types: deb-src/' "$list" \
			>"$apt/parts/${list##*/}"
	done
	[ ! -f "$apt/parts/sources.list" ] || mv "$apt/parts/sources.list" "$apt/parts/main.list"
	set -- -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/parts" \
		-o Dir::State="$apt/state" -o Dir::Cache="$apt/cache" \
		-o Dir::State::status=/var/lib/dpkg/status -o APT::Sandbox::User="$(id -un)"
	apt-get "$@" update
	(cd "$OUT/curl" && apt-get "$@" source --download-only curl)
	mkdir "$OUT/curl/source"
	tar -xf "$OUT"/curl/curl_*.orig.tar.[gx]z --strip-components=1 -C "$OUT/curl/source"
	tar -xf "$OUT"/curl/curl_*.debian.tar.[gx]z -C "$OUT/curl/source"
	# The package's flavours of the library, and its tests, which need not be there, aside.
	while read -r patch; do
		case $patch in '' | '#'* | 90_gnutls* | 99_nss* | *Gnu-TLS*) continue ;; esac
		patch -s -p1 -d "$OUT/curl/source" <"$OUT/curl/source/debian/patches/$patch" ||
			die "$patch does not apply"
	done <"$OUT/curl/source/debian/patches/series"
}

build_curl() {
	command -v apt-get >/dev/null || [ -n "${CURL_SOURCE:-}" ] ||
		die "CURL_SOURCE must name the folder of an unpacked curl"
	rm -rf "$OUT/curl"
	mkdir -p "$OUT/curl/build"
	[ -n "${CURL_SOURCE:-}" ] || get_source
	cd "$OUT/curl/build"
	"${CURL_SOURCE:-$OUT/curl/source}/configure" -q --prefix="$OUT/curl/installed" --disable-shared \
		--enable-static --enable-unix-sockets --without-ssl --without-zlib --without-brotli \
		--without-zstd --without-libpsl --without-libidn2 --without-nghttp2 \
		--without-librtmp --without-libssh2 --disable-ldap --disable-ldaps --disable-rtsp \
		--disable-ftp --disable-file --disable-dict --disable-telnet --disable-tftp \
		--disable-pop3 --disable-imap --disable-smb --disable-smtp --disable-gopher \
		--disable-mqtt --disable-manual --disable-threaded-resolver --disable-ares \
		--disable-cookies --disable-ntlm --disable-netrc --disable-alt-svc --disable-hsts \
		--disable-ipv6 CFLAGS='-O2 -fPIE -ffunction-sections' >log 2>&1 ||
		die "unable to configure curl: $(tail -n 5 log)"
	make -j2 -s -C lib install >>log 2>&1 || die "unable to build curl: $(tail -n 5 log)"
	make -s -C include install >>log 2>&1
}

[ -e "$OUT/curl/installed/lib/libcurl.a" ] || (build_curl)
cd "$HERE"
make --no-print-directory STANDALONE="$OUT/curl/installed" O="$OUT/static"
mkdir -p "$OUT/image"
strip -o "$OUT/image/ci-janitor" "$OUT/static/ci-janitor"
cp "$OUT/image/ci-janitor" "$OUT/ci-janitor-static"
# The same program makes the same bytes.
tar -C "$OUT/image" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=0755 \
	-cf "$OUT/ci-janitor-image.tar" ci-janitor
echo "$OUT/ci-janitor-image.tar"
