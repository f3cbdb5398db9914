#!/bin/sh
# seconds 200
# Secrets are compared in constant time: tests/tools/ct.c under valgrind's memcheck, which says where it looks.
. "${0%/*}/../support/lib.sh"
need valgrind ssh-keygen puttygen
no_sanitizers
mkdir "$T/keys"
# The comment's length makes the padding what ct.c knows.
keygen ed25519 "$T/keys/ctr" -C abcdef -N secret -a 1 -Z aes256-ctr
keygen ed25519 "$T/keys/chacha" -C abcdef -N secret -a 1 -Z chacha20-poly1305@openssh.com
keygen ed25519 "$T/putty" -C putty
printf secret >"$T/phrase"
puttygen "$T/putty" -o "$T/keys/ppk" -O private --new-passphrase "$T/phrase" --ppk-param version=2
valgrind -q --error-limit=no --log-file="$T/valgrind.log" "$BUILD/tests/tools/ct" "$T/keys" >"$T/ct"
status=$?
grep -v '^1[.][.]' "$T/ct"
tap_count=$(grep -c -E '^(not )?ok ' "$T/ct")
tap_failed=$(grep -c '^not ok ' "$T/ct")
is 'it came to its end' "$status$(grep -c '^1[.][.]' "$T/ct")" 01
[ "$tap_failed" -eq 0 ] || diag "$(head -n 40 "$T/valgrind.log")"
cd "${0%/*}/../.." || exit
is 'each file that compares secrets is in the list in ct.c' \
	"$(grep -rl 'mem_equal(' --include='*.c' add agent keystore proto tokens | sort | tr '\n' ' ')" \
	'add/cmd_lock.c agent/req_lock.c keystore/file/cipher.c keystore/file/keyfile_openssh.c keystore/file/keyfile_ppk.c proto/base/mem.c '

# Files in which something is named as a secret is, and how many lines in each compare what is none (types, names, paths,
# public halves), in time that depends on what they compare.  Whoever adds one looks whether that may be.
grep -rlwE '(pins?|PIN|pass|passphrase|password|secret|mac|tag)(->|[].,;)_[])' --include='*.c' \
	add agent keystore proto tokens | LC_ALL=C sort | while read -r file; do
	count=$(grep -cwE 'memcmp|bcmp|strn?cmp|strn?casecmp|bytes_(equal|is)' "$file")
	[ "$count" -eq 0 ] || echo "$file $count"
done >"$T/others"
is 'nor does a file that handles secrets compare more than the public things known here' "$(cat "$T/others")" \
	"$(cat <<-EOT
		add/cmd_card.c 2
		agent/consent_text.c 2
		agent/devices.c 1
		agent/keyring.c 1
		agent/req_token.c 4
		agent/residents_keys.c 2
		agent/sockdir.c 2
		agent/tokens.c 6
		agent/unlocking.c 2
		agent/unlocking_open.c 4
		agent/unlocking_remember.c 2
		keystore/crypto.c 1
		keystore/file/keyfile.c 3
		keystore/file/keyfile_openssh.c 5
		keystore/file/keyfile_pem.c 3
		keystore/file/keyfile_ppk.c 1
		keystore/file/pbes1.c 1
		keystore/file/ppk.c 5
		keystore/key.c 1
		proto/agentmsg.c 1
		proto/fidomsg.c 1
		tokens/card/openpgp.c 2
		tokens/card/piv.c 1
		tokens/fido/resident.c 1
		tokens/fido/sign.c 1
		tokens/pkcs11/mechanism.c 1
	EOT
	)"
finish
