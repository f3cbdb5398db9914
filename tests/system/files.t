#!/bin/sh
# seconds 150
# signet-files: what lies in the key directories, as ssh-keygen, openssl and puttygen wrote it, and what becomes of it.
. "${0%/*}/../support/lib.sh"
need ssh-keygen openssl puttygen python3

FILES=$BUILD/tests/tools/files
HELPER=$BUILD/libexec/signet/signet-files
XDG_STATE_HOME=$T/state
export XDG_STATE_HOME
K=$T/keys

# ask NAME DIRECTORY... <COMMANDS: what the helper tells goes to $T/NAME.
ask() {
	ask_name=$1
	shift
	"$FILES" "$HELPER" "$@" >"$T/$ask_name" 2>"$T/$ask_name.err"
}

# told DESCRIPTION NAME <WANTED: that is what it told, with reasons cut to their first words.
told() {
	is "$1" "$(sed 's/^\(trouble [^:]*: [^ ]* [^ ]* [^ ]* [^ ]*\).*/\1/' "$T/$2")" "$(cat)"
}

# fresh: an empty key directory.
fresh() {
	rm -rf "$K"
	mkdir -m 700 "$K"
}

# pubs FILE...: type and base64 of public key lines.
pubs() {
	cut -d ' ' -f 1-2 "$@"
}

# --- formats
fresh
keygen ed25519 "$K/plain" -C 'in the clear'
keygen ecdsa "$K/coded" -N secret -C 'beside it'
keygen rsa "$K/lonely" -b 2048 -N secret
rm "$K/lonely.pub"
keygen rsa "$K/pem" -b 2048 -m PEM -C 'of the pub'
keygen rsa "$K/pemcoded" -b 2048 -m PEM -N secret -C 'of the pem'
keygen rsa "$K/hidden" -b 2048 -m PEM -N secret
mv "$K/hidden.pub" "$T/hidden.pub"
keygen ecdsa "$K/pkcs8" -m PKCS8
rm "$K/pkcs8.pub"
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes256 -pass pass:secret -out "$K/openssl" 2>/dev/null
chmod 600 "$K/openssl"
ssh-keygen -y -P secret -f "$K/openssl" >"$K/openssl.pub"
echo secret >"$T/phrase"
puttygen -q -t ed25519 -C 'from putty' --new-passphrase "$T/phrase" -o "$K/putty.ppk"
chmod 600 "$K/putty.ppk"
for name in ed25519-sk ecdsa-sk; do
	SK_VIRTUAL_STATE=$T/sk.state ssh-keygen -q -w "$BUILD/tests/virtual/sk-virtual.so" -t $name -N '' -C "$name" \
		-f "$K/$name" </dev/null >"$T/keygen.out" 2>&1 || skip "$name" 'sk-virtual.so is not built'
done
echo 'Host *' >"$K/config"
echo "here $(cat "$K/plain.pub")" >"$K/known_hosts"
cp "$K/plain.pub" "$K/authorized_keys"
: >"$K/empty"
mkdir "$K/deeper"
keygen ed25519 "$K/deeper/key"
mkfifo "$K/fifo"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$K/socket"
: >"$T/want"
for name in plain coded lonely pem pemcoded pkcs8 openssl ed25519-sk ecdsa-sk; do
	[ ! -e "$K/$name" ] && continue
	if [ -e "$K/$name.pub" ]; then
		cp "$K/$name.pub" "$T/one"
	else
		ssh-keygen -y -P "$([ $name = pkcs8 ] || echo secret)" -f "$K/$name" >"$T/one"
	fi
	echo "$(pubs "$T/one") $K/$name" >>"$T/want"
done
echo "$(puttygen "$K/putty.ppk" --old-passphrase "$T/phrase" -L | cut -d ' ' -f 1-2) $K/putty.ppk" >>"$T/want"
printf 'watch\nsay --\nkeys\n' | ask formats "$K"
is "the public half of every format is what its maker says" \
	"$(sed '1,/^--$/d' "$T/formats" | cut -d ' ' -f 1,2,4 | sort)" "$(sort "$T/want")"
is "the only trouble is the file that hides it" "$(grep '^trouble' "$T/formats")" \
	"trouble $K/hidden: its public half is not known before it was unlocked once: do so with signet-add, or put its .pub file beside it"
is "which want a passphrase" \
	"$(sed -n 's/.* encrypted //p' "$T/formats" | cut -d ' ' -f 1 | sed 's:.*/::' | sort | tr '\n' ' ')" \
	"coded lonely openssl pemcoded putty.ppk "
is "comments are the file's, the .pub's or the path" \
	"$(sed -n 's:.* [-e][ncrypted]* ::; s:.*/\(plain\|coded\|lonely\|pem\|putty.ppk\) :\1 :p' "$T/formats")" \
	"coded beside it
lonely $K/lonely
pem of the pub
plain in the clear
putty.ppk from putty"

# --- a .pub that lies
fresh
keygen ed25519 "$K/a"
keygen ed25519 "$T/other"
cp "$T/other.pub" "$K/a.pub"
printf 'watch\nkeys\n' | ask lies "$K"
is "the private file's own header counts" "$(tail -n 1 "$T/lies" | cut -d ' ' -f 1-2)" "$(ssh-keygen -y -f "$K/a" | cut -d ' ' -f 1-2)"

# --- .pub files that bend
fresh
keygen rsa "$K/long" -b 2048 -m PEM
keygen rsa "$K/nul" -b 2048 -m PEM
python3 - "$K" <<'PYTHON'
import sys
for name, comment in (("long", b"x" * 3000), ("nul", b"before\0behind")):
    with open(f"{sys.argv[1]}/{name}.pub", "rb+") as pub:
        start = b" ".join(pub.read().split()[:2])
        pub.seek(0)
        pub.truncate()
        pub.write(start + b" " + comment + b"\n")
PYTHON
cp "$K/nul.pub" "$K/nul-cert.pub"
printf 'watch\nkeys\n' | ask bent "$K"
is "a comment is told as far as a message takes it, and up to a NUL" \
	"$(awk '$4 ~ /\/(long|nul)$/ { print $4, length($5), $5 ~ /^x*$/ ? "x" : $5 }' "$T/bent" | sed 's:.*/::' | sort)" "long 1024 x
nul 6 before"
is "what is called a certificate and is none is told" "$(grep cert "$T/bent")" \
	"trouble $K/nul-cert.pub: the certificate is malformed"

# --- certificates, as they come, are renewed and go
fresh
keygen ed25519 "$T/ca"
keygen ecdsa "$K/id" -C certified
ssh-keygen -q -s "$T/ca" -I first -n me "$K/id.pub"
cp "$K/id-cert.pub" "$T/first"
cp "$K/id.pub" "$T/id.pub"
ssh-keygen -q -s "$T/ca" -I second -n me "$T/id.pub"
ssh-keygen -q -s "$T/ca" -I third -n me "$T/other.pub"
ask certs "$K" <<COMMANDS
watch
keys
say renewed
run cp $T/id-cert.pub $K/id-cert.pub
next 5
keys
say one more, of another name, and one of another key
run cp $T/first $K/elsewhere-cert.pub && cp $T/other-cert.pub $K/other-cert.pub
next 5
keys
say gone
run rm $K/*-cert.pub
next 5
keys
COMMANDS
told "certificates are told with their key" certs <<WANTED
key $K/id
$(pubs "$K/id.pub") - $K/id certified
	$(pubs "$T/first")
renewed
key $K/id
$(pubs "$K/id.pub") - $K/id certified
	$(pubs "$T/id-cert.pub")
one more, of another name, and one of another key
key $K/id
$(pubs "$K/id.pub") - $K/id certified
	$(pubs "$T/id-cert.pub")
	$(pubs "$T/first")
gone
key $K/id
$(pubs "$K/id.pub") - $K/id certified
WANTED

# --- changes
fresh
keygen ed25519 "$K/a"
keygen ed25519 "$K/b"
ask changes "$K" <<COMMANDS
watch
say new
run ssh-keygen -q -t ed25519 -N '' -f $K/c
next 5
say changed in place
run cat $T/other >$K/a
next 5
say moved in over another
run cp -p $T/ca $T/moving && mv $T/moving $K/b
next 5
say deleted
run rm $K/c
next 5
say renamed
run mv $K/a $K/z
next 5
say broken, and mended
run cp -p $K/z $T/kept && head -c 100 $T/kept >$K/z
next 5
run cat $T/kept >$K/z
next 5
say nothing of what is no key, nor of a copy with the same content
run echo more >>$K/config && touch $K/z
next 1
say all again
watch
keys
COMMANDS
told "what changes is told, and nothing else" changes <<WANTED
key $K/a
key $K/b
new
key $K/c
changed in place
key $K/a
moved in over another
key $K/b
deleted
gone $K/c
renamed
gone $K/a
key $K/z
broken, and mended
trouble $K/z: data ends too early
key $K/z
nothing of what is no key, nor of a copy with the same content
nothing
all again
key $K/b
key $K/z
$(pubs "$T/ca.pub") - $K/b $(cut -d ' ' -f 3- "$T/ca.pub")
$(pubs "$T/other.pub") - $K/z $(cut -d ' ' -f 3- "$T/other.pub")
WANTED

# --- what is not offered
fresh
keygen ed25519 "$K/open"
chmod 640 "$K/open"
keygen ed25519 "$K/two"
cat "$T/other" >>"$K/two"
keygen ed25519 "$K/broken"
sed -i '3s/./!/' "$K/broken"
ln -s "$T/other" "$K/outside"
ln -s "$T/other.pub" "$K/outside.pub"
ln -s "$T/nothing" "$K/nowhere"
ln -s /dev/zero "$K/zero"
mkdir "$K/inner"
keygen ed25519 "$K/inner/key"
ln -s inner/key "$K/inside"
ln -s "$K/loop" "$K/loop"
if [ "$(id -u)" -eq 0 ]; then
	keygen ed25519 "$K/foreign"
	chown 65534 "$K/foreign"
	foreign="trouble $K/foreign: the key file belongs"
fi
mkdir "$T/second"
keygen ed25519 "$T/second/key"
ln -s "$T/second/key" "$K/neighbour"
printf 'watch\n' | ask refused "$K" "$T/second" "$T/absent" "$T/second/"
told "what ssh-add would refuse, what leads out and what is broken is told" refused <<WANTED
key $K/inside
key $K/neighbour
key $T/second/key
trouble $T/absent: there is no such
trouble $K/broken: the data is malformed
${foreign:+$foreign
}trouble $K/open: other users may read
trouble $K/outside: the file is a
trouble $K/two: the file holds several
WANTED
ask mended "$K" <<COMMANDS
watch
say --
run chmod 600 $K/open
next 5
run cp -p $T/other $T/moved && mv $T/moved $K/outside
next 5
run ln -sf $T/other $K/inside
next 5
COMMANDS
is "what was mended is offered, and a link that now leads out is not" \
	"$(sed '1,/^--$/d; s/: .*//' "$T/mended")" "key $K/open
key $K/outside
trouble $K/inside"

# --- a directory that goes and comes
fresh
keygen ed25519 "$K/a"
ask away "$K" <<COMMANDS
watch
run mv $K $T/aside
next 5
run mkdir -m 700 $K && cp -p $T/aside/a $K/a
next 5
COMMANDS
is "one that comes back ends the helper, which is started anew for it" "$?" 3
told "and of one that goes all keys go" away <<WANTED
key $K/a
gone $K/a
trouble $K: there is no such
ended: closed; status 0
WANTED
rm -rf "$T/aside"
printf 'watch\n' | ask back "$K"
is "the next one sees what is there" "$(cat "$T/back")" "key $K/a"
ask late "$T/not/yet/there" <<COMMANDS
watch
run mkdir -p $T/not/yet
run mkdir $T/not/yet/there
next 10
COMMANDS
is "one that was never there is awaited" "$(tail -n 1 "$T/late")" 'ended: closed; status 0'

# --- certificates that no key is offered with
fresh
keygen ed25519 "$T/ca2"
keygen ed25519 "$T/stranger"
for name in garbage host expired mismatched good swapped empty; do
	keygen ed25519 "$K/$name" -C $name
	case $name in
	garbage) echo 'no certificate' >"$K/garbage-cert.pub" ;;
	host) ssh-keygen -q -h -s "$T/ca2" -I x -n h "$K/host.pub" ;;
	expired) ssh-keygen -q -s "$T/ca2" -I x -n me -V 20200101:20200201 "$K/expired.pub" ;;
	mismatched) ssh-keygen -q -s "$T/ca2" -I x -n me "$T/stranger.pub" && cp "$T/stranger-cert.pub" "$K/mismatched-cert.pub" ;;
	swapped) cp "$K/good-cert.pub" "$K/swapped-cert.pub" ;;
	empty) : >"$K/empty-cert.pub" ;;
	*) ssh-keygen -q -s "$T/ca2" -I x -n me "$K/$name.pub" ;;
	esac
done
cp "$T/stranger-cert.pub" "$K/nobodys-cert.pub"
ln -s "$K/nowhere" "$K/id_rsa"
ln -s "$K/nowhere" "$K/named"
cp "$K/good.pub" "$K/named.pub"
ln -s "$K/nowhere" "$K/other"
ask badcerts "$K" <<COMMANDS
watch
run ssh-keygen -q -s $T/ca2 -I x -n me $K/garbage.pub
next 5
COMMANDS
is "they are named, and why" "$(grep '^trouble' "$T/badcerts")" "trouble $K/empty-cert.pub: the certificate is malformed
trouble $K/expired-cert.pub: the certificate has expired
trouble $K/garbage-cert.pub: the certificate is malformed
trouble $K/host-cert.pub: the certificate is for a host, not for a user
trouble $K/id_rsa: the key file is gone
trouble $K/mismatched-cert.pub: the certificate belongs to another key
trouble $K/named: the key file is gone"
has "until a good one is there" "$(cat "$T/badcerts")" "^gone $K/garbage-cert.pub"
fresh
keygen ed25519 "$K/a"
cp -p "$K/a" "$T/model.a"
exec 9<"$K"
ask removed "$K" <<COMMANDS
watch
run rm -rf $K
next 5
run mkdir -m 700 $K && cp -p $T/model.a $K/a
next 5
COMMANDS
exec 9<&-
told "one that is removed, while somebody has it open, is missed, and awaited" removed <<WANTED
key $K/a
gone $K/a
trouble $K: there is no such
ended: closed; status 0
WANTED
mkdir "$T/above"
mv "$K" "$T/above/keys"
ln -s above/keys "$K"
ask linked "$K" <<COMMANDS
watch
run rm -rf $T/above
next 5
run mkdir -p $T/above/keys && cp -p $T/model.a $T/above/keys/a
next 5
COMMANDS
told "so is one that a link leads to" linked <<WANTED
key $K/a
gone $K/a
trouble $K: there is no such
ended: closed; status 0
WANTED
ask beside "$K" <<COMMANDS
watch
run mv $T/above $T/apart
next 5
COMMANDS
told "and one whose parent is moved" beside <<WANTED
key $K/a
gone $K/a
trouble $K: there is no such
WANTED
rm -rf "$T/apart"

# --- what was learnt
fresh
keygen rsa "$K/pem" -b 2048 -m PEM -N secret
mv "$K/pem.pub" "$T/pem.pub"
ask learnt "$K" <<COMMANDS
watch
learn $K/pem $T/pem.pub
next 5
keys
COMMANDS
is "a public half that was learnt makes the file a key" "$(tail -n 1 "$T/learnt" | cut -d ' ' -f 1-4)" "$(pubs "$T/pem.pub") encrypted $K/pem"
is "it is remembered for its owner alone" "$(stat -c %a "$T/state/signet/learnt" "$T/state/signet" | tr '\n' ' ')" '600 700 '
printf 'watch\n' | ask once "$K"
is "and known at the next start" "$(cat "$T/once")" "key $K/pem"
not_ok "nothing but the public half was written" grep -q PRIVATE "$T/state/signet/learnt"
printf 'watch\nrun ssh-keygen -q -p -m PEM -P secret -N other -f %s\nnext 5\n' "$K/pem" | ask rewritten "$K"
has "a file that was written anew is not the one that was learnt of" "$(tail -n 1 "$T/rewritten")" "^trouble $K/pem: its public half"
printf 'watch\nlearn %s %s\nnext 5\ndoubt %s\nnext 5\n' "$K/pem" "$T/pem.pub" "$K/pem" | ask doubted "$K"
has "what was learnt and is wrong is forgotten" "$(tail -n 1 "$T/doubted")" "^trouble $K/pem: its public half"
printf 'watch\nlearn %s %s\nnext 5\n' "$K/pem" "$T/pem.pub" | ask again "$K"
cp "$T/state/signet/learnt" "$T/good"
for bad in 'head -c 40 $T/good' 'head -c 2000000 /dev/zero' 'cat $T/good $T/good | head -c 900' 'echo hello' 'cat $T/other.pub'; do
	eval "$bad" >"$T/state/signet/learnt"
	printf 'watch\n' | ask bad "$K"
	has "a state file that is bad is not believed: $bad" "$(cat "$T/bad")" "^trouble $K/pem: its public half"
	has "and said so" "$(cat "$T/bad.err")" 'what was learnt of key files .* is not used'
done
cp "$T/good" "$T/state/signet/learnt"
chmod 666 "$T/state/signet/learnt"
printf 'watch\n' | ask bad "$K"
has "nor one that others may write" "$(cat "$T/bad")" "^trouble $K/pem: its public half"
rm "$T/state/signet/learnt"
ln -s "$T/good" "$T/state/signet/learnt"
printf 'watch\n' | ask bad "$K"
has "nor a link" "$(cat "$T/bad")" "^trouble $K/pem: its public half"
rm "$T/state/signet/learnt"

# --- what the helper cannot do, and what ends it
ask held "$K" <<COMMANDS
watch
pid
run grep -E '^(NoNewPrivs|Seccomp):' /proc/\$(tail -n 1 $T/held)/status
run test -r /proc/\$(sed -n 2p $T/held)/mem || echo not readable
COMMANDS
has "it has no new privileges" "$(cat "$T/held")" '^NoNewPrivs:.1'
grep -q __asan_init "$HELPER" || has "and a filter" "$(cat "$T/held")" '^Seccomp:.2'
printf 'raw 0270\n' | ask odd "$K"
for message in 02 0263 0261000000012f00000000 02600000; do
	printf 'watch\nraw %s\nnext 5\n' $message | ask odd "$K"
	has "a message that makes no sense ends it: $message" "$(tail -n 1 "$T/odd")" '^ended: closed; status 1'
done
# The tool is of the helper's own version, so that the answer makes no sense to it.
printf 'watch\nraw 0161\nnext 5\n' | ask odd "$K"
is 'so does one of another version, answered first' "$(tail -n 1 "$T/odd")" 'ended: a message makes no sense; status 1'

# --- 5,000 files
fresh
keygen ed25519 "$T/model"
python3 - "$T/model" "$K" <<'PYTHON'
import base64, os, sys
# Keys that differ in their public half, which is twice in the file, and in nothing else.
lines = open(sys.argv[1]).read().split("\n")
content = base64.b64decode("".join(lines[1:-2]))
public = base64.b64decode(open(sys.argv[1] + ".pub").read().split()[1])[-32:]
for i in range(2500):
    name = "%s/key%04d" % (sys.argv[2], i)
    fresh = content.replace(public, os.urandom(32))
    text = base64.b64encode(fresh).decode()
    with open(os.open(name, os.O_CREAT | os.O_WRONLY, 0o600), "w") as f:
        f.write(lines[0] + "\n" + text + "\n" + lines[-2] + "\n")
    with open(name + ".txt", "w") as f:
        f.write("no key\n")
PYTHON
ask many "$K" <<COMMANDS
run date +%s%N >$T/begin
watch
run date +%s%N >$T/told
say --
run ssh-keygen -q -t ed25519 -N '' -f $K/one-more
next 5
run date +%s%N >$T/end
run rm $K/key00*
next 5
say ==
watch
COMMANDS
is "all of 5,000 files are told" "$(sed '/^--$/,$d' "$T/many" | grep -c '^key ')" 2500
is "and a new one alone" "$(sed '1,/^--$/d' "$T/many" | head -n 1)" "key $K/one-more"
has "and that others go" "$(sed '1,/^--$/d; /^==$/,$d' "$T/many")" "^gone $K/key00"
is "a hundred" "$(sed '1,/^==$/d' "$T/many" | grep -c '^key ')" 2401
diag "5,000 files: $((($(cat "$T/told") - $(cat "$T/begin")) / 1000000)) ms to the first answer, $((($(cat "$T/end") - $(cat "$T/told")) / 1000000)) ms for one change (ssh-keygen and 60 ms of quiet in it)"
finish
