#!/bin/sh
# seconds 600
# The same search as in secrets.t, while clients sign without pause with keys of every type, keys are added and removed,
# files are unlocked by passphrase and from the keyring and locked again, the agent is locked and unlocked, and PINs are
# asked for and used on a security key, PIV and OpenPGP cards and a PKCS#11 token; afterwards, in all that still runs;
# and in every helper, prompt and signet-add at its end.
#
# What must hold when, by kind of secret memory (SECURITY.md): with memfd nothing is ever readable in the core.
# With locked a key is, while it signs, and what is typed, while it is passed on: there the core is looked at when all
# is quiet.  A helper that serves tokens has a PIN while it uses it, and nothing else of what is looked for.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/secrets.sh"
. "${0%/*}/../support/secretservice.sh"
. "${0%/*}/../support/pkcs11.sh"
. "${0%/*}/../support/securitykeys.sh"
. "${0%/*}/../support/display.sh"
need openssl ssh-add ssh-keygen
secretservice_need

# --- what is typed, each found nowhere else

TYPED='Zwetschge typed 7391 Quitte'
KEPT='Zwetschge kept 5518 Quitte'
ADDED='Zwetschge added 2046 Quitte'
LOCK='Zwetschge locks 6602 Quitte'
FIDO_PIN='Mispel-4417-Holunder-key'
PIV_PIN=83920174
OPENPGP_PIN='Mispel 9083 Holunder'
P11_PIN='Mispel-2751-Holunder-token'
for each in "$TYPED" "$KEPT" "$ADDED" "$LOCK"; do
	text_needle "$each"
done >"$T/no-pins"
for each in "$FIDO_PIN" "$PIV_PIN" "$OPENPGP_PIN" "$P11_PIN"; do
	text_needle "$each"
done >"$T/pin-needles"
# What a security key gets in place of its PIN (CTAP 2.1, section 6.5.5.7).
printf %s "$FIDO_PIN" | openssl dgst -sha256 -r | cut -c 1-32 >>"$T/pin-needles"

# --- keys, each of which is encrypted

dir=$HOME/.ssh
mkdir -m 700 "$dir" "$T/add"
protected() {
	protected_file=$T/add/$1
	shift
	openssl genpkey "$@" -out "$protected_file.plain" 2>/dev/null
	numbers "$protected_file.plain" >>"$T/no-pins"
	openssl pkcs8 -topk8 -in "$protected_file.plain" -out "$protected_file" -passout "pass:$ADDED"
}
# ours_too FILE TYPE PASSPHRASE [ARGUMENT...]: by ssh-keygen, in OpenSSH's format.
ours_too() {
	own_file=$1 own_type=$2 own_secret=$3
	shift 3
	keygen "$own_type" "$own_file" -C "${own_file##*/}" "$@"
	if [ "$own_type" = ed25519 ]; then
		seed "$own_file" >>"$T/no-pins"
	else
		cp "$own_file" "$own_file.plain"
		ssh-keygen -q -p -m PEM -P '' -N '' -f "$own_file.plain" >/dev/null
		numbers "$own_file.plain" >>"$T/no-pins"
	fi
	ssh-keygen -q -p -P '' -N "$own_secret" -a 2 -f "$own_file" >/dev/null
}
protected rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
protected p256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
protected p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
protected p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521
protected ed448 -algorithm ed448
openssl genrsa -traditional -out "$T/add/pem.plain" 2048 2>/dev/null
numbers "$T/add/pem.plain" >>"$T/no-pins"
openssl rsa -traditional -aes128 -in "$T/add/pem.plain" -out "$T/add/pem" -passout "pass:$ADDED" 2>/dev/null
ours_too "$T/add/ed25519" ed25519 "$ADDED"
ours_too "$T/add/dsa" dsa "$ADDED" 2>/dev/null
if command -v puttygen >/dev/null; then
	keygen ed25519 "$T/putty" -C putty
	seed "$T/putty" >>"$T/no-pins"
	printf %s "$ADDED" >"$T/phrase"
	puttygen "$T/putty" -o "$T/add/putty.ppk" -O private --new-passphrase "$T/phrase" \
		--ppk-param version=3,memory=1024,passes=1
fi
ours_too "$dir/typed" ed25519 "$TYPED"
ours_too "$dir/kept" rsa "$KEPT" -b 2048
rm -f "$T"/add/*.plain "$dir"/*.plain "$T/add"/*.pub
chmod 600 "$T/add"/* "$T/no-pins"
cat "$T/no-pins" "$T/pin-needles" >"$T/needles"
is 'needles: four of passphrases, six of each RSA key, one of each other key, five of PINs' "$(wc -l <"$T/needles")" \
	$((4 + 3 * 6 + 7 + $(find "$T/add" -name putty.ppk | wc -l) + 5))

# --- tokens

softhsm_start
token_make token "$P11_PIN"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/p11.pem" 2>/dev/null
numbers "$T/p11.pem" >"$T/module-needles"
softhsm2-util --import "$T/p11.pem" --token token --pin "$P11_PIN" --id 01 --label p11 >"$T/out" 2>&1
openssl pkey -in "$T/p11.pem" -pubout | ssh-keygen -i -m PKCS8 -f /dev/stdin >"$T/pub/p11.pub"
echo "$FIDO_PIN" >"$T/keygen-pin"
SK_VIRTUAL_PIN=$FIDO_PIN
export SK_VIRTUAL_PIN
fido_key fido ed25519-sk mine -O verify-required
unset SK_VIRTUAL_PIN
ok 'pcscd starts' pcscd_start 4
ok 'a security key' card_start mine 0 -s "$T/mine.state"
card mine auto on >/dev/null
ok 'a smartcard' tokencard_start main 2 -o serial=7654321 -o applets=both -o slot=9c:p256 -o slot=aut:ed25519 \
	-o pin=$PIV_PIN -o "pw1=$OPENPGP_PIN"
bus_start
service_start
printf %s "$KEPT" | secret-tool store --label=L xdg:schema org.signet.Secret kind passphrase name "$dir/kept" \
	id "$(ssh-keygen -lf "$dir/kept.pub" | cut -d ' ' -f 2)"

# Whoever is asked knows each answer by the question.
askpass person "echo \"\$1\" >>$T/questions" "case \$1 in" "*$dir/typed*) echo '$TYPED' ;;" \
	"*OpenPGP*) echo '$OPENPGP_PIN' ;;" "*7654321*) echo '$PIV_PIN' ;;" \
	"*token*p11*) echo '$P11_PIN' ;;" "*Virtual*) echo '$FIDO_PIN' ;;" "*) exit 1 ;;" "esac" >/dev/null
for each in ADDED LOCK P11_PIN; do
	eval "askpass types-$each \"echo '\$$each'\"" >/dev/null
done

# typing WHAT COMMAND...: with that typed at its question.
typing() {
	typing_what=$1
	shift
	SSH_ASKPASS=$T/types-$typing_what SSH_ASKPASS_REQUIRE=force "$@"
}

# --- the load: loops, each of which counts its rounds in $T/rounds.NAME while $T/go is there.  A round that the locked
# agent refuses is none.

# looping NAME COMMAND...
looping() {
	loop_name=$1
	shift
	: >"$T/rounds.$loop_name"
	(
		while [ -e "$T/go" ]; do
			if "$@" >"$T/loop.$loop_name" 2>&1 </dev/null; then
				echo x >>"$T/rounds.$loop_name"
			else
				sleep 0.05
			fi
		done
	) &
	loops="$loops $!"
	reap $!
}

# rounds NAME NUMBER, for poll.
rounds() {
	[ "$(wc -l <"$T/rounds.$1")" -ge "$2" ]
}

# Some are away for a moment now and then (add_anew).
sign_held() {
	for held in $CYCLED; do
		"$ADD" -T "$T/held/$held.pub"
	done
	for held in p256 p384 ed448 dsa; do
		"$ADD" -T "$T/held/$held.pub" || return
	done
}
CYCLED='rsa p521 pem ed25519'

add_anew() {
	for file in $CYCLED; do
		"$ADD" -q -d "$T/held/$file.pub"
		typing ADDED "$ATEND" -f 16 "$T/needles" "$T/ends.add" "$ADD" -q "$T/add/$file" || return
		cat "$T/ends.add" >>"$T/ends.adds"
	done
}

unlock_files() {
	"$ADD" -T "$dir/typed.pub" && "$ADD" -T "$dir/kept.pub" && poll 20 relocked
}

relocked() {
	[ "$("$ADD" -l | grep -c ' \[locked\]$')" -eq 2 ]
}

sign_tokens() {
	sign piv && sign openpgp && sign p11 && sign fido
}

# helpers NAME: the running ones of this name.
helpers() {
	for helper_pid in $(children "$SSH_AGENT_PID"); do
		! grep -qsx "$1" "/proc/$helper_pid/comm" || echo "$helper_pid"
	done
}

core() {
	helpers signet-agent
}

# load_goes_on MODE NUMBER: until each loop has made so many rounds.
load_goes_on() {
	for each in sign1 sign2 add files tokens; do
		poll 60 rounds $each "$2" || {
			fail "$1: $each makes its round $2"
			diag "$(tail -n 5 "$T/loop.$each")" "$(tail -n 3 "$T/agent.log")"
		}
	done
}

# watch_alone: the signet-fido that watches what is plugged in is the only one; it is FIDO_WATCH from here on.  Those that
# come with requests have a PIN.
watch_alone() {
	FIDO_WATCH=$(helpers signet-fido)
	[ "$(echo "$FIDO_WATCH" | wc -w)" -eq 1 ]
}

# let_go: whoever is ended from here on is so in the middle of what it does, since the agent is being locked, and
# has what it was using.
let_go() {
	kill "$WATCHER" && gone "$WATCHER" 60
}

# look_under_load MODE: a scan that must hold now.
look_under_load() {
	watchers="$(helpers signet-files) $(helpers signet-session) $FIDO_WATCH"
	is "$1: under load: files, the session and security keys are watched" "$(echo "$watchers" | wc -w)" 3
	# shellcheck disable=SC2086 # process numbers
	clean "$1: under load: the supervisor, and what watches files, the session and security keys" \
		"$SSH_AGENT_PID" $watchers
	# shellcheck disable=SC2046 # process numbers
	NEEDLES=$T/no-pins clean "$1: under load: helpers for tokens, but for PINs in use" \
		$(helpers signet-card) $(helpers signet-pkcs11)
	# shellcheck disable=SC2046 # process numbers
	[ "${1%,*}" != memfd ] || clean "$1: under load: the core" $(core)
}

all_added() {
	for file in "$T"/add/*; do
		typing ADDED "$ADD" -q "$file" || return
		"$ADD" -L | tail -n 1 >"$T/held/${file##*/}.pub"
	done
}

whole() {
	if ! agent_start --secret-memory "$1" --config "$T/config" --offer-keys --relock 1 --allow-dss; then
		skip "$1" 'not on Debian 12: memfd_secret is off'
		return
	fi
	watch_ends "$T/ends"
	rm -rf "$T/held"
	mkdir "$T/held"
	ok "$1: keys of every type are added" all_added
	ok "$1: a security key's" "$ADD" -q "$T/fido"
	ok "$1: those of cards" "$ADD" -q --card --slot all
	ok "$1: a token's" typing P11_PIN "$ADD" -q -s "$SOFTHSM"
	ssh-add -L | grep ' PIV 9c' >"$T/pub/piv.pub"
	ssh-add -L | grep ' OpenPGP' | head -n 1 >"$T/pub/openpgp.pub"
	is "$1: a key of each" "$(cat "$T/pub/piv.pub" "$T/pub/openpgp.pub" | wc -l)" 2
	ok "$1: one process watches security keys" poll 10 watch_alone
	: >"$T/ends.adds"
	: >"$T/questions"
	: >"$T/go"
	loops=
	looping sign1 sign_held
	looping sign2 sign_held
	looping add add_anew
	looping files unlock_files
	looping tokens sign_tokens
	load_goes_on "$1" 1
	look_under_load "$1"
	ok "$1: what watches the ends lets go" let_go
	typing LOCK "$ADD" -x 2>/dev/null || fail "$1: it is locked"
	look_under_load "$1, locked"
	typing LOCK "$ADD" -X 2>/dev/null || fail "$1: it is unlocked"
	load_goes_on "$1" 2
	rm "$T/go"
	for each in $loops; do
		wait "$each"
	done
	ok "$1: the files are locked again" poll 20 relocked
	# shellcheck disable=SC2046 # process numbers
	clean "$1: afterwards, all that still runs" $(ours)
	# shellcheck disable=SC2046 # a process number
	NEEDLES=$T/module-needles clean "$1: nor has SoftHSM left the numbers of its key" $(helpers signet-pkcs11)
	for each in signet-prompt signet-unlock signet-keyring signet-fido; do
		ended_clean "$T/ends" $each
	done
	ended_clean "$T/ends.adds" signet-add
	watch_ends "$T/ends"
	agent_stop
	gone "$WATCHER" 60
	for each in signet-files signet-session signet-fido signet-card signet-pkcs11 signet-agent; do
		ended_clean "$T/ends" $each
	done
	diag "$1: rounds of $(cd "$T" && wc -l rounds.* | tr -s ' \n' ' ')"
}

cat >"$T/config" <<-CONFIG
	KeyDirectory $dir
CONFIG
SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force SIGNET_PROMPT=askpass SIGNET_NOTIFY=''
export SSH_ASKPASS SSH_ASKPASS_REQUIRE SIGNET_PROMPT SIGNET_NOTIFY
whole locked
whole memfd

# --- the other way of asking

cat >"$T/pinentry" <<-SH
	#!/bin/sh
	echo OK
	while read -r word rest; do
		case \$word in
		GETPIN) echo 'D $TYPED' && echo OK ;;
		BYE) echo OK && exit ;;
		*) echo OK ;;
		esac
	done
SH
chmod 755 "$T/pinentry"
display_start
DISPLAY=$display SIGNET_PROMPT=pinentry SIGNET_PINENTRY=$T/pinentry agent_start --config "$T/config" --offer-keys
watch_ends "$T/ends"
ok 'a file is unlocked by way of pinentry' "$ADD" -T "$dir/typed.pub"
agent_stop
gone "$WATCHER" 60
ended_clean "$T/ends" signet-prompt

# --- what asks for one thing and hangs up as soon as it has the answer

cat >"$T/keyring-often" <<-SH
	for each in 1 2 3 4; do
		printf %s '$KEPT' | "$BUILD/tests/tools/keyring" "$KEYRING" store passphrase /often x L || exit
		"$BUILD/tests/tools/keyring" "$KEYRING" lookup passphrase /often x || exit
	done
SH
ok 'secrets are stored and looked up' "$ATEND" -f 16 "$T/needles" "$T/ends" sh "$T/keyring-often"
ended_clean "$T/ends" signet-keyring
finish
