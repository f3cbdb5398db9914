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
finish
