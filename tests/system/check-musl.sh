#!/bin/sh
# The unit tests and the fuzzers' corpora with musl in the place of glibc: in a new Debian root, with Debian's musl-gcc and
# the libraries that must be had, built with it from Debian's sources (OpenSSL's libcrypto, libseccomp, cmocka) with zlib
# and, where its source can be had, libargon2.
# Not part of `make check`: it needs root, debootstrap, the network, and a quarter of an hour.
#
#   tests/system/check-musl.sh [TEST...]      default: every tests/unit/t_* and tests/fuzz/f_* that can be built
#
# Built are signet-agent, signet-add, signet-prompt, signet-files, signet-unlock and signet-setup, and every test but
# those of what needs libfido2, p11-kit, pcsc-lite, libsecret or sd-bus.  ROOT_DIR (a new folder in /tmp) holds the root
# and is removed; one that is named stays, with the libraries, and is used again.  The last commit is what is built.
set -u

tree=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$tree/tests/support/judge.sh"
judged_start musl

cannot() {
	[ -e "$root/srv/musl/lib/libargon2.a" ] || cat <<-'TABLE'
	t_keyfile ppk: built without libargon2, which PuTTY's files of version 3 want
	t_keyfile opens_ppk_ed448: built without libargon2
	t_keyfile_bad truncated_files: built without libargon2
	t_keyfile_bad bounds_are_exact: built without libargon2
	t_keyfile_leak PPK: built without libargon2
	t_ppk the_mac_notices: built without libargon2
	t_ppk layout: built without libargon2
	t_ppk argon2_vectors: built without libargon2
	TABLE
	cat <<-'TABLE'
	t_keyfile_bad no_legacy_provider: the legacy provider is a part of libcrypto here
	t_tokens_sandbox test_allowed: musl raises signals by tkill, which the filter denies, as it cannot tell whose thread it is
	TABLE
}

# What is built once: static libraries in /srv/musl.  Its argument is Debian's mirror.
write_libraries() {
	cat >"$1" <<-'STEPS'
	set -eu
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -q
	apt-get install -y -q --no-install-recommends gcc libc6-dev musl-tools linux-libc-dev make perl pkgconf \
		xz-utils dpkg-dev cmake gperf openssl openssh-client putty-tools procps
	mkdir -p /srv/src /srv/musl/lib/pkgconfig /srv/musl/include
	cd /srv/src
	apt-get source -q openssl libseccomp cmocka zlib
	# Some mirrors lack bookworm's; the next Debian's is as good, and of either what upstream made is enough.
	apt-get source -q --download-only argon2 || {
		echo "deb-src $1 trixie main" >/etc/apt/sources.list.d/trixie.list
		apt-get update -q && apt-get source -q --download-only argon2/trixie || :
	}
	mkdir argon2
	for archive in argon2_*.orig.tar.*; do
		tar -x --strip-components=1 -C argon2 -f "$archive" || :
	done
	# The kernel's headers belong to no C library.
	machine=$(gcc -print-multiarch)
	for folder in linux asm-generic mtd; do
		ln -sfn /usr/include/$folder "/usr/include/${machine%-gnu}-musl/$folder"
	done
	ln -sfn "/usr/include/$machine/asm" "/usr/include/${machine%-gnu}-musl/asm"

	musl=/srv/musl
	export CC=musl-gcc
	# The legacy provider is a part of the library here.
	(cd openssl-[0-9]*/ && ./Configure "linux-$(uname -m)" no-shared no-module no-tests no-async no-engine \
		--prefix=$musl --libdir=lib -O1 && make -s build_generated && make -s -j"$(nproc)" libcrypto.a &&
		cp -R include/openssl $musl/include && cp libcrypto.a $musl/lib)
	(cd libseccomp-[0-9]*/ && { [ -x configure ] || ./autogen.sh; } &&
		./configure -q --prefix=$musl --disable-shared --enable-static && make -s -C include install &&
		make -s -C src install && make -s install-pkgconfDATA)
	(cd cmocka-[0-9]*/ && mkdir -p made && cd made &&
		cmake -DCMAKE_C_COMPILER=musl-gcc -DWITH_STATIC_LIB=ON .. && make -s cmocka-static &&
		cp src/libcmocka-static.a $musl/lib/libcmocka.a && cp ../include/cmocka*.h $musl/include)
	(cd zlib-[0-9]*/ && ./configure --static --prefix=$musl && make -s libz.a &&
		cp libz.a $musl/lib && cp zlib.h zconf.h $musl/include)
	[ ! -e argon2/Makefile ] || (cd argon2 && make -s OPTTARGET=none libargon2.a && cp libargon2.a $musl/lib &&
		cp include/argon2.h $musl/include)
	for library in libcrypto:-lcrypto cmocka:-lcmocka zlib:-lz libargon2:-largon2; do
		[ -e "$musl/lib/lib${library#*:-l}.a" ] || continue
		printf 'Name: %s\nDescription: with musl\nVersion: 0\nLibs: -L%s/lib %s\n' \
			"${library%:*}" $musl "${library#*:}" >$musl/lib/pkgconfig/${library%:*}.pc
	done
	STEPS
}

write_steps() {
	cat >"$1" <<-'STEPS'
	set -eu
	cd /srv/signet
	export CC=musl-gcc PKG_CONFIG_LIBDIR=/srv/musl/lib/pkgconfig CPPFLAGS="-isystem /srv/musl/include"
	make -s -j"$(nproc)" OPT='-O1 -g' all $(printf '%s\n' "$@" | sed -e 's,^t_,build/tests/unit/&,' -e 's,^f_,build/tests/fuzz/&,')
	for program in build/bin/* build/libexec/signet/*; do
		readelf -l "$program" | grep -q '/ld-musl-' || { echo "$program is not musl's" && exit 1; }
		echo "built: $program"
	done
	TEST_SECONDS=600 tests/run "$@" >/srv/tests.log 2>&1 || :
	STEPS
}

# Tests that are built with libfido2, p11-kit, libsecret or sd-bus are left out.
tests() {
	for source in "$tree"/tests/unit/t_*.c "$tree"/tests/fuzz/f_*.c; do
		name=${source##*/}
		case ${name%.c} in
		t_fido_* | t_pkcs11_*) ;;
		f_fido | f_fidodev | f_nfc | f_pkcs11 | f_keyring | f_session) ;;
		*) echo "${name%.c}" ;;
		esac
	done
}

if [ ! -e "$dir/ready" ]; then
	rm -rf "$root"
	bare_root bookworm || exit 1
	echo "deb-src $(mirror_of bookworm) bookworm main" >"$root/etc/apt/sources.list.d/sources.list"
	write_libraries "$root/srv/libraries"
	in_root bookworm sh /srv/libraries "$(mirror_of bookworm)" >"$dir/libraries.log" 2>&1 || {
		tail -n 30 "$dir/libraries.log"
		exit 1
	}
	: >"$dir/ready"
fi
# shellcheck disable=SC2046 # names of tests
[ $# -gt 0 ] || set -- $(tests)
judged_run "$@"
status=$?
grep '^built: ' "$dir/log"
exit $status
