#!/bin/sh
# seconds 600
# The packages, built from this tree without optimisation, which takes longer: the Debian ones are unpacked and used, the
# RPM ones and what PKGBUILD packs are compared with them.  `make check-install` does with new roots what cannot be done here.
. "${0%/*}/../support/lib.sh"
need dpkg-buildpackage dpkg-deb dh lintian rpmbuild rpm bash readelf ssh-keygen ssh-add
no_sanitizers

version=$(sed -n 's/^VERSION *:= *//p' Makefile)
is 'the Debian changelog has the version' "$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)" "$version"
is 'the RPM spec has' "$(sed -n 's/^Version: *//p' packaging/rpm/signet-agent.spec)" "$version"
is 'the PKGBUILD has' "$(bash -c '. packaging/arch/PKGBUILD && echo "$pkgver"')" "$version"

# --- the Debian packages
deb() {
	(unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CPPFLAGS LDFLAGS &&
		DEB_BUILD_OPTIONS="nocheck noopt" DEB_BUILD_PROFILES=nocheck packaging/deb "$T/deb")
}
ok 'the Debian packages are built' deb
main=$T/deb/signet-agent_${version}_$(dpkg --print-architecture).deb
keyring=$T/deb/signet-agent-keyring_${version}_$(dpkg --print-architecture).deb
[ -e "$main" ] && [ -e "$keyring" ] || {
	fail 'there are two'
	finish
}
# An unprivileged lintian cannot enter the folder of a test of root's.
lint() {
	lintian --allow-root --fail-on error,warning "$T/deb/"*.changes
}
ok 'lintian finds neither errors nor warnings' lint

mkdir "$T/root" "$T/keyring" "$T/control"
dpkg -x "$main" "$T/root"
dpkg -x "$keyring" "$T/keyring"
dpkg -e "$main" "$T/control"

# files FOLDER: of a package, without what each kind of package has of its own.
files() {
	(cd "$1" && find . ! -type d) | sed -e 's/^\.//' -e 's/\.gz$//' -e '/^\/usr\/share\/\(doc\|licenses\)\//d' \
		-e 's|/zsh/vendor-completions/|/zsh/site-functions/|' | sort
}
(unset MAKEFLAGS MFLAGS MAKELEVEL && make -s BUILD="${BUILD#"$PWD/"}" DESTDIR="$T/all" PREFIX=/usr SYSCONFDIR=/etc install) \
	>"$T/make.log" 2>&1 || diag "$(cat "$T/make.log")"
files "$T/all" >"$T/all.files"
is 'together they have what `make install` puts there' "$(cat "$T/all.files")" \
	"$( (files "$T/root"; files "$T/keyring") | sort)"
is 'the helper for the keyring is in its own' "$(files "$T/keyring" | sed -n '/libexec/p')" /usr/libexec/signet/signet-keyring
is 'and nothing else is' "$(files "$T/keyring" | grep -v '/signet-keyring')" ''
is 'the main one asks for no GLib' "$(dpkg-deb -f "$main" Depends Pre-Depends Recommends | grep 'libglib\|libsecret')" ''
# needed FOLDER: the libraries that its programs are linked with.
needed() {
	find "$1" -type f -perm /111 -exec readelf -d {} + 2>/dev/null | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | sort -u
}
is 'nor do its programs' "$(needed "$T/root" | grep -i 'glib\|gio\|secret')" ''
has 'they are linked, though' "$(needed "$T/root")" '^libcrypto\.so'
for program in "$T/root/usr/bin"/* "$T/root/usr/libexec/signet"/*; do
	has "${program##*/}: position-independent" "$(readelf -h "$program")" 'Type: *DYN'
	has "${program##*/}: bound at its start" "$(readelf -d "$program")" 'BIND_NOW'
done
compiled=$(grep -c -e ' -c -o [^ ]*\.o ' "$T/deb/build.log")
is "the flags of dpkg-buildflags come to each compiler ($compiled)" \
	"$(grep -e ' -c -o [^ ]*\.o ' "$T/deb/build.log" | grep -c -e '-ffile-prefix-map=.*-fstack-protector-strong\|-fstack-protector-strong.*-ffile-prefix-map=')" \
	"$compiled"
is 'no program knows where it was built' "$(grep -rl "$T" "$T/root" "$T/keyring")" ''
day=$(date -u -d "@$(dpkg-parsechangelog -l packaging/debian/changelog -S Timestamp)" +%Y-%m-%d)
is 'nothing has another date than the changelog' \
	"$(dpkg-deb --fsys-tarfile "$main" | TZ=UTC tar -tv --full-time -f - | awk '{ print $4 }' | sort -u |
		awk -v day="$day" '$1 > day')" ''

# --- used from where they were unpacked
AGENT=$T/root/usr/bin/signet-agent
ADD=$T/root/usr/bin/signet-add
SSH_ASKPASS=$(askpass yes "echo \"\$1\" >>'$T/asked'" 'exit 0') SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
keygen ed25519 "$T/key" -C 'the key'
if agent_start; then
	ok 'the signet-add unpacked adds a key' "$ADD" -q -c "$T/key"
	ok 'a signature that must be confirmed is made' ssh-add -T "$T/key.pub"
	has 'by its helper' "$(cat "$T/asked" 2>/dev/null)" 'the key'

	# --- an upgrade: nobody's agent is ended
	has 'the script of an upgrade says that agents are not restarted' \
		"$(sh packaging/debian/signet-agent.postinst configure 0.0.1)" 'not restarted'
	is 'that of the first installation says nothing' "$(sh packaging/debian/signet-agent.postinst configure)" ''
	ok 'the agent signs on' ssh-add -T "$T/key.pub"
	agent_stop
else
	fail 'the agent unpacked starts'
fi
scripts=$(cd "$T/control" && cat postinst preinst prerm postrm 2>/dev/null)
has 'there is a script' "$scripts" 'not restarted'
is 'no script ends a process' "$(printf '%s\n' "$scripts" | grep -Ew 'kill|pkill|killall|restart|try-restart|stop')" ''
# Only one that a person had enabled is enabled anew, by an upgrade.
is 'no unit is enabled that was not before' "$(printf '%s\n' "$scripts" | awk '
	/ was-enabled / { asked = 1 }
	/^[ 	]*fi$/ { asked = 0 }
	/^[^#]*(systemctl|deb-systemd-helper).* enable / && !asked { print }')" ''

# --- RPM
ok "the RPM packages are built" env RPM_OPTFLAGS=-O0 packaging/rpm/build "$T/rpm"
rpm_files() {
	rpm -qlp "$T/rpm/RPMS"/*/signet-agent$1-"$version"-*.rpm 2>/dev/null |
		sed -e 's/\.gz$//' -e '/^\/usr\/share\/\(doc\|licenses\)/d' -e '/\/\.build-id/d' -e '/^\/usr\/libexec\/signet$/d' | sort
}
is 'the RPM of the agent has what the Debian one has' "$(rpm_files '')" "$(files "$T/root")"
is 'that of the keyring, too' "$(rpm_files -keyring)" "$(files "$T/keyring")"
is 'the RPM of the agent needs no GLib' \
	"$(rpm -qRp "$T/rpm/RPMS"/*/signet-agent-"$version"-*.rpm 2>/dev/null | grep 'libglib\|libsecret')" ''

# --- Arch: the functions of PKGBUILD, with the objects that are there already.
cat >"$T/pkgbuild" <<'BASH'
set -eu
startdir=$1 srcdir=$2/src
. "$startdir/PKGBUILD"
for name in "${pkgname[@]}"; do
	declare -F "package_$name" >/dev/null
done
mkdir "$srcdir"
prepare
mkdir "$srcdir/signet/build"
cp -a "$3/obj" "$3/lib" "$3/bin" "$3/libexec" "$srcdir/signet/build/"
build
for name in "${pkgname[@]}"; do
	pkgdir=$2/$name
	mkdir "$pkgdir"
	"package_$name"
done
BASH
mkdir "$T/arch"
ok 'PKGBUILD is a script' bash -n packaging/arch/PKGBUILD
pkgbuild() {
	(unset MAKEFLAGS MFLAGS MAKELEVEL && bash "$T/pkgbuild" "$PWD/packaging/arch" "$T/arch" "$BUILD")
}
ok 'its functions run' pkgbuild
is 'what it packs is what the Debian package has' "$(files "$T/arch/signet-agent")" "$(files "$T/root")"
is 'for the keyring, too' "$(files "$T/arch/signet-agent-keyring")" "$(files "$T/keyring")"
is 'with the licence' "$(cat "$T/arch/signet-agent/usr/share/licenses/signet-agent/LICENSE")" "$(cat LICENSE)"
finish
