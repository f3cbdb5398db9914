#!/bin/sh
# Files that are no good: one clear line naming the file and the reason, the other files go on, exit status 1.
. tests/support/add_env.sh

start_agent a
SSH_AUTH_SOCK=$T/a.sock
export SSH_AUTH_SOCK

make_key good -t ed25519 -C good
make_key rsa -t rsa -b 2048 -m PEM
held() {
	ssh-add -L | grep -q "$(cut -d ' ' -f 2 good.pub)"
}

# bad NAME FILE PATTERN: refused with this line, and the good key after it is added
bad() {
	ssh-add -qD
	run "$ADD" "$2" good
	want_line "$1" 1 "$3"
	check "$1: it is one line, and the next file is added" sh -c "test \$(grep -c . err) = ${4:-2}"
	check "$1: the agent has the next key" held
}

bad 'not there' nofile '^nofile: No such file or directory$'
bad 'below a file' good/x '^good/x: Not a directory$'
: >empty && chmod 600 empty
bad 'empty' empty '^Error loading key "empty": the file is empty$'
mkdir dir
bad 'a folder' dir '^Error loading key "dir": Is a directory$'
mkfifo fifo
bad 'a named pipe' fifo '^Error loading key "fifo": it is a named pipe; write "-" to read a key from standard input$'
bad 'a device' /dev/zero '^Error loading key "/dev/zero": it is a device'
bad 'a socket' a.sock '^a.sock: No such device or address$'
head -c 2000000 /dev/zero >huge && chmod 600 huge
bad 'huge' huge '^Error loading key "huge": the file is too big for a key file$'
printf 'just some text\n' >text && chmod 600 text
bad 'foreign text' text '^Error loading key "text": not a private key in a format that Signet reads$'
head -c 3000 /dev/urandom >noise && chmod 600 noise
bad 'noise' noise '^Error loading key "noise": '
head -c 200 good >short && chmod 600 short
bad 'cut short' short '^Error loading key "short": '
bad 'a public key' good.pub '^Error loading key "good.pub": this is a public key; the private key is needed'
sed '3s/[A-Za-z]/x/g' good >damaged && chmod 600 damaged
bad 'damaged' damaged '^Error loading key "damaged": '
name=$(printf 'esc\033]0;x\007')
printf 'text\n' >"$name" && chmod 600 "$name"
bad 'a name with escape sequences' "$name" '^Error loading key "esc\\x1b\]0;x\\x07": '
check 'no control character reached the screen' sh -c '! LC_ALL=C grep -q "[[:cntrl:]]" err'

for mode in 644 640 604 622 660; do
	cp good open && chmod $mode open
	ssh-add -qD
	run "$ADD" open
	want "mode $mode is refused" 1 '' "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
Permissions 0$mode for 'open' are too open.
It is required that your private key files are NOT accessible by others.
This private key will be ignored.
To keep others out and use it: chmod 600 'open'
"
	check "mode $mode: nothing was added" sh -c '! ssh-add -l >/dev/null'
done
cp good kept && chmod 400 kept
run "$ADD" kept
want_line 'mode 400 is fine' 0 '^Identity added: kept \(good\)$'

# Like ssh-add, the rule is for files that are the user's own.
if [ "$(id -u)" = 0 ]; then
	cp good theirs && chmod 644 theirs && chown nobody theirs
	run "$ADD" theirs
	want_line "another user's file is not judged by its mode" 0 '^Identity added: theirs'
	install -d -m 755 -o nobody outside
	cp good outside/k && chmod 600 outside/k
	chmod 755 "$T" && chmod 666 a.sock
	run setpriv --reuid nobody --clear-groups "$ADD" outside/k
	want_line 'no right to read' 1 '^outside/k: Permission denied$'
	chmod 600 a.sock
else
	cp good unreadable && chmod 000 unreadable
	run "$ADD" unreadable
	want_line 'no right to read' 1 '^unreadable: Permission denied$'
fi

# A shell's <(command) is a pipe without a name; standard input may be a file, a pipe or nothing.
ssh-add -qD
run bash -c "'$ADD' <(cat good)"
want_line 'a key from a process substitution' 0 '^Identity added: /dev/fd/[0-9]* \(good\)$'
run sh -c "cat good | '$ADD' -"
want_line 'a key from standard input' 0 '^Identity added: \(stdin\) \(good\)$'
run sh -c "'$ADD' - </dev/null"
want_line 'nothing on standard input' 1 '^Error loading key "\(stdin\)": the file is empty$'
run sh -c "'$ADD' - <&-"
want_line 'standard input is closed' 1 'stdin'
run sh -c "'$ADD' - <huge"
want_line 'too much on standard input' 1 '^Error loading key "\(stdin\)": the file is too big'
ln -s good link
run "$ADD" link
want_line 'a link is followed' 0 '^Identity added: link \(good\)$'

# Certificates beside the key.
cp good c && cp good.pub c.pub
echo junk >c-cert.pub
run "$ADD" c
want_line 'a certificate that is none: the key is added' 0 '^Identity added: c '
want_line 'a certificate that is none: it is said' 0 '^Failed to load certificate "c-cert.pub": '
cp good.pub c-cert.pub
run "$ADD" c
want_line 'a plain public key in its place' 0 '^Failed to load certificate "c-cert.pub": the certificate is malformed$'
rm c-cert.pub && mkdir c-cert.pub
run "$ADD" c
want_line 'a folder in its place' 0 '^Failed to load certificate "c-cert.pub": Is a directory$'
rmdir c-cert.pub

# Public keys for -d and -T.
for o in -d -T; do
	run "$ADD" $o text
	cat out >>err
	want_line "$o: neither a public nor a private key" 1 'text: neither a public nor a private key$'
	run "$ADD" $o fifo
	cat out >>err
	want_line "$o: a named pipe" 1 'fifo: it is a named pipe'
done
make_key enc -t rsa -b 2048 -m PEM -N secret
rm enc.pub
run "$ADD" -d enc
check 'an encrypted PEM file without .pub' grep -q '^Bad key file enc: it is encrypted and shows no public key' out
rm rsa.pub
run "$ADD" rsa
run "$ADD" -d rsa
want_line 'a PEM file without .pub shows its public half' 0 '^Identity removed: rsa RSA \(no comment\)$'

done_testing
