#!/bin/sh
# signet-unlock by itself: what it opens, what it does not, and what it is shut in by.
. "${0%/*}/../support/lib.sh"
need python3 ssh-keygen

helper=$BUILD/libexec/signet/signet-unlock
dir=$T/keys
mkdir -m 700 "$dir" "$T/other" "$T/linked"
keygen ed25519 "$dir/plain" -C plain
keygen ed25519 "$dir/wrapped" -C wrapped -N phrase -a 4
keygen ecdsa "$dir/second" -C second
keygen ed25519 "$T/other/outside" -C outside

# number NAME: of enum err.
number() {
	sed -n 's/^[^X]*X(\(ERR_[A-Z0-9_]*\),.*/\1/p' "${0%/*}/../../proto/base/err.h" | grep -n -x "$1" |
		sed 's/:.*//' | awk '{ print $1 - 1 }'
}

# ask FILE PUBLIC-KEY-FILE [PASSPHRASE]: what the helper answers.
ask() {
	timeout 20 python3 "${0%/*}/../support/unlocker.py" "$helper" "$dir $T/linked" "$@" 2>"$T/helper.err"
}

# fails DESCRIPTION ERR FILE PUBLIC-KEY-FILE [PASSPHRASE]
fails() {
	fails_what=$1 fails_why=$(number "$2")
	shift 2
	is "$fails_what" "$(ask "$@")" "failed $fails_why"
}

has 'a plain file' "$(ask "$dir/plain" "$dir/plain.pub")" '^key [0-9]+ plain$'
has 'whatever passphrase comes along' "$(ask "$dir/plain" "$dir/plain.pub" unneeded)" '^key [0-9]+ plain$'
fails 'an encrypted one without a passphrase' ERR_PASSPHRASE_NEEDED "$dir/wrapped" "$dir/wrapped.pub"
fails 'with a wrong one' ERR_PASSPHRASE "$dir/wrapped" "$dir/wrapped.pub" wrong
fails 'with an empty one' ERR_PASSPHRASE "$dir/wrapped" "$dir/wrapped.pub" ''
has 'with the right one' "$(ask "$dir/wrapped" "$dir/wrapped.pub" phrase)" '^key [0-9]+ wrapped$'
fails 'a file that holds another key' ERR_FILE_CHANGED "$dir/second" "$dir/plain.pub"
fails 'an encrypted one: no passphrase is asked for' ERR_FILE_CHANGED "$dir/wrapped" "$dir/plain.pub"
keygen rsa "$dir/hidden" -b 2048 -m PEM -N phrase
fails 'one that hides its public half: only its passphrase shows that it is another' ERR_PASSPHRASE "$dir/hidden" "$dir/plain.pub" wrong
is 'and then which' "$(ask "$dir/hidden" "$dir/plain.pub" phrase)" "other $(cut -d ' ' -f 2 "$dir/hidden.pub")"
fails 'one that is gone' ERR_FILE_GONE "$dir/none" "$dir/plain.pub"

# --- a core that asks for what it should not

fails 'another directory' ERR_FILE_OUTSIDE "$T/other/outside" "$T/other/outside.pub"
fails 'one below' ERR_FILE_OUTSIDE "$dir/sub/plain" "$dir/plain.pub"
ln -s "$T/other/outside" "$dir/link"
fails 'a link that leads out' ERR_FILE_OUTSIDE "$dir/link" "$T/other/outside.pub"
ln -s "$dir/plain" "$T/linked/inside"
has 'one that leads to the other directory' "$(ask "$T/linked/inside" "$dir/plain.pub")" '^key [0-9]+ plain$'
ln -s "$T/other" "$dir/folder"
fails 'a folder that leads out' ERR_FILE_OUTSIDE "$dir/folder/outside" "$T/other/outside.pub"
for path in keys/plain "$dir/../keys/plain" "$dir/./plain" "$dir//plain" ''; do
	fails "the path \"$path\"" ERR_FORMAT "$path" "$dir/plain.pub"
done
mkfifo "$dir/pipe"
fails 'a pipe' ERR_FILE_FORMAT "$dir/pipe" "$dir/plain.pub"
fails 'a directory' ERR_FILE_FORMAT "$dir/folder" "$dir/plain.pub"
chmod 640 "$dir/second"
fails 'a file that others may read' ERR_FILE_OPEN "$dir/second" "$dir/second.pub"
chmod 600 "$dir/second"
: >"$dir/empty"
chmod 600 "$dir/empty"
fails 'an empty one' ERR_FILE_EMPTY "$dir/empty" "$dir/plain.pub"
cp "$dir/plain.pub" "$dir/public"
chmod 600 "$dir/public"
fails 'a public key' ERR_KEY_PUBLIC_ONLY "$dir/public" "$dir/plain.pub"
if [ "$(id -u)" -eq 0 ]; then
	chown 65534 "$dir/second"
	fails 'one of another user' ERR_FILE_OWNER "$dir/second" "$dir/second.pub"
fi

# --- messages that are none

for raw in 00000003 00000000 000000020270 0000000302700000 ffffffff; do
	has "the bytes $raw" "$(RAW=$raw ask x "$dir/plain.pub")" '^(failed [0-9]+|nothing)$'
done
for raw in 0000000207ff 000000020770; do
	is "of another version: $raw" "$(RAW=$raw ask x "$dir/plain.pub")" 'another version'
done
exits 'nothing to run by hand' 2 "$helper"
has 'says so' "$(cat "$T/err")" 'started by signet-agent'

# --- what it is shut in by

mkfifo "$T/hold"
HOLD=1 ask x "$dir/plain.pub" <"$T/hold" >"$T/held" &
asker=$!
reap $asker
exec 9>"$T/hold"
poll 10 test -s "$T/held"
pid=$(cat "$T/held")
settled() {
	grep -q '^NoNewPrivs:	1$' "/proc/$pid/status"
}
ok 'no new privileges' poll 10 settled
ok 'no core dumps' sh -c "grep -q '^Max core file size *0 *0 ' /proc/$pid/limits"
exec 9>&-
ok 'it ends with its asker' wait $asker
finish
