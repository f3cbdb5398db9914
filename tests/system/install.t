#!/bin/sh
# make install, the programs run from where they were put, make uninstall.
. "${0%/*}/../support/lib.sh"
need ssh-keygen ssh-add make

name=${BUILD#"$PWD/"}
dest="$T/a root"
bin=$dest/opt/signet/bin

# The flags of the make that runs the tests are not for this one.
quiet_make() {
	(unset MAKEFLAGS MFLAGS MAKELEVEL && make -s BUILD="$name" DESTDIR="$dest" PREFIX=/opt/signet "$@")
}

ok "make install succeeds" quiet_make install
files=$(cd "$dest" && find . -type f | sort)
for file in bin/signet-agent bin/signet-add libexec/signet/signet-prompt \
	share/man/man1/signet-agent.1 share/man/man1/signet-add.1 share/man/man8/signet-prompt.8; do
	has "$file is installed" "$files" "^\\./opt/signet/$file\$"
done
if pkg-config --exists libfido2; then
	has 'signet-fido is installed' "$files" '^\./opt/signet/libexec/signet/signet-fido$'
fi
has 'and its manual page' "$files" '^\./opt/signet/share/man/man8/signet-fido.8$'
for file in lib/systemd/user/signet-agent.service lib/systemd/user/signet-agent.socket \
	lib/systemd/user/signet-agent-control.socket share/signet/signet.sh share/signet/apparmor.conf; do
	has "$file is installed" "$files" "^\\./opt/signet/$file\$"
	is "and has its paths" "$(grep '@[A-Z]*@' "$dest/opt/signet/$file")" ''
done
has "the service starts what is installed" "$(cat "$dest/opt/signet/lib/systemd/user/signet-agent.service")" \
	'^ExecStart="/opt/signet/bin/signet-agent" -D$'
is "nothing is writable for others" "$(find "$dest" -perm /022 ! -type l)" ''
is "nothing has special rights" "$(find "$dest" -type f -perm /7000)" ''

# The agent finds its helper beside itself: with a question answered by the helper's askpass program.
AGENT=$bin/signet-agent
SSH_ASKPASS=$(askpass yes "echo \"\$1\" >>'$T/asked'" 'exit 0')
SSH_ASKPASS_REQUIRE=force
export SSH_ASKPASS SSH_ASKPASS_REQUIRE
keygen ed25519 "$T/key" -C 'the key'
if agent_start; then
	ok "the installed signet-add adds a key" "$bin/signet-add" -q -c "$T/key"
	ok "a signature that must be confirmed is made" ssh-add -T "$T/key.pub"
	has "the helper was asked" "$(cat "$T/asked" 2>/dev/null)" 'the key'
	agent_stop
else
	fail "the installed agent starts"
fi
has "it knows its version" "$("$bin/signet-agent" -V 2>&1)" '[0-9]+\.[0-9]+'

ok "make uninstall succeeds" quiet_make uninstall
is "it leaves no file" "$(find "$dest" ! -type d)" ''
check=$(find "$dest" -name signet -path '*libexec*')
is "it leaves no folder of its own" "$check" ''

finish
