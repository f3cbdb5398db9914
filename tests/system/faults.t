#!/bin/sh
# seconds 300
# Every program goes on, or ends cleanly, when one of its calls fails: a sample of `make faults`, picked by a fixed seed, in
# the objects of this build; and the ledger of the whole run is of today's sessions.
. "${0%/*}/../support/lib.sh"
need python3 ssh-keygen cc make
no_sanitizers
case $(uname -m) in
x86_64 | aarch64) ;;
*) skip_all "not on Debian 12: tests/faults/wrap.c knows no $(uname -m)" ;;
esac
unset MAKEFLAGS MFLAGS MAKELEVEL
FAULTS=${0%/*}/../faults

PLAIN=$BUILD
export PLAIN
# Only linked: what was compiled is there.
mkdir -p "$T/build"
ln -s "$BUILD/obj" "$BUILD/lib" "$T/build"
ok 'the programs are linked with their calls wrapped' "$FAULTS/build" "$T/build"

# sample NUMBER SCENE...: so many faults a kind.
sample() {
	sample_number=$1
	shift
	BUILD=$T/build SAMPLE=$sample_number SEED=signet FAULT_JOBS=1 "$FAULTS/run" "$@" >"$T/table" 2>"$T/wrong"
	sample_status=$?
	cat "$T/table" >>"$T/tables"
	[ "$sample_status" -eq 0 ] || diag "$(head -n 60 "$T/wrong")"
	return "$sample_status"
}

sample 30 requests
is 'the agent: no request stays unanswered, no key and no descriptor is lost' $? 0
sample 5 busy
is 'the agent with clients who have a worker of their own' $? 0
sample 3 start begin
is 'the agent while it starts' $? 0
sample 2 add
is 'signet-add' $? 0
sample 3 unlock files prompt setup
is 'the helpers' $? 0
sample 40 check
is 'a configuration that is looked at' $? 0
sample 1 session pkcs11 fido keyring
is 'helpers of tokens, keyrings and sessions' $? 0
nfc='the helper of a security key in a reader'
sample 1 nfc >"$T/nfc"
status=$?
reason=$(sed -n 's/^1\.\.0 # SKIP //p' "$T/wrong")
if [ -n "$reason" ]; then
	skip "$nfc" "$reason"
else
	cat "$T/nfc"
	is "$nfc" $status 0
fi
sed 's/^/# /' "$T/tables"

# What a session counts may differ by a few: how often something is read depends on when it comes, and what the
# supervisor opens on how many processes lead to a client.
awk '
	function near(a, b) { return a - b <= 5 + b / 4 && b - a <= 5 + b / 4 }
	{ kind = substr($0, 1, 62) }
	NR == FNR { if (!/^#/) ledger[kind] = substr($0, 63) + 0; next }
	/^session +process / || /^all / { next }
	!(kind in ledger) { print "not in the ledger: " $0; next }
	/libcrypto/ || (/ open / && !/^agent/) { if (!near(substr($0, 63) + 0, ledger[kind])) print "the ledger has " ledger[kind] ": " $0 }
' "$FAULTS/LEDGER" "$T/tables" >"$T/stale"
# A session that the ledger has whole lost a kind of call; memory, and what a sandbox opens, is another kind there, under
# sanitizers.
awk '
	/^#/ || /^session +process / || /^all / { next }
	{ title = substr($0, 1, 34) }
	NR == FNR { here[substr($0, 1, 62)] = 1; titles[title] = 1; next }
	title in titles && !(substr($0, 1, 62) in here) && !/ (mmap|open) / && !/^agent/ { print "no longer there: " $0 }
' "$T/tables" "$FAULTS/LEDGER" >>"$T/stale"
is 'the ledger has these sessions (tests/faults/run --ledger)' "$(cat "$T/stale")" ''
finish
