# The agent with keys of PKCS#11 modules, and the person at it; after lib.sh.

[ -x "$BUILD/libexec/signet/signet-pkcs11" ] || skip_all 'signet-pkcs11 is not built: libp11-kit is missing'
mkdir "$T/asked"
echo 'a message' >"$T/message"

# The person: secrets are the lines of $T/pins, a confirmation is as $T/yes is there, where $T/wait is it is left
# open; all else waits.  What was asked is in $T/asked/KIND.PID, in that order in $T/order.
askpass person "kind=\${SSH_ASKPASS_PROMPT:-secret}" \
	"printf '%s\\n' \"\$1\" >$T/asked/.\$\$ && mv $T/asked/.\$\$ $T/asked/\$kind.\$\$" \
	"echo \$kind >>$T/order" \
	"if [ -e $T/wait ]; then exec sleep 600; fi" \
	"if [ \$kind = confirm ]; then [ ! -e $T/yes ] || exit 0; [ ! -e $T/no ] || exit 1; exec sleep 600; fi" \
	"[ \$kind = secret ] || exec sleep 600" \
	"[ -s $T/pins ] || exit 1" "head -n 1 $T/pins" "sed -i 1d $T/pins" >/dev/null
# Who types at ssh-add and signet-add.
askpass typist "cat $T/pin" >/dev/null
: >"$T/pin"

# p11agent [ARGUMENT...]: the agent, with that person.
p11agent() {
	SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force SIGNET_PROMPT=askpass SIGNET_NOTIFY='' agent_start "$@"
}

# openssh ARGUMENT..., ours ARGUMENT...: OpenSSH's ssh-add and our signet-add, to which $T/pin is typed.
openssh() {
	SSH_ASKPASS=$T/typist SSH_ASKPASS_REQUIRE=force timeout 50 ssh-add "$@"
}
ours() {
	SSH_ASKPASS=$T/typist SSH_ASKPASS_REQUIRE=force timeout 50 "$ADD" "$@"
}

# sign NAME, verified NAME, well NAME: with the key of $T/NAME.pub, by ssh-keygen; well: both.
sign() {
	rm -f "$T/$1.sig"
	timeout 50 ssh-keygen -Y sign -f "$T/$1.pub" -n test <"$T/message" >"$T/$1.sig"
}
verified() {
	echo "me $(cat "$T/$1.pub")" >"$T/signers"
	ssh-keygen -Y verify -f "$T/signers" -I me -n test -s "$T/$1.sig" <"$T/message"
}
well() {
	sign "$1" && verified "$1"
}

# person [PIN...]: the answers from here on, and nothing was asked so far.
person() {
	rm -f "$T/asked"/* "$T/yes" "$T/no" "$T/wait" "$T/order"
	: >"$T/pins"
	for pin; do
		echo "$pin" >>"$T/pins"
	done
}

# asked KIND: how often; asked_is KIND N; questions KIND: the texts.
asked() {
	find "$T/asked" -name "$1.*" | wc -l
}
asked_is() {
	[ "$(asked "$1")" -eq "$2" ]
}
questions() {
	cat "$T/asked/$1".* 2>/dev/null
}

# p11helpers: the processes that serve modules; no_p11helpers.
p11helpers() {
	for pid in $(children "$SSH_AGENT_PID"); do
		case $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) in *signet-pkcs11*) echo "$pid" ;; esac
	done
}
no_p11helpers() {
	[ -z "$(p11helpers)" ]
}

# comments: of the keys that are listed, one a line; in the agent's order.
comments() {
	ssh-add -L 2>/dev/null | grep '^[a-z0-9@.-]* AAAA' | cut -d ' ' -f 3-
}
