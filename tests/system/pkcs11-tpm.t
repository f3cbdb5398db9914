#!/bin/sh
# Keys in a TPM, through tpm2-pkcs11: swtpm, with tpm2-abrmd on a message bus of the test's own.
. "${0%/*}/../support/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
need swtpm tpm2-abrmd tpm2_ptool dbus-daemon ssh ssh-add ssh-keygen
. "${0%/*}/../support/sshd.sh"
. "${0%/*}/../support/p11agent.sh"
no_sanitizers
MODULE=
for file in /usr/lib/*/pkcs11/libtpm2_pkcs11.so /usr/lib/*/libtpm2_pkcs11.so.1 /usr/lib64/pkcs11/libtpm2_pkcs11.so \
	/usr/lib/pkcs11/libtpm2_pkcs11.so; do
	[ -n "$MODULE" ] || [ ! -e "$file" ] || MODULE=$(readlink -f "$file")
done
[ -n "$MODULE" ] || skip_all 'libtpm2_pkcs11.so is not installed'
ldconfig -p | grep -q libtss2-tcti-tabrmd || skip_all 'libtss2-tcti-tabrmd is not installed'

# --- the TPM: each process is the test's own
mkdir "$T/tpm" "$T/store"
cat >"$T/bus.conf" <<END_OF_BUS
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=$T/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
END_OF_BUS
dbus-daemon --config-file="$T/bus.conf" --nofork --nopidfile >"$T/bus.log" 2>&1 &
reap $!
DBUS_SESSION_BUS_ADDRESS=unix:path=$T/bus
export DBUS_SESSION_BUS_ADDRESS
poll 10 test -S "$T/bus" || skip_all 'dbus-daemon does not start here'
swtpm socket --tpm2 --tpmstate "dir=$T/tpm" --server "type=unixio,path=$T/swtpm" --ctrl "type=unixio,path=$T/swtpm.ctrl" \
	--flags not-need-init,startup-clear >"$T/swtpm.log" 2>&1 &
reap $!
poll 10 test -S "$T/swtpm" || skip_all 'swtpm does not start here'
root=
[ "$(id -u)" -ne 0 ] || root=--allow-root
# shellcheck disable=SC2086 # no word when it is empty
tpm2-abrmd $root --session --tcti "swtpm:path=$T/swtpm" >"$T/abrmd.log" 2>&1 &
broker=$!
reap $broker
TPM2_PKCS11_STORE=$T/store
TPM2TOOLS_TCTI=tabrmd:bus_name=com.intel.tss2.Tabrmd,bus_type=session
TPM2_PKCS11_TCTI=$TPM2TOOLS_TCTI
export TPM2_PKCS11_STORE TPM2TOOLS_TCTI TPM2_PKCS11_TCTI
# ptool ARGUMENT...: its words go to a log.
ptool() {
	timeout 60 tpm2_ptool "$@" --path="$T/store" >>"$T/ptool.log" 2>&1
}
# Its first answer says that the broker is there.
poll 10 ptool init || skip_all 'tpm2-pkcs11 makes no store here'
ptool addtoken --pid=1 --sopin=so --userpin=1234 --label=tpm || skip_all 'tpm2-pkcs11 makes no token here'
for algorithm in ecc256 ecc384 rsa2048; do
	ptool addkey --algorithm=$algorithm --label=tpm --key-label=$algorithm --userpin=1234 ||
		skip_all "tpm2-pkcs11 makes no $algorithm key here"
done
# By another program than ours.
timeout 60 ssh-keygen -D "$MODULE" >"$T/public" 2>"$T/why" </dev/null || skip_all 'ssh-keygen does not read keys of this module'
for algorithm in ecc256 ecc384 rsa2048; do
	grep " $algorithm\$" "$T/public" >"$T/$algorithm.pub" || fail "the public half of $algorithm"
done

# --- signatures
p11agent || fail 'the agent starts'
: >"$T/pin"
ok 'the module is added without a PIN' openssh -s "$MODULE"
is 'its keys are listed' "$(comments | sort | tr '\n' ' ')" 'ecc256 ecc384 rsa2048 '
person 1234
for name in ecc256 ecc384 rsa2048; do
	ok "$name signs" sign $name
	ok "$name: rightly" verified $name
	ok "$name: for ssh-add -T" timeout 50 ssh-add -T "$T/$name.pub"
done
is 'for one PIN' "$(asked secret)" 1
has 'of the token' "$(questions secret)" 'PIN of token "?tpm'
many() {
	many_pids=
	for many_i in 1 2 3 4 5 6; do
		timeout 50 ssh-keygen -Y sign -f "$T/ecc256.pub" -n test <"$T/message" >"$T/many.$many_i" 2>/dev/null &
		many_pids="$many_pids $!"
	done
	for many_pid in $many_pids; do
		wait "$many_pid" || return 1
	done
}
ok 'several at once' many
for i in 1 2 3 4 5 6; do
	cp "$T/many.$i" "$T/ecc256.sig"
	verified ecc256 >/dev/null 2>&1 || echo $i
done >"$T/bad"
is 'all right' "$(cat "$T/bad")" ''

# --- wrong PINs, which a TPM counts
ok 'removed' openssh -e "$MODULE"
ok 'its helper ends' poll 10 no_p11helpers
echo 9999 >"$T/pin"
not_ok 'a wrong PIN at the addition' openssh -s "$MODULE"
has 'is said to be wrong' "$(cat "$T/agent.log")" 'add token refused.*the PIN is wrong'
echo 1234 >"$T/pin"
ok 'the right one' openssh -s "$MODULE"
person
ok 'signs without a question' well ecc384

# --- a helper that ends, and one for a login
kill -9 "$(p11helpers)"
person 1234
ok 'after its helper was killed' well rsa2048
is 'the PIN is asked for' "$(asked secret)" 1
(
	trap - EXIT
	sshd_need >"$T/no-sshd"
) || :
if [ -s "$T/no-sshd" ]; then
	skip 'a login' "$(sed 's/.*SKIP //' "$T/no-sshd")"
else
	sshd_need
	keygen ed25519 "$T/host"
	echo "here $(cat "$T/host.pub")" >"$T/known_hosts"
	cat "$T/ecc256.pub" >"$T/authorized_keys"
	ssh_config 'HostKeyAlias here' 'IdentityFile none'
	ok 'sshd starts' sshd_start here "$T/host"
	ok 'a login' timeout 60 ssh -F "$T/ssh_config" -p "$port" here true
	has 'with the key in the TPM' "$(cat "$T/sshd_here.log")" 'Accepted publickey'
fi
ok 'removed at the end' openssh -e "$MODULE"
ok 'the helper ends' poll 10 no_p11helpers
finish
