#!/bin/sh
# signet-keyring with a real gnome-keyring-daemon, a person who unlocks it or does not, and services
# that misbehave; and signet-add --forget.
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/secretservice.sh"
[ -x "$KEYRING" ] || skip_all 'signet-keyring is not built: libsecret is not installed'
secretservice_need

print=SHA256:AmfBwrsFyGaIH85DZdJ7IqHNhPBPxWZvp7fBOFNgTcE
key=$HOME/.ssh/id

# said DESCRIPTION WANTED WORD...: what the helper answers to tests/tools/keyring.c.
said() {
	said_what=$1 said_wanted=$2
	shift 2
	is "$said_what" "$(keyring "$@")" "$said_wanted"
}

# inside FOLDER COMMAND...: run it there.
inside() (
	cd "$1" && shift && "$@"
)

# milliseconds COMMAND...: how long it took.
milliseconds() {
	ms_from=$(date +%s%N)
	"$@" >/dev/null 2>&1
	echo $((($(date +%s%N) - ms_from) / 1000000))
}

# --- nobody there

none='failed: no keyring (Secret Service) answers'
unset DBUS_SESSION_BUS_ADDRESS
said 'no bus' "$none" lookup passphrase "$key" "$print"
took=$(milliseconds keyring lookup passphrase "$key" "$print")
ok "that is said at once ($took ms)" [ "$took" -lt 2000 ]
ok 'no bus was started' [ ! -e "$HOME/.dbus" ]
for address in unix:path="$T/none" autolaunch: "unixexec:path=/usr/bin/touch,argv1=$T/run-by-address" \
	tcp:host=127.0.0.1,port=1; do
	DBUS_SESSION_BUS_ADDRESS=$address
	export DBUS_SESSION_BUS_ADDRESS
	said "nobody at ${address%%[,/]*}" "$none" lookup passphrase "$key" "$print"
done
ok 'no program was started for an address' [ ! -e "$T/run-by-address" ]
bus_start
said 'a bus without a service' "$none" lookup passphrase "$key" "$print"
took=$(milliseconds keyring lookup passphrase "$key" "$print")
ok "that is said at once, too ($took ms)" [ "$took" -lt 2000 ]
exits 'signet-add --forget without a service' 1 "$ADD" --forget "$key"
has 'says so' "$(cat "$T/err")" ': its passphrase was not forgotten: no keyring \(Secret Service\) answers$'

# --- one that never answers; until the end of this test

bus_start hangs
badservice hang-open
keyring lookup passphrase /k x >"$T/late" &
late=$!
reap "$late"
DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
# helper_status: what the kernel says of the helper, a child of the tool that the shell waits for.
helper_status() {
	for status_tool in $(children "$late"); do
		for status_helper in $(children "$status_tool"); do
			cat "/proc/$status_helper/status"
		done
	done
}
confined() {
	helper_status | grep -q "^Seccomp:.$1"
}
if grep -q __asan_init "$KEYRING"; then
	skip 'it may do little' 'a build with sanitizers has no filter'
else
	ok 'it may do little' poll 5 confined 2
fi
has 'and get no rights' "$(helper_status)" '^NoNewPrivs:.1'

# --- a service that is unlocked

person_start
service_start
said 'nothing is there' 'failed: no such key' lookup passphrase "$key" "$print"
is 'a passphrase is stored' \
	"$(printf 'p\303\244ss  phrase' | keyring store passphrase "$key" "$print" 'Passphrase of SSH key ~/.ssh/id (Signet)')" 'done'
is 'secret-tool finds it' \
	"$(secret-tool lookup xdg:schema org.signet.Secret kind passphrase name "$key" id "$print")" \
	"$(printf 'p\303\244ss  phrase')"
has 'its label is for people' "$(secret-tool search name "$key" 2>&1)" \
	'^label = Passphrase of SSH key ~/.ssh/id \(Signet\)$'
said 'it is looked up' "$(printf 'secret p\303\244ss  phrase')" lookup passphrase "$key" "$print"
said 'another key in the file has none' 'failed: no such key' lookup passphrase "$key" SHA256:x
said 'another file has none' 'failed: no such key' lookup passphrase "$key.old" "$print"
said 'and it is no PIN' 'failed: no such key' lookup pin "$key" "$print"
is 'another one takes its place' "$(printf other | keyring store passphrase "$key" "$print" L)" 'done'
is 'there is one' "$(secret-tool search --all name "$key" 2>&1 | grep -c '^secret = ')" 1
said 'the new one' 'secret other' lookup passphrase "$key" "$print"
printf 'by secret-tool' | secret-tool store --label=T xdg:schema org.signet.Secret kind passphrase name /t id y
said 'what secret-tool stores is looked up' 'secret by secret-tool' lookup passphrase /t y
latin=$(printf '/home/\344')
is 'a name that is not UTF-8' "$(printf one | keyring store passphrase "$latin" x L)" 'done'
said 'is looked up' 'secret one' lookup passphrase "$latin" x
is 'by its bytes' "$(secret-tool lookup kind passphrase name hex:2f686f6d652fe4)" one
is 'a message of another version' "$(keyring raw 0380010000000161000000017800)" \
	'the answer makes no sense' # to a tool of the helper's own version

printf hidden | env G_MESSAGES_DEBUG=all G_DBUS_DEBUG=all SECRET_BACKEND=file \
	"$BUILD/tests/tools/keyring" "$KEYRING" store passphrase /debug x L >"$T/debug.log" 2>&1
is 'libraries write nothing, whatever they are told' "$(cat "$T/debug.log")" 'done'

# --- forgetting, and what it leaves alone

# foreign ATTRIBUTE...: an item that is not the file's passphrase.
foreign() {
	printf keep | secret-tool store --label=Foreign foreign yes "$@"
}
foreign xdg:schema org.freedesktop.Secret.Generic kind passphrase name "$key" id "$print"
foreign kind passphrase name "$key" id other
foreign xdg:schema org.signet.Secret kind pin name "$key" id "$print"
foreign xdg:schema org.signet.Secret kind passphrase name "$key.old" id "$print"
foreign unique "$key"
printf two | keyring store passphrase "$key" SHA256:second L >/dev/null
mkdir -p "$HOME/.ssh" "$HOME/elsewhere"
exits 'signet-add --forget, without any agent' 0 inside "$HOME/.ssh" "$ADD" --forget ./id
is 'says so' "$(cat "$T/err")" 'Passphrase forgotten: ./id'
said 'it is gone' 'failed: no such key' lookup passphrase "$key" "$print"
said 'so is that of an earlier key in the file' 'failed: no such key' lookup passphrase "$key" SHA256:second
is 'what is not the passphrase of this file stays' \
	"$(secret-tool search --all foreign yes 2>&1 | grep -c '^secret = keep')" 5
said 'the PIN' 'secret keep' lookup pin "$key" "$print"
said 'another file' 'secret keep' lookup passphrase "$key.old" "$print"
exits 'once more there is nothing' 1 inside "$HOME/.ssh" "$ADD" --forget id
is 'and it says so' "$(cat "$T/err")" 'id: the keyring has no passphrase of this file'
printf two | keyring store passphrase "$key" "$print" L >/dev/null
ln -s "$HOME/.ssh" "$HOME/elsewhere/link"
exits 'through .. and a link' 0 "$ADD" -q --forget "$HOME/elsewhere/../elsewhere/link/id" "$HOME/none"
is 'only what failed is said with -q' "$(cat "$T/err")" \
	"$HOME/none: the keyring has no passphrase of this file"
said 'it is that one' 'failed: no such key' lookup passphrase "$key" "$print"

# --- locked

locked='failed: the keyring was not unlocked'
printf three | keyring store passphrase "$key" "$print" L >/dev/null
service_lock
said 'locked, and nobody is to be asked' "$locked" unasked passphrase "$key" "$print"
person cancel >/dev/null
said 'locked, and the person does not unlock it' "$locked" lookup passphrase "$key" "$print"
is 'she was asked' "$(person asked)" yes
person ok master >/dev/null
said 'the person unlocks it' 'secret three' lookup passphrase "$key" "$print"
is 'she was asked once' "$(person asked)" yes
service_lock
person ok wrong >/dev/null
person ok master >/dev/null
said 'at the second try' 'secret three' lookup passphrase "$key" "$print"
is 'she was asked twice' "$(person asked)" yes
service_lock
person ok wrong >/dev/null
person cancel >/dev/null
said 'or not at all' "$locked" lookup passphrase "$key" "$print"
person cancel >/dev/null
is 'storing asks, too' "$(printf four | keyring store passphrase "$key" "$print" L)" "$locked"
person cancel >/dev/null
exits 'so does --forget' 1 "$ADD" --forget "$key"
has 'and says what it is' "$(cat "$T/err")" 'not forgotten: the keyring was not unlocked$'
person ok master >/dev/null
is 'stored when unlocked' "$(printf four | keyring store passphrase "$key" "$print" L)" 'done'
said 'it is there' 'secret four' lookup passphrase "$key" "$print"
service_lock
person ok master >/dev/null
exits 'forgotten when unlocked' 0 "$ADD" --forget "$key"
said 'it is not there' 'failed: no such key' unasked passphrase "$key" "$print"

# --- whoever asked leaves while the person is being asked

printf five | keyring store passphrase "$key" "$print" L >/dev/null
service_lock
mkfifo "$T/line"
person delay 1500 >/dev/null
person ok master >/dev/null
keyring hang-up passphrase "$key" "$print" <"$T/line" >"$T/hung" &
asker=$!
reap "$asker"
exec 7>"$T/line"
prompting() {
	[ "$(person state)" = "$1" ]
}
ok 'the person is being asked' poll 5 prompting prompting
echo >&7
exec 7>&-
ok 'whoever asked hangs up, and the helper ends' gone "$asker" 5
is 'in good order' "$(cat "$T/hung")" 'ended: status 0'
ok 'the question stays until the person answers' poll 5 prompting idle
person delay 0 >/dev/null
said 'then it is unlocked, and the service is well' 'secret five' unasked passphrase "$key" "$print"

# --- how long it takes

diag "a lookup: $(keyring time 5 passphrase "$key" "$print")"
times=0
from=$(date +%s%N)
while [ $times -lt 5 ]; do
	secret-tool lookup xdg:schema org.signet.Secret kind passphrase name "$key" id "$print" >/dev/null
	times=$((times + 1))
done
diag "secret-tool's: mean $((($(date +%s%N) - from) / 5000)) us"
service_stop

# --- services that misbehave

broken='failed: the keyring reported an error'

# misbehaves MODE WANTED [LOG]: a lookup with such a service, and what the helper says of it.
misbehaves() {
	badservice "$1"
	said "$1" "$2" lookup passphrase /k x
	[ $# -lt 3 ] || has "$1 is said" "$(cat "$T/keyring.log")" "$3"
	ok "$1: no secret is in the log" [ "$(grep -c right "$T/keyring.log")" -eq 0 ]
	service_stop
}

misbehaves good 'secret right'
misbehaves die "$broken"
misbehaves die-secret "$broken"
misbehaves other "$broken" 'answered with another item than was asked for: it is not used$'
misbehaves unmarked "$broken" 'answered with another item than was asked for: it is not used$'
for mode in empty long nul huge; do
	misbehaves $mode "$broken" 'it is empty, too long or binary, and is not used$'
done
misbehaves rubbish "$broken"
misbehaves types "$broken"
misbehaves tell "$broken"
for mode in hang hang-secret; do
	badservice $mode
	KEYRING_TEST_MS=300
	export KEYRING_TEST_MS
	said "$mode, and it is killed" 'no answer' lookup passphrase /k x
	unset KEYRING_TEST_MS
	service_stop
done
badservice other
is 'what is another is not deleted' "$(keyring forget passphrase /k x)" 'failed: no such key'
is 'indeed' "$(cat "$T/bad.out")" ''
service_stop
badservice tell
is 'a secret in the words of an error' "$(printf 'hidden' | keyring store passphrase /k x L)" "$broken"
has 'was known to the service' "$(cat "$T/bad.out")" 'id=x kind=passphrase name=/k'
ok 'and is not logged' [ "$(grep -c hidden "$T/keyring.log")" -eq 0 ]
service_stop
badservice no-default
is 'without a default collection' "$(printf 'hidden' | keyring store passphrase /k x L)" 'done'
is 'the first that lasts and is unlocked has it' "$(cat "$T/bad.out")" \
	'/org/freedesktop/secrets/collection/one replace=True id=x kind=passphrase name=/k xdg:schema=org.signet.Secret'
service_stop
badservice locked
is 'and where there is none' "$(printf 'hidden' | keyring store passphrase /k x L)" "$broken"
has 'that is said' "$(cat "$T/keyring.log")" 'no default collection, and no other one is unlocked: make one'
service_stop
gone "$late" 15
is 'a service that hangs is given up' "$(cat "$T/late")" 'failed: nobody answered in time'
finish
