#!/bin/sh
# signet-add --all: every private key of a folder, found by content; and the default files of a home.
# shellcheck disable=SC2016 # what is in single quotes is for other shells
. tests/support/add_env.sh

start_agent a
SSH_AUTH_SOCK=$T/a.sock
export SSH_AUTH_SOCK

mkdir keys && cd keys || exit 1
make_key id_ed25519 -t ed25519 -C first
make_key id_rsa.ceci -t rsa -b 2048 -m PEM -C unseen
make_key 'with blank' -t ecdsa -C blank
make_key enc1 -t ed25519 -N secret -C locked1
make_key enc2 -t ed25519 -N secret -C locked2
printf 'Here is the key:\r\n\r\n' >pasted
ssh-keygen -q -t ed25519 -N '' -f tmp -C pasted </dev/null
sed 's/$/\r/' tmp >>pasted && rm tmp tmp.pub && chmod 600 pasted
ssh-keygen -q -s id_ed25519 -I 'its id' -n me 'with blank.pub'
ln -s id_ed25519 link
printf 'example.org ssh-ed25519 AAAA\n' >known_hosts
printf 'Host *\n' >config
: >authorized_keys
head -c 2000000 /dev/zero >big
mkfifo pipe
mkdir sub && cp id_ed25519 sub/inner
cp id_ed25519 too_open && chmod 644 too_open
cp id_ed25519 damaged && sed -i '3s/[A-Za-z]/x/g' damaged
cd ..
printf '#!/bin/sh\necho "$1" >>asked\necho secret\n' >ask && chmod +x ask

run "$ADD" --all keys
sort err >err.sorted
check 'without anybody to ask: what needs no passphrase is added' sh -c '
	grep -qx "Identity added: keys/id_ed25519 (first)" err &&
	grep -qx "Identity added: keys/id_rsa.ceci (keys/id_rsa.ceci)" err &&
	grep -qx "Identity added: keys/with blank (blank)" err &&
	grep -qx "Certificate added: keys/with blank-cert.pub (its id)" err &&
	grep -q "^Identity added: keys/pasted " err'
want_line 'what was left out is named, with the reason' 1 \
	'^keys/enc1: not added, since it needs a passphrase$'
want_line 'each of them' 1 '^keys/enc2: not added, since it needs a passphrase'
want_line 'a key that others can read is refused' 1 "^Permissions 0644 for 'keys/too_open' are too open\.$"
want_line 'a damaged key is named' 1 '^Error loading key "keys/damaged": '
check 'nothing is said of other files' sh -c '! grep -Eq "known_hosts|config|authorized|big|pipe|sub|\.pub:" err'
ssh-add -l >list
check 'the agent has them: five keys and a certificate, no more' \
	sh -c 'grep -c . list | grep -qx 5 && grep -q "blank (ECDSA-CERT)" list'
want_line 'a link to a key that is there already' 1 '^Already in the agent: keys/link$'

rm keys/too_open keys/damaged
run SSH_ASKPASS="$T/ask" SSH_ASKPASS_REQUIRE=force "$ADD" --all keys
want_line 'a second time: all well' 0 '^Identity added: keys/enc1 \(locked1\)$'
want_line 'one passphrase opens both' 0 '^Identity added: keys/enc2 \(locked2\)$'
check 'it was asked for once' sh -c 'grep -c . asked | grep -qx 1'
want_line 'what the agent holds is not added again' 0 '^Already in the agent: keys/id_ed25519$'
: >asked
run SSH_ASKPASS="$T/ask" SSH_ASKPASS_REQUIRE=force "$ADD" -q --all keys
want 'a third time: nothing to do, nothing to say' 0 '' ''
check 'and nobody was asked' sh -c '! [ -s asked ]'
run SSH_ASKPASS="$T/ask" SSH_ASKPASS_REQUIRE=force "$ADD" -t 1h --all keys
want_line 'with a lifetime the keys are added anew' 0 '^Identity added: keys/id_ed25519 \(first\)$'
want_line 'and get it' 0 '^Lifetime set to 3600 seconds$'
ssh-add -qd "keys/with blank"
ssh-add -q -k "keys/with blank"
run "$ADD" --all keys
want_line 'a certificate that is new is added' 0 '^Certificate added: keys/with blank-cert.pub'
ssh-add -qD
run "$ADD" --all -k keys
want_line 'an option after --all' 1 '^Identity added: keys/with blank \(blank\)$'
check '-k: no certificate' sh -c '! grep -q "^Certificate" err'

mkdir none && : >none/config
run "$ADD" --all none
want 'no key: how to make one' 1 '' 'No private key was found.  To make one: ssh-keygen -t ed25519
'
run "$ADD" --all nowhere
want 'no such folder' 1 '' 'nowhere: No such file or directory
'
run "$ADD" --all none keys
want_line 'two folders' 1 '^Identity added: keys/pasted|^Already in the agent: keys/pasted'
mkdir evil && cp keys/id_ed25519 "evil/$(printf 'a\033[2Jb')"
ssh-add -qD
run "$ADD" --all evil
want 'a name with escape sequences' 0 '' 'Identity added: evil/a\x1b[2Jb (first)
'

# The home folder is that of the password file, for ssh-add too: both get one of ours.
mkdir -p home/.ssh
for f in id_rsa id_ecdsa id_ed25519; do
	make_key home/.ssh/$f -t ${f#id_} -C "home $f"
done
make_key home/.ssh/work -t ed25519 -C 'home work'
cat >home.c <<'C'
#include <pwd.h>
#include <stdlib.h>
#include <sys/types.h>
struct passwd *getpwuid(uid_t uid)
{
	static struct passwd user = {.pw_name = "me", .pw_passwd = "x", .pw_gecos = "", .pw_shell = "/bin/sh"};

	user.pw_uid = uid;
	user.pw_dir = getenv("TEST_HOME");
	return &user;
}
C
${CC:-cc} -shared -fPIC -o home.so home.c || exit 1
at_home() {
	run LD_PRELOAD="$T/home.so" ASAN_OPTIONS=verify_asan_link_order=0 TEST_HOME="$T/home" "$@"
}

ssh-add -qD
at_home ssh-add
cp err theirs
ssh-add -qD
at_home "$ADD"
check 'the default files are those of ssh-add' diff theirs err
check 'three of them' sh -c 'grep -c "^Identity added" err | grep -qx 3'
at_home ssh-add -d
cp err theirs
at_home "$ADD"
at_home "$ADD" -d
check 'so are those that -d removes' diff theirs err
at_home "$ADD" --all
want_line '--all takes the home folder' 0 '^Identity added: .*/home/.ssh/work \(home work\)$'
rm home/.ssh/id_*
at_home "$ADD"
want_line 'no default file: what to do' 1 '^None of the usual key files is in ~/.ssh\. .*--all'
rm -r home/.ssh
at_home "$ADD" --all
want_line 'no ~/.ssh: how to make a key' 1 'To make one: ssh-keygen -t ed25519$'

done_testing
