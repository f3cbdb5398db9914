# Real servers on this machine's loopback, for tests that have sourced lib.sh.

# sshd_need: skip everything where no sshd can let this user in; sets $user.
sshd_need() {
	[ -x /usr/sbin/sshd ] || skip_all "sshd is not installed (package openssh-server)"
	case $(getent passwd "$(id -u)") in
	*nologin | *false) skip_all "this user has no login shell" ;;
	esac
	user=$(id -un)
	sshd_pam=no
	if [ "$(id -u)" -eq 0 ]; then
		install -d -m 755 /run/sshd
		# Without it sshd refuses a root that has no password.
		sshd_pam=yes
	fi
	# From OpenSSH 9.8 on who was refused some times is not let in for a while, and refusals are what tests want.
	sshd_penalties='PerSourcePenalties no'
	! /usr/sbin/sshd -t -f /dev/null -o "$sshd_penalties" 2>&1 | grep -q 'Bad configuration option' || sshd_penalties=
}

# sshd_start NAME HOST-KEY-FILE [LINE...]: a server on a port that is free, which lets in who has a key in
# $T/authorized_keys; the lines join its configuration.  Sets $port; it logs to $T/sshd_NAME.log.
sshd_start() {
	sshd_name=$1 sshd_key=$2
	shift 2
	for sshd_try in 1 2 3 4 5; do
		sshd_count=$((${sshd_count:-0} + 1))
		port=$((20000 + ($$ * 11 + sshd_count * 1013) % 20000))
		{
			cat <<-EOT
				Port $port
				ListenAddress 127.0.0.1
				HostKey $sshd_key
				PidFile none
				AuthorizedKeysFile $T/authorized_keys
				StrictModes no
				UsePAM $sshd_pam
				PermitRootLogin yes
				PasswordAuthentication no
				KbdInteractiveAuthentication no
				AllowAgentForwarding yes
				PrintMotd no
				PrintLastLog no
				$sshd_penalties
			EOT
			[ $# -eq 0 ] || printf '%s\n' "$@"
		} >"$T/sshd_$sshd_name"
		/usr/sbin/sshd -D -e -f "$T/sshd_$sshd_name" >"$T/sshd_$sshd_name.log" 2>&1 &
		sshd_pid=$!
		reap $sshd_pid
		poll 10 grep -q 'Server listening\|Cannot bind' "$T/sshd_$sshd_name.log"
		grep -q 'Server listening' "$T/sshd_$sshd_name.log" && return
		wait $sshd_pid
	done
	diag "try $sshd_try" "$(cat "$T/sshd_$sshd_name.log")"
	return 1
}

# ssh_config LINE...: begin $T/ssh_config: every host is this machine, known by $T/known_hosts alone, and nothing
# of the user's own is used; the lines hold for every host as well.
ssh_config() {
	{
		cat <<-EOT
			Host *
			HostName 127.0.0.1
			User $user
			UserKnownHostsFile $T/known_hosts
			GlobalKnownHostsFile none
			StrictHostKeyChecking yes
			BatchMode yes
			PreferredAuthentications publickey
			ControlPath none
			LogLevel ERROR
		EOT
		printf '%s\n' "$@"
	} >"$T/ssh_config"
}
