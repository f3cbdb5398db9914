#!/bin/sh
# The unit tests and the fuzzers' corpora on a big-endian machine: built by Debian's cross compiler for s390x in a new root, with
# Debian's libraries for it, and run there under qemu-user.  Not part of `make check`: it needs root, debootstrap, the
# network, and a quarter of an hour.
#
#   tests/system/check-s390x.sh [TEST...]      default: every tests/unit/t_* and tests/fuzz/f_*
#
# ROOT_DIR (a new folder in /tmp) holds the root and is removed; one that is named stays, and is used again.  The last
# commit is what is built.  Some tests cannot hold under qemu-user: they are named below, each with its reason, and a
# failure of any other is one.
set -u

tree=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
. "$tree/tests/support/judge.sh"
judged_start s390x

# Test, point (* for all), and what there is not under Debian 12's qemu-user 7.2.
cannot() {
	cat <<-'TABLE'
	t_askpass children_of_the_program_end_too: PR_SET_CHILD_SUBREAPER is refused
	t_askpass an_answer_does_not_wait_for_children: PR_SET_CHILD_SUBREAPER is refused
	t_prompt killing_the_helper_ends_the_program: PR_SET_CHILD_SUBREAPER is refused
	t_spawn the_program_ends_with_its_parent: PR_SET_CHILD_SUBREAPER is refused
	t_spawn only_named_descriptors_are_open: starts itself from /proc/self/exe, which this machine cannot run
	t_spawn numbers_may_overlap: starts itself from /proc/self/exe, which this machine cannot run
	t_spawn numbers_may_be_free_ones: starts itself from /proc/self/exe, which this machine cannot run
	t_spawn signals_and_core_limit_are_reset: starts itself from /proc/self/exe, which this machine cannot run
	t_spawn the_mask_of_the_caller_is_kept: starts itself from /proc/self/exe, which this machine cannot run
	t_spawn session_and_death_signal: starts itself from /proc/self/exe, which this machine cannot run
	t_harden same_user_cannot_trace: ptrace is not there
	t_crypto test_nothing_is_opened_after_warm_up: seccomp is not there
	t_tokens_sandbox test_denied_to_all: seccomp is not there
	t_tokens_sandbox test_denied_to_modules: seccomp is not there
	t_secretmem test_memory_is_locked_and_out_of_dumps_and_forks: madvise is answered and not done
	t_secretmem test_a_forked_child_has_none_of_it: madvise is answered and not done
	t_keyfile_leak *: a program cannot look through its own memory
	TABLE
}

new_root() {
	bare_root bookworm || return
	in_root bookworm sh -c '
		export DEBIAN_FRONTEND=noninteractive
		dpkg --add-architecture s390x &&
			apt-get update -q &&
			apt-get install -y -q --no-install-recommends gcc-s390x-linux-gnu libc6-dev-s390x-cross \
				qemu-user-static make pkgconf perl procps openssl openssh-client putty-tools \
				libssl-dev:s390x libseccomp-dev:s390x libcmocka-dev:s390x libargon2-dev:s390x zlib1g-dev:s390x \
				libpcsclite-dev:s390x libfido2-dev:s390x libp11-kit-dev:s390x libsecret-1-dev:s390x \
				libsystemd-dev:s390x' >"$dir/packages.log" 2>&1 || {
		tail -n 20 "$dir/packages.log"
		return 1
	}
	: >"$dir/ready"
}

# Every program gets a script for a name, so that programs can start each other.
write_steps() {
	cat >"$1" <<-'STEPS'
	set -eu
	cd /srv/signet
	PKG_CONFIG_LIBDIR=/usr/lib/s390x-linux-gnu/pkgconfig:/usr/share/pkgconfig
	export PKG_CONFIG_LIBDIR
	rm -rf build
	CI=1 make -s -j"$(nproc)" CC=s390x-linux-gnu-gcc AR=s390x-linux-gnu-ar tests
	find "$PWD"/build/bin "$PWD"/build/libexec "$PWD"/build/tests -type f -perm /111 ! -name '*.so' |
		while IFS= read -r program; do
			mv "$program" "$program.s390x"
			printf '#!/bin/sh\nexec qemu-s390x-static -0 "$0" "%s" "$@"\n' "$program.s390x" >"$program"
			chmod 755 "$program"
		done
	printf 'int main(void) { return *(const char *)&(int){1} != 0; }\n' >/tmp/big.c
	s390x-linux-gnu-gcc -o /tmp/big /tmp/big.c
	qemu-s390x-static /tmp/big || { echo "this is no big-endian machine" && exit 1; }
	TEST_SECONDS=900 TEST_JOBS=$(nproc) tests/run "$@" || :
	STEPS
}

[ -e "$dir/ready" ] || new_root || exit 1
# shellcheck disable=SC2046 # names of tests
[ $# -gt 0 ] || set -- $(cd "$tree/tests" && printf '%s\n' unit/t_*.c fuzz/f_*.c | sed 's,.*/,,; s,\.c$,,')
judged_run "$@"
