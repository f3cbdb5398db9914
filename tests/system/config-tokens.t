#!/bin/sh
# seconds 60
# Tokens that the configuration names: their keys are there without a command, when they are plugged in later too,
# with the rules of Key blocks, and nobody is asked anything; a reload takes them away and brings them back.
. "${0%/*}/../support/pcscd.sh"
. "${0%/*}/../support/lib.sh"
. "${0%/*}/../support/pkcs11.sh"
need ssh-add ssh-keygen
[ -x "$BUILD/libexec/signet/signet-card" ] || skip_all 'signet-card is not built: libpcsclite is missing'
[ -x "$BUILD/libexec/signet/signet-pkcs11" ] || skip_all 'signet-pkcs11 is not built: libp11-kit is missing'
[ -x "$BUILD/tests/virtual/token-card" ] || skip_all 'token-card is not built'
softhsm_start
unset XDG_CONFIG_HOME
config=$HOME/.config/signet/config
mkdir -p "$HOME/.config/signet"
mkdir "$T/asked"
askpass person "echo asked >$T/asked/\$\$" 'exit 1' >/dev/null
keygen ed25519 "$T/plain" -C plain

keys() {
	ssh-add -L 2>/dev/null | grep -c ' AAAA'
}
keys_are() {
	[ "$(keys)" -eq "$1" ]
}
names() {
	ssh-add -L 2>/dev/null | cut -d ' ' -f 3 | sort | tr '\n' ' '
}
reload() {
	kill -HUP "$SSH_AGENT_PID"
}

ok 'pcscd starts' pcscd_start 2
ok 'a token of SoftHSM' token_make here 1234
ok 'with a key' token_tool here 1234 --keypairgen --key-type EC:prime256v1 --id 01 --label ec --usage-sign
cat >"$config" <<END
PKCS11Module $SOFTHSM
Cards yes
CardSlots 9a 9c
AllowedProviders /usr/lib*/*
Key ec
	Confirm always
Key PIV*
	LocalOnly yes
END
ok 'the configuration is right' "$AGENT" --check-config
SSH_ASKPASS=$T/person SSH_ASKPASS_REQUIRE=force SIGNET_PROMPT=askpass SIGNET_NOTIFY='' agent_start ||
	fail 'the agent starts'
ok "the module's key comes by itself" poll 10 keys_are 1
has 'with its name' "$(ssh-add -L)" '^ecdsa-sha2-nistp256 [^ ]* ec$'
has 'and the rules of its Key block' "$("$ADD" -l -v)" '^    confirm: always$'
ok 'a card is plugged in' tokencard_start first 0 -a -s "$T/first.state" -o slot=9a:p256 -o slot=9c:rsa2048
ok 'its keys come by themselves' poll 10 keys_are 3
is 'with the rules of theirs' "$("$ADD" -l -v | grep -c '^    local-only: yes$')" 2
is 'nobody was asked' "$(find "$T/asked" -type f | wc -l)" 0

# --- removed by hand until a reload, which takes nothing else away
ssh-add -q "$T/plain"
ssh-add -L | grep ' ec$' >"$T/ec.pub"
ok 'a key is removed by hand' ssh-add -q -d "$T/ec.pub"
reload
ok 'a reload brings it back' poll 10 keys_are 4
ok 'all keys are removed' ssh-add -q -D
ssh-add -q "$T/plain"
is 'and stay away' "$(names)" 'plain '
reload
ok 'until a reload' poll 10 keys_are 4

# --- another configuration
printf 'Cards yes\nCardSlots 9a\n' >"$config"
reload
ok 'what is named no longer goes' poll 10 keys_are 2
has 'what is named stays' "$(ssh-add -L)" ' PIV 9a, '
has 'what was added stays' "$(ssh-add -L)" ' plain$'
printf 'PKCS11Module %s/nothing.so\nPKCS11Module nothing\n' "$T" >"$config"
reload
ok 'modules that are not there take nothing along' poll 10 keys_are 1
said() {
	grep -q "^signet-agent: nothing, which the configuration names, is not offered: no PKCS#11 module has this name" "$T/agent.log"
}
ok 'and are said' poll 10 said
is 'nobody was asked' "$(find "$T/asked" -type f | wc -l)" 0
agent_stop

# --- a lifetime for all keys is each key's, not that of the offer
printf 'Cards yes\nLifetime 1\n' >"$config"
agent_start
ssh-add -q "$T/plain"
ok 'the time of a key that was added at the start is over' poll 10 keys_are 0
ok 'the offer of cards is not' test "$("$ADD" --status | sed -n 's/^card-offers: //p')" -eq 1
agent_stop

# --- a helper that ends while it looks for the module says nothing of it
mkdir "$T/installed"
cp -a "$BUILD/bin" "$BUILD/libexec" "$T/installed/"
mv "$T/installed/libexec/signet/signet-pkcs11" "$T/pkcs11"
cat >"$T/installed/libexec/signet/signet-pkcs11" <<-END
	#!/bin/sh
	rm "$T/twice" 2>/dev/null && exit 1
	rm "$T/once" 2>/dev/null && exit 1
	exec "$T/pkcs11"
END
chmod 755 "$T/installed/libexec/signet/signet-pkcs11"
: >"$T/once"
: >"$T/twice"
printf 'PKCS11Module %s\nAllowedProviders /usr/lib*/*\n' "$SOFTHSM" >"$config"
AGENT=$T/installed/bin/signet-agent
agent_start
ok 'it is looked for again' poll 20 keys_are 1
is 'both times' "$(ls "$T/once" "$T/twice" 2>/dev/null)" ''
is 'which is said once' "$(grep -c 'is not offered yet: .*; tried again from time to time' "$T/agent.log")" 1
agent_stop
finish
