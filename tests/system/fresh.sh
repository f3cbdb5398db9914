#!/bin/sh
# The README's two commands where nothing is prepared: in new Debian and Ubuntu roots that hold only
# git, make and sudo.  Not part of `make check`: it needs root, debootstrap, the network, and minutes.
#
#   tests/system/fresh.sh [SUITE...]     default: bookworm trixie; also noble
#
# FRESH_DIR (a new folder in /tmp) holds the roots and is removed; FRESH_TESTS=no leaves `make check` out.
# The last commit is what is cloned.  Mounts and processes live in namespaces of their own and go with them.
set -u

[ "$(id -u)" -eq 0 ] || exec echo "fresh.sh needs root, to make the roots" >&2
command -v debootstrap >/dev/null || exec echo "fresh.sh needs debootstrap" >&2
tree=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
[ $# -gt 0 ] || set -- bookworm trixie
dir=${FRESH_DIR:-$(mktemp -d /tmp/fresh.XXXXXX)}
mkdir -p "$dir"
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

mirror_of() {
	case $1 in
	noble) echo http://archive.ubuntu.com/ubuntu ;;
	*) echo http://deb.debian.org/debian ;;
	esac
}

# What the machine says about mirrors and proxies holds in the root too.
copy_network() {
	cp -L /etc/resolv.conf "$1/etc/resolv.conf"
	cp -L /etc/hosts "$1/etc/hosts"
	echo "127.0.0.1 $(hostname)" >>"$1/etc/hosts"
}

make_root() {
	components=main script=
	# Debian's debootstrap may be older than an Ubuntu; they all go by one script.
	[ "$1" != noble ] || components=main,universe script=/usr/share/debootstrap/scripts/gutsy
	# shellcheck disable=SC2086 # no script, no argument
	debootstrap --variant=minbase --components=$components --include=git,make,sudo,ca-certificates \
		"$1" "$dir/$1" "$(mirror_of "$1")" $script >"$dir/$1.debootstrap" 2>&1 || {
		tail -n 20 "$dir/$1.debootstrap"
		return 1
	}
	copy_network "$dir/$1"
	# No service of a package is to start in here.
	printf '#!/bin/sh\nexit 101\n' >"$dir/$1/usr/sbin/policy-rc.d"
	chmod 755 "$dir/$1/usr/sbin/policy-rc.d"
	git clone -q "$tree" "$dir/$1/srv/signet"
}

# in_root SUITE COMMAND...: with its own mounts, processes, /proc and /dev.
in_root() {
	root=$dir/$1
	shift
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount --pid --fork --kill-child sh -c '
		root=$1
		shift
		mount --make-rprivate / &&
			mount -t proc proc "$root/proc" &&
			mount --rbind /dev "$root/dev" &&
			mount -t tmpfs tmpfs "$root/run" &&
			exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
				TERM=dumb CI="$CI" "$@"' sh "$root" "$@" </dev/null
}

# The part that runs inside: one person with sudo, one key without and one with a passphrase.
write_steps() {
	cat >"$1" <<-'STEPS'
	set -eu
	echo "--- $(. /etc/os-release && echo "$PRETTY_NAME"), kernel $(uname -r)"
	useradd -m -s /bin/bash ann
	echo 'ann ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ann
	uid=$(id -u ann)
	mkdir -p /run/user/$uid
	chown ann: /run/user/$uid
	chmod 700 /run/user/$uid
	su ann -c 'git clone -q /srv/signet ~/signet' 2>/dev/null ||
		{ git config --system safe.directory '*'; su ann -c 'git clone -q /srv/signet ~/signet'; }

	echo "--- an ordinary user, make run (installs through sudo)"
	su ann -c 'cd ~/signet && make run'
	su ann -c 'cd ~/signet && make stop'
	echo "--- sudo make run"
	su ann -c 'cd ~/signet && sudo make run'
	test -z "$(find /home/ann ! -user ann)" || { find /home/ann ! -user ann; exit 1; }
	test "$(stat -c %U /run/user/$uid/signet/agent.sock)" = ann
	su ann -c 'cd ~/signet && make run' | grep 'Found the agent running'
	su ann -c 'cd ~/signet && sudo make stop'
	test ! -e /run/user/$uid/signet/agent.sock

	echo "--- root, make run twice, with a key"
	git clone -q /srv/signet /root/signet
	cd /root/signet
	make run
	command -v ssh-keygen >/dev/null || apt-get install -y --no-install-recommends openssh-client >/dev/null 2>&1
	mkdir -p -m 700 /root/.ssh
	ssh-keygen -q -t ed25519 -N '' -C plain -f /root/.ssh/id_rsa.ceci
	ssh-keygen -q -t ed25519 -N secret -C locked -f /root/.ssh/locked
	make run 2>&1 | tee /root/out
	grep -q ' plain (ED25519)' /root/out
	grep -q 'locked: .*needs a passphrase' /root/out
	make stop
	STEPS
	[ "${FRESH_TESTS:-yes}" = no ] || cat >>"$1" <<-'STEPS'
	echo "--- root, make check"
	make check
	STEPS
}

ci=${CI:-}
bad=0
for suite; do
	# What CI lets not skip is what Debian 12 can install.
	CI=
	[ "$suite" != bookworm ] || CI=$ci
	export CI
	begin=$(date +%s)
	make_root "$suite" && write_steps "$dir/$suite/srv/steps" && in_root "$suite" sh /srv/steps
	status=$?
	echo "=== $suite: exit status $status, $(($(date +%s) - begin)) seconds"
	[ $status -eq 0 ] || bad=1
	rm -rf "${dir:?}/$suite"
done
exit $bad
