#!/bin/sh
# Everything that is shipped, built twice and compared byte for byte: in two folders, by two people (umask, home), in two time
# zones and locales, one object at a time and several.  `make check` does so for two programs (reproducible.t).
#
#   tests/system/check-reproducible.sh [FOLDER]      a new folder in /tmp, removed at the end; one that is named stays
#
# Compared are the programs and helpers with their debug information, what `make install` puts into place, and the Debian
# packages with their source package.  RPM packages are not: they name the host that built
# them.  CC, OPT='-O0 -g' and DEB_BUILD_OPTIONS=noopt are heeded; the last two take less time.
set -u

tree=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
if [ $# -gt 0 ]; then
	mkdir -p "$1" && dir=$(cd "$1" && pwd) || exit 1
else
	dir=$(mktemp -d /tmp/signet-twice.XXXXXX) || exit 1
	trap 'rm -rf "$dir"' EXIT
fi
trap 'exit 130' INT TERM
unset MAKEFLAGS MFLAGS MAKELEVEL BUILD CI SOURCE_DATE_EPOCH

one=$dir/one two="$dir/two/in a deeper folder"
# A space is nothing for dpkg-buildpackage.
deb_one=$dir/deb deb_two=$dir/another/folder/for/packages

# A locale that sorts names in another order than C, where one can be made.
other_locale() {
	localedef -i en_US -f UTF-8 "$dir/locales/en_US.UTF-8" >/dev/null 2>&1
	if [ -e "$dir/locales/en_US.UTF-8/LC_COLLATE" ]; then
		echo en_US.UTF-8
	else
		echo "No en_US locale can be made here (package locales); C.UTF-8 takes its place, which sorts as C does." >&2
		echo C.UTF-8
	fi
}

# One copy for both, as the tree may be worked on meanwhile.
"$tree/packaging/copy-tree" "$dir/tree" || exit 1

# somebody FOLDER UMASK TZ LC_ALL JOBS BUILD DEB: all that is built, in a copy of the tree in FOLDER.
somebody() {
	folder=$1 jobs=$5 build=$6 debs=$7
	(
		umask "$2"
		mkdir -p "$1" "$1.home" && "$dir/tree/packaging/copy-tree" "$1" && cd "$1" || exit
		# As old as a checkout of their own.
		find . ! -type l -exec touch {} + || exit
		HOME=$1.home TZ=$3 LC_ALL=$4 LANG=$4 LOCPATH=$dir/locales USER=user$jobs LOGNAME=user$jobs
		export HOME TZ LC_ALL LANG LOCPATH USER LOGNAME
		# What nproc tells packaging/deb.
		OMP_NUM_THREADS=$jobs
		export OMP_NUM_THREADS
		make -s -j"$jobs" BUILD="$build" all &&
			make -s BUILD="$build" DESTDIR="$folder.dest" PREFIX=/usr install || exit
		DEB_BUILD_OPTIONS="nocheck ${DEB_BUILD_OPTIONS:-}" DEB_BUILD_PROFILES=nocheck packaging/deb "$debs"
	) >"$dir/log.$jobs" 2>&1 || {
		tail -n 30 "$dir/log.$jobs"
		echo "The build in $folder failed; that is its log's end."
		exit 1
	}
}

bad=0
compared=0
# same ONE TWO: two files, or two folders with the same files.
same() {
	if [ -d "$1" ]; then
		(cd "$1" && find . ! -type d | LC_ALL=C sort) >"$dir/names.1"
		(cd "$2" && find . ! -type d | LC_ALL=C sort) >"$dir/names.2"
		cmp "$dir/names.1" "$dir/names.2" || bad=1
		[ -s "$dir/names.1" ] || { echo "nothing is in $1" && bad=1; }
		while IFS= read -r file; do
			same "$1/$file" "$2/$file"
		done <"$dir/names.1"
	elif [ -L "$1" ]; then
		[ "$(readlink "$1")" = "$(readlink "$2")" ] || bad=1
	else
		compared=$((compared + 1))
		cmp "$1" "$2" || bad=1
	fi
}

# pathless FOLDER: no file in it names the folder where it was built.
pathless() {
	! grep -raF -l -e "$dir" "$1" || {
		echo "these have the path of their build in them"
		bad=1
	}
}

somebody "$one" 022 UTC C 1 build "$deb_one"
somebody "$two" 077 Asia/Tokyo "$(other_locale)" 2 "$dir/objects" "$deb_two"

begin=$compared
for part in bin libexec; do
	same "$one/build/$part" "$dir/objects/$part"
	pathless "$dir/objects/$part"
done
echo "programs and helpers: $((compared - begin)) compared"

begin=$compared
same "$one.dest" "$two.dest"
pathless "$two.dest"
echo "what make install puts into place: $((compared - begin)) compared"

begin=$compared
for package in "$deb_one"/*.deb "$deb_one"/*.tar.xz "$deb_one"/*.dsc; do
	same "$package" "$deb_two/${package##*/}"
done
for package in "$deb_two"/*.deb; do
	rm -rf "$dir/inside"
	dpkg-deb -R "$package" "$dir/inside" && pathless "$dir/inside"
done
echo "Debian packages: $((compared - begin)) compared"

[ $bad -eq 0 ] && echo "All are the same."
exit $bad
