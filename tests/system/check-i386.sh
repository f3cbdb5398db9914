#!/bin/sh
# The unit tests, the fuzzers' corpora and some whole programs on a machine of 32 bits, whose system calls have other names
# (mmap2, fcntl64, futex_time64) than the filters of 64 bits: in a new root of Debian for i386, on this machine's own
# processor and kernel, so that the filters are in force.  Not part of `make check`: it needs an x86-64 kernel that runs
# programs of 32 bits, root, debootstrap, the network, and ten minutes.
#
#   tests/system/check-i386.sh [TEST...]      default: every tests/unit/t_* and tests/fuzz/f_*, and what is named below
#
# ROOT_DIR (a new folder in /tmp) holds the root and is removed; one that is named stays, and is used again.  The last
# commit is what is built.
set -u

tree=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$tree/tests/support/judge.sh"
judged_start i386

# Test, point (* for all), and what there is not.
cannot() {
	cat <<-'TABLE'
	t_files certificates_come_and_are_renewed: Debian's ssh-keygen knows no year after 2037 there
	t_tokens_sandbox test_denied_to_all: there is no filter of helpers with libraries for this machine
	t_tokens_sandbox test_denied_to_modules: there is no filter of helpers with libraries for this machine
	TABLE
}

new_root() {
	bare_root bookworm i386 || return
	in_root bookworm sh -c '
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -q &&
			apt-get install -y -q --no-install-recommends gcc libc6-dev make pkgconf perl procps python3 util-linux \
				openssl openssh-client openssh-server putty-tools expect libssl-dev libseccomp-dev libcmocka-dev \
				libargon2-dev zlib1g-dev libpcsclite-dev libfido2-dev libp11-kit-dev libsecret-1-dev \
				libsystemd-dev' >"$dir/packages.log" 2>&1 || {
		tail -n 20 "$dir/packages.log"
		return 1
	}
	: >"$dir/ready"
}

write_steps() {
	cat >"$1" <<-'STEPS'
	set -eu
	cd /srv/signet
	rm -rf build
	make -s -j"$(nproc)" OPT='-O1 -g' tests
	readelf -h build/bin/signet-agent | grep -q ELF32 || { echo "this is no machine of 32 bits" && exit 1; }
	# This machine may have other work.
	sed -i 's/^# seconds .*/# seconds 600/' tests/system/*.t
	TEST_SECONDS=600 TEST_JOBS=$(nproc) tests/run "$@" || :
	STEPS
}

[ -e "$dir/ready" ] || new_root || exit 1
# shellcheck disable=SC2046 # names of tests
[ $# -gt 0 ] || set -- $(cd "$tree/tests" && printf '%s\n' unit/t_*.c fuzz/f_*.c | sed 's,.*/,,; s,\.c$,,') \
	files.t offered.t learnt.t unlock.t unlock-helper.t agent-options.t secrets.t
RUN_AS=linux32 judged_run "$@"
