#!/bin/sh
# `make check-install`: the Debian packages where nothing is prepared.  For each suite they are built in a root of that
# suite, and installed in another one that has neither compiler nor headers: what is there, a login with a real ssh and sshd,
# an upgrade beside an agent that runs, the purge.  Then the README's two commands there.  Needs root, debootstrap, the
# network, and minutes.
#
#   tests/system/check-install.sh [SUITE...]     default: bookworm trixie
#
# CHECK_DIR (a new folder in /tmp) holds the roots and is removed.  The last commit is what is built and cloned.
# --able: only say, by the exit status, whether it can run here.
set -u

why_not() {
	[ "$(id -u)" -eq 0 ] || echo "it needs root, to make the roots"
	command -v debootstrap >/dev/null || echo "debootstrap is not installed"
	[ "$#" -eq 0 ] || mirror_answers "$1" || echo "the package mirror does not answer for $1"
	unshare --mount --pid --fork true 2>/dev/null || echo "namespaces cannot be made here"
}

tree=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
cd "$tree" || exit 1
able=no
[ "${1:-}" != --able ] || { able=yes; shift; }
[ $# -gt 0 ] || set -- bookworm trixie
dir=${CHECK_DIR:-$(mktemp -d /tmp/checkin.XXXXXX)}
mkdir -p "$dir"
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
. tests/support/roots.sh

reason=$(why_not "$1")
if [ -n "$reason" ]; then
	printf 'make check-install cannot run here: %s\n' "$reason" >&2
	exit 1
fi
[ $able = no ] || exit 0

# Builds the packages; what needs the mirror comes first.
build_steps() {
	cat >"$1" <<-'STEPS'
	set -eu
	export DEBIAN_FRONTEND=noninteractive
	git config --system safe.directory '*'
	cd /srv/signet
	apt-get -qq update
	apt-get -qq -y --no-install-recommends install dpkg-dev debhelper >/dev/null 2>&1
	# The folder has a debian/ with what is needed in it.
	apt-get -qq -y --no-install-recommends -P nocheck build-dep ./packaging >/dev/null 2>&1
	DEB_BUILD_OPTIONS=nocheck DEB_BUILD_PROFILES=nocheck DEB_BUILD_TYPE=-b make deb
	STEPS
}

install_steps() {
	cat >"$1" <<-'STEPS'
	set -eu
	export DEBIAN_FRONTEND=noninteractive
	echo "--- $(. /etc/os-release && echo "$PRETTY_NAME"): installing the packages"
	apt-get -qq update
	apt-get -qq -y --no-install-recommends install openssh-client openssh-server >/dev/null 2>&1
	main=$(ls /srv/debs/signet-agent_*.deb)
	keyring=$(ls /srv/debs/signet-agent-keyring_*.deb)
	purge() {
		dpkg --purge signet-agent-keyring signet-agent
	}
	# All files, but for the books that dpkg and others keep, and what useradd saves.
	snapshot() {
		find / -xdev \( -path /proc -o -path /dev -o -path /run -o -path /tmp -o -path /srv -o -path /var/lib/dpkg \
			-o -path /var/lib/apt -o -path /var/cache -o -path /var/log -o -path '/etc/*-' \) -prune -o -print | sort
	}

	# What they depend on stays from the first time.
	apt-get -qq -y --no-install-recommends install "$main" >/dev/null 2>&1
	if dpkg -l | grep -q '^ii  libglib2'; then
		echo "signet-agent brings GLib" >&2
		exit 1
	fi
	apt-get -qq -y --no-install-recommends install "$keyring" >/dev/null 2>&1
	purge >/dev/null 2>&1
	snapshot >/tmp/before

	dpkg -i "$main" "$keyring" >/dev/null
	for program in signet-agent signet-add; do
		$program --help | grep -q '^  '
		test -s /usr/share/man/man1/$program.1.gz
		test -e /usr/share/bash-completion/completions/$program
	done
	test -s /usr/share/zsh/vendor-completions/_signet
	for helper in prompt fido pkcs11 card files unlock keyring session setup; do
		test -x /usr/libexec/signet/signet-$helper
		if ldd /usr/libexec/signet/signet-$helper | grep 'not found'; then exit 1; fi
	done
	# The units that the tree has.
	for unit in /srv/units/*; do
		[ ! -e "$unit" ] || test -s "/usr/lib/systemd/user/${unit##*/}"
	done
	test ! -e /etc/systemd/user/sockets.target.wants/signet-agent.socket
	dpkg --verify signet-agent signet-agent-keyring

	echo "--- a login through it"
	sh /srv/signet-tests/login

	echo "--- an upgrade, beside an agent that runs"
	mkdir -p /tmp/home
	HOME=/tmp/home
	export HOME
	eval "$(signet-agent -s)" >/dev/null
	ssh-keygen -q -t ed25519 -N '' -f /tmp/key
	signet-add -q /tmp/key
	dpkg -i "$main" "$keyring" >/tmp/upgrade 2>&1
	grep 'agents that run were not restarted' /tmp/upgrade
	ssh-add -T /tmp/key.pub
	signet-agent -k >/dev/null

	echo "--- the purge"
	purge >/dev/null 2>&1
	snapshot >/tmp/after
	diff /tmp/before /tmp/after
	find / -xdev \( -path /proc -o -path /srv \) -prune -o -iname '*signet*' -print | grep -v '^/var/\(log\|cache\)/' >/tmp/left || :
	test ! -s /tmp/left || { cat /tmp/left; exit 1; }
	STEPS
}

seconds() {
	now=$(date +%s)
	echo "=== $suite: $1 in $((now - begin)) seconds"
	begin=$now
}

check_suite() {
	begin=$(date +%s)
	make_root "$suite" || return 1
	cp -a "$dir/$suite" "$dir/$suite-build"
	seconds 'the root was made'
	build_steps "$dir/$suite-build/srv/steps"
	in_root "$suite-build" sh /srv/steps || return 1
	mkdir "$dir/$suite/srv/debs" "$dir/$suite/srv/units"
	cp "$dir/$suite-build/srv/signet/build/deb/"*.deb "$dir/$suite/srv/debs/" || return 1
	rm -rf "${dir:?}/$suite-build"
	seconds 'the packages were built'
	cp -R "$dir/$suite/srv/signet/packaging/debian/tests" "$dir/$suite/srv/signet-tests"
	find "$dir/$suite/srv/signet/packaging/systemd" \( -name '*.service' -o -name '*.socket' \) \
		-exec cp {} "$dir/$suite/srv/units/" \; 2>/dev/null
	install_steps "$dir/$suite/srv/steps"
	in_root "$suite" sh /srv/steps || return 1
	seconds 'the packages were installed, used and purged'
	write_steps "$dir/$suite/srv/steps" "${CHECK_TESTS:-quick}"
	in_root "$suite" sh /srv/steps || return 1
	seconds "the README's two commands ran"
}

ci=${CI:-}
bad=0
for suite; do
	# What CI lets not skip is what Debian 12 can install.
	CI=
	[ "$suite" != bookworm ] || CI=$ci
	export CI
	if check_suite; then
		echo "=== $suite: good"
	else
		echo "=== $suite: FAILED"
		bad=1
	fi
	rm -rf "${dir:?}/$suite" "$dir/$suite-build"
done
exit $bad
