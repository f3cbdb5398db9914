#!/bin/sh
# The README's two commands where nothing is prepared: in new Debian and Ubuntu roots that hold only
# git, make and sudo.  Not part of `make check`: it needs root, debootstrap, the network, and minutes.
#
#   tests/system/fresh.sh [SUITE...]     default: bookworm trixie; also noble
#
# FRESH_DIR (a new folder in /tmp) holds the roots and is removed; FRESH_TESTS=no leaves `make check` out.
# The last commit is what is cloned.
set -u

[ "$(id -u)" -eq 0 ] || { echo "fresh.sh needs root, to make the roots" >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "fresh.sh needs debootstrap" >&2; exit 1; }
tree=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
[ $# -gt 0 ] || set -- bookworm trixie
dir=${FRESH_DIR:-$(mktemp -d /tmp/fresh.XXXXXX)}
mkdir -p "$dir"
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

. "$tree/tests/support/roots.sh"

ci=${CI:-}
bad=0
for suite; do
	# What CI lets not skip is what Debian 12 can install.
	CI=
	[ "$suite" != bookworm ] || CI=$ci
	export CI
	begin=$(date +%s)
	make_root "$suite" && write_steps "$dir/$suite/srv/steps" "${FRESH_TESTS:-yes}" && in_root "$suite" sh /srv/steps
	status=$?
	echo "=== $suite: exit status $status, $(($(date +%s) - begin)) seconds"
	[ $status -eq 0 ] || bad=1
	rm -rf "${dir:?}/$suite"
done
exit $bad
