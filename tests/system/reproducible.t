#!/bin/sh
# What is built tells nothing of where, when and by whom it was built: two programs made in two folders are the same byte for
# byte.  Without optimisation, which takes longer; `make check-reproducible` compares everything as it is shipped.
. "${0%/*}/../support/lib.sh"
need make cmp
no_sanitizers

one=$T/one
two="$T/two/a deeper folder"
packaging/copy-tree "$one"
packaging/copy-tree "$two"

# build FOLDER BUILD JOBS: some programs, with a debugger's tables, where paths would be.
build() {
	(
		cd "$1" || exit
		unset MAKEFLAGS MFLAGS MAKELEVEL CI
		exec make -s -j"$3" BUILD="$2" OPT='-O0 -g' "$2/bin/signet-add" "$2/libexec/signet/signet-setup"
	)
}
ok 'it builds in one folder' build "$one" build 1
umask 077
TZ=Asia/Tokyo LC_ALL=C.UTF-8
export TZ LC_ALL
ok 'and, by somebody else at another time, in a folder with spaces' build "$two" "$T/objects" 2
for program in bin/signet-add libexec/signet/signet-setup; do
	ok "$program is the same" cmp "$one/build/$program" "$T/objects/$program"
	exits 'without the path of its folder' 1 grep -aF -e "$T" "$T/objects/$program"
done
for library in libproto libkeystore libkeyfile libadd; do
	ok "$library too" cmp "$one/build/lib/$library.a" "$T/objects/lib/$library.a"
done
finish
