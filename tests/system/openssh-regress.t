#!/bin/sh
# seconds 900
# OpenSSH's packaged regression tests (Debian: openssh-tests) with our two programs in place of theirs.
# Left out is the key type named in WITHOUT: ssh-dss, which we take only when asked to.
. "${0%/*}/../support/lib.sh"

REGRESS=/usr/lib/openssh/regress
TESTS="agent agent-restrict agent-timeout agent-subprocess agent-ptrace agent-getpeereid hostkey-agent sshsig cert-userkey agent-pkcs11"
WITHOUT='^ssh-dss'
CONTAIN=$BUILD/tests/tools/contain
SECONDS_EACH=${REGRESS_SECONDS:-300}

[ -f $REGRESS/test-exec.sh ] || skip_all "OpenSSH's regression tests are not installed (package openssh-tests)"
for p in /usr/sbin/sshd /usr/bin/ssh "$CONTAIN"; do
	[ -x "$p" ] || skip_all "$p is missing"
done
# sshd run by root wants its folder, which is not there where the service never ran.
if [ "$(id -u)" -eq 0 ]; then
	install -d -m 755 /run/sshd
fi
public_programs

# shims: programs that stand before the real ones in PATH.
mkdir "$T/shim"
cat >"$T/shim/ssh" <<SH
#!/bin/sh
# The tests take their key types from ssh -Q.
for a; do
	[ "\$a" = -Q ] && { /usr/bin/ssh "\$@" | grep -Ev '$WITHOUT'; exit; }
done
exec /usr/bin/ssh "\$@"
SH
chmod 755 "$T/shim/ssh"

# as_other_user: for agent-getpeereid, which refuses to run as root: root under another name, and a sudo that
# needs no configuration.
as_other_user() {
	echo 'echo root-by-another-name' >"$T/shim/whoami"
	cat >"$T/shim/sudo" <<-'SH'
	[ "$1 $2" = "-S -u" ] || exec "$@"
	user=$3
	shift 3
	exec setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --clear-groups "$@"
	SH
	chmod 755 "$T/shim/whoami" "$T/shim/sudo"
	sed -i '1i #!/bin/sh' "$T/shim/whoami" "$T/shim/sudo"
}

# prepare NAME OBJ: what the tests want to find in their work folder.
prepare() {
	mkdir -p "$2/misc/sk-dummy"
	for p in setuid-allowed mkdtemp netcat modpipe check-perm timestamp; do
		[ ! -e "$REGRESS/$p" ] || ln -s "$REGRESS/$p" "$2/$p"
	done
	sudo='' user=''
	case $1 in
	agent-ptrace)
		# With a sudo that does nothing the agent gets no set-group-id bit, and must be out of reach without.
		sudo=true
		if [ "$(id -u)" -eq 0 ]; then
			user=nobody
			chown -R nobody "$2"
			mkdir -m 700 "$T/home.nobody"
			chown nobody "$T/home.nobody"
		fi
		;;
	agent-getpeereid)
		sudo=sudo
		if [ "$(id -u)" -eq 0 ]; then
			as_other_user
		elif ! sudo -n true 2>/dev/null; then
			sudo=''
		fi
		;;
	esac
}

# run NAME OBJ: one test in a clean environment.
run() {
	set -- "$1" "$2" "$CONTAIN" "$SECONDS_EACH"
	home=$T/home
	if [ -n "$user" ]; then
		home=$T/home.nobody
		set -- "$@" setpriv --reuid=65534 --regid=65534 --clear-groups
	fi
	name=$1 obj=$2
	shift 2
	# The tests keep files in their current folder.
	(
		cd "$obj" || exit 1
		exec env -i PATH="$T/shim:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME="$home" \
			XDG_RUNTIME_DIR="$T/run" TMPDIR=/tmp SHELL=/bin/sh LC_ALL=C TERM=dumb SUDO="$sudo" \
			TEST_SHELL=sh EGREP='grep -E' AWK=awk BUILDDIR=$REGRESS OBJ="$obj" \
			OPENSSL_BIN=/usr/bin/openssl TEST_SSH_UNSAFE_PERMISSIONS=1 \
			TEST_SSH_SSH="$T/shim/ssh" TEST_SSH_SSHD=/usr/sbin/sshd \
			TEST_SSH_SSHD_SESSION=/usr/lib/openssh/sshd-session TEST_SSH_SSHD_AUTH=/usr/lib/openssh/sshd-auth \
			TEST_SSH_SSHKEYGEN=/usr/bin/ssh-keygen TEST_SSH_SFTPSERVER=/usr/lib/openssh/sftp-server \
			TEST_SSH_SSHAGENT="$AGENT" TEST_SSH_SSHADD="$ADD" \
			"$@" sh $REGRESS/test-exec.sh "$obj" "$REGRESS/$name.sh"
	) >"$obj.log" 2>&1 </dev/null
}

# judge NAME STATUS LOG: the tests say "ok", "failed" or, in three spellings, that they skipped.
judge() {
	if [ "$2" -ne 0 ]; then
		fail "$1"
		diag "exit status $2" "$(tail -n 15 "$3")"
	elif grep -qi '^skipped[ :]' "$3"; then
		skip "$1" "$(grep -i '^skipped[ :]' "$3" | head -n 1)"
	elif grep -q '^ok ' "$3"; then
		pass "$1"
	else
		fail "$1"
		diag "ended without a result" "$(tail -n 15 "$3")"
	fi
}

# What sshd leaves in /tmp when ssh ends it: sockets of forwarded agents and lists of the keys used.
session_leftovers() {
	find /tmp -maxdepth 1 \( -name 'ssh-??????????' -type d -o -name 'ssh-????????????' -type d -o \
		-name 'sshauth.*' -type f \) -user "$(id -u)" -newer "$T/start" 2>/dev/null
}

# keys_of_ours FILE: the file names a key that these tests made.
keys_of_ours() {
	awk '{ print $2 }' "$T"/o*/*.pub 2>/dev/null | grep -qFf - "$1"
}

clean_up_after_sshd() {
	session_leftovers | while read -r left; do
		case $left in
		*/sshauth.*)
			if keys_of_ours "$left"; then
				rm -f "$left"
			fi
			;;
		*)
			# Only sockets on which nobody answers any more.
			for socket in "$left"/agent.*; do
				SSH_AUTH_SOCK=$socket ssh-add -l >/dev/null 2>&1
				if [ $? -eq 2 ] && [ -S "$socket" ]; then
					rm -f "$socket"
				fi
			done
			rmdir "$left" 2>/dev/null
			;;
		esac
	done
}

touch "$T/start"
n=0
for name in ${REGRESS_TESTS:-$TESTS}; do
	if [ ! -f "$REGRESS/$name.sh" ]; then
		skip "$name" "not in this version of OpenSSH's tests"
		continue
	fi
	# No word of a configuration (hostkey, identityfile) may be in this path: the tests edit with grep -v.
	n=$((n + 1))
	prepare "$name" "$T/o$n"
	run "$name" "$T/o$n"
	judge "$name" $? "$T/o$n.log"
	rm -f "$T/shim/whoami" "$T/shim/sudo"
done
clean_up_after_sshd
finish
