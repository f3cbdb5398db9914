#!/bin/sh
# The AppArmor profile, as `make install` leaves it: that it is one, that every program of ours has its place in it, and
# that what an agent and its helpers do when watched from outside is allowed by it.
. "${0%/*}/../support/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
need apparmor_parser make
[ -d /etc/apparmor.d/abstractions ] || skip_all 'the abstractions of apparmor are not installed'

name=${BUILD#"$PWD/"}
(unset MAKEFLAGS MFLAGS MAKELEVEL && make -s BUILD="$name" DESTDIR="$T/root" PREFIX=/usr install) >"$T/make.log" 2>&1 ||
	diag "$(cat "$T/make.log")"
profile=$T/root/usr/share/apparmor/extra-profiles/usr.bin.signet-agent

# parse FILE ARGUMENT...: by AppArmor's own parser, telling the kernel nothing.
parse() {
	apparmor_parser -Q -K "$@" 2>"$T/parse.err"
}
ok 'the profile is one' parse "$profile"
[ "$tap_got" -eq 0 ] || diag "$(cat "$T/parse.err")"
sed 's/ mr,$/ mrq,/' "$profile" >"$T/broken"
not_ok 'the parser sees a mistake' parse "$T/broken"
is 'no name of a place is left in it' "$(grep -c '@PREFIX@\|@NAME@' "$profile")" 0
has 'what it is for' "$(parse -N "$profile" && apparmor_parser -N "$profile" 2>/dev/null)" '^signet-agent$'

# Nothing loads it by being installed.
is 'it is not where profiles are loaded from' "$(find "$T/root" -path '*/etc/apparmor.d/*')" ''

for program in "$T/root/usr/libexec/signet"/*; do
	program=${program##*/}
	has "$program is started in a profile of its own" "$(cat "$profile")" \
		"^  @[{]signet_helpers[}]/$program (Cx -> [a-z]+|PUx),\$"
done
for child in $(sed -n 's/.* Cx -> \([a-z]*\),$/\1/p' "$profile" | sort -u); do
	has "the profile $child is there" "$(apparmor_parser -N "$profile" 2>/dev/null)" "^signet-agent//$child\$"
done
finish
