#!/bin/sh
# What a PKCS#11 module must not be able to do, tried inside one as it is loaded: with and without a network, and
# outside, where every call works.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/p11agent.sh"
need ssh-add pkcs11-tool
no_sanitizers
case $(uname -m) in
x86_64 | aarch64) ;;
*) skip_all 'there is no filter for this machine' ;;
esac
[ -e "$BUILD/tests/modules/p11try.so" ] || skip_all 'p11-kit-1 (headers) was not there when the tests were built'
TRY=$T/p11try.so
cp "$BUILD/tests/modules/p11try.so" "$TRY"
sleep 600 &
P11TRY_TARGET=$!
reap $P11TRY_TARGET
P11TRY_REPORT=$T/report
export P11TRY_TARGET P11TRY_REPORT
never='clone dumpable execve fork kill kill-parent pidfd ptrace read-memory tgkill unshare write-memory '
network='inet inet6 '
needed='kill-self open unix write '

# with OUTCOME...: the calls that each thread had with one of these, in order; the threads differ: "differ".
with() {
	with_pattern=$(printf '%s|' "$@")
	for with_thread in first second; do
		grep -E "^$with_thread [a-z0-9-]* (${with_pattern%|})$" "$1" | cut -d ' ' -f 2 | sort | tr '\n' ' ' >"$T/with.$with_thread"
	done
	cmp -s "$T/with.first" "$T/with.second" || echo differ
	cat "$T/with.first"
}
sorted() {
	# shellcheck disable=SC2086 # words
	printf '%s\n' $1 | sort | tr '\n' ' '
}
variables() {
	sed -n 's/^environment //p' "$1" | sort
}

# --- outside
pkcs11-tool --module "$TRY" --list-slots >/dev/null 2>&1
ok 'a program without a filter tried everything' grep -qx end "$P11TRY_REPORT"
is 'nothing of it was refused' "$(with "$P11TRY_REPORT" EPERM)" ''

# --- in the helper
{
	echo '#!/bin/sh'
	echo "exec env LD_LIBRARY_PATH='$T' LD_BIND_NOW=1 GLIBC_TUNABLES=glibc.malloc.check=0 GCONV_PATH='$T' MALLOC_CHECK_=0 \\"
	echo "	OPENSSL_CONF='$T/none' SSH_AGENT_PID=1 SSH_AUTH_SOCK='$T/none' SIGNET_TEST=one '$AGENT' \"\$@\""
} >"$T/agent"
chmod 755 "$T/agent"
AGENT=$T/agent
# tried DESCRIPTION [ARGUMENT...]: an agent with that environment and these options adds the module.
tried() {
	tried_what=$1
	shift
	rm -f "$P11TRY_REPORT"
	p11agent -P "$T/*" "$@" || fail "$tried_what: the agent starts"
	not_ok "$tried_what: a module without tokens is not added" openssh -s "$TRY"
	ok "$tried_what: it tried everything" grep -qx end "$P11TRY_REPORT"
	agent_stop
}
tried 'no network'
is 'what no module may do is refused' "$(with "$P11TRY_REPORT" EPERM)" "$(sorted "$never $network")"
is 'what it needs is not' "$(with "$P11TRY_REPORT" 'done' other)" "$(sorted "$needed")"
has 'variables for modules are there' "$(variables "$P11TRY_REPORT")" '^SIGNET_TEST$'
has 'as are those that all programs have' "$(variables "$P11TRY_REPORT")" '^PATH$'
is 'none that say what is loaded, nor the agent itself' \
	"$(variables "$P11TRY_REPORT" | grep -E '^(LD_|GLIBC_|GCONV_|MALLOC_|OPENSSL_|SSH_AUTH_|SSH_AGENT_)')" ''
tried 'another module has a network' --pkcs11-network "$T/other*"
is 'this one has none' "$(with "$P11TRY_REPORT" EPERM)" "$(sorted "$never $network")"
tried 'a network' --pkcs11-network "$T/p11*"
is 'is all that is given' "$(with "$P11TRY_REPORT" EPERM)" "$(sorted "$never")"
is 'with what it needs' "$(with "$P11TRY_REPORT" 'done' other)" "$(sorted "$needed $network")"
finish
