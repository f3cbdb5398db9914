# New roots of Debian and Ubuntu, for scripts that have set $tree and $dir (where they go) and run as root.  Mounts and
# processes live in namespaces of their own and go with them.

# mirror_of SUITE: where it comes from: where this machine's own packages do, when it is a Debian too.
mirror_of() {
	case $1 in
	noble) echo http://archive.ubuntu.com/ubuntu ;;
	*)
		# shellcheck disable=SC2016 # apt's own variables
		apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
			sed -n 's,^Debian [a-z]* \(.*/debian\)/*$,\1,p' | head -n 1 | grep . ||
			echo http://deb.debian.org/debian
		;;
	esac
}

# mirror_answers SUITE: it is there.
mirror_answers() {
	# shellcheck disable=SC2016 # perl's own variables
	timeout 60 /usr/lib/apt/apt-helper download-file "$(mirror_of "$1")/dists/$1/InRelease" "$dir/InRelease" >/dev/null 2>&1
}

# What the machine says about mirrors and proxies holds in the root too.
copy_network() {
	cp -L /etc/resolv.conf "$1/etc/resolv.conf"
	cp -L /etc/hosts "$1/etc/hosts"
	echo "127.0.0.1 $(hostname)" >>"$1/etc/hosts"
}

# bare_root SUITE [MACHINE]: $dir/SUITE, in which no service of a package starts.  MACHINE is Debian's word: i386.
bare_root() {
	components=main script=
	# Debian's debootstrap may be older than an Ubuntu; they all go by one script.
	[ "$1" != noble ] || components=main,universe script=/usr/share/debootstrap/scripts/gutsy
	# shellcheck disable=SC2086 # no script, no argument
	debootstrap ${2:+--arch="$2"} --variant=minbase --components=$components --include=git,make,sudo,ca-certificates \
		"$1" "$dir/$1" "$(mirror_of "$1")" $script >"$dir/$1.debootstrap" 2>&1 || {
		tail -n 20 "$dir/$1.debootstrap"
		return 1
	}
	copy_network "$dir/$1"
	printf '#!/bin/sh\nexit 101\n' >"$dir/$1/usr/sbin/policy-rc.d"
	chmod 755 "$dir/$1/usr/sbin/policy-rc.d"
}

# make_root SUITE: the same with the last commit in /srv/signet.
make_root() {
	bare_root "$1" && git clone -q "$tree" "$dir/$1/srv/signet"
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

# write_steps FILE TESTS: what is to run inside, the README's two commands: one person with sudo, one key without and one with
# a passphrase.  TESTS: yes for all of `make check`, quick for what it installs and builds and a part of the tests, or no.
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
	case $2 in
	yes) printf '%s\n' 'echo "--- root, make check"' 'make check' >>"$1" ;;
	quick)
		cat >>"$1" <<-'STEPS'
		echo "--- root, a part of make check"
		packaging/install-deps --tests
		make -s -j"$(nproc)" tests >/dev/null
		# shellcheck disable=SC2046 # names of tests
		tests/run $(cd tests/unit && printf '%s\n' t_*.c | sed 's/\.c$//') install.t install-deps.t lint.t \
			agent-options.t add-files.t login.t
		STEPS
		;;
	esac
}
