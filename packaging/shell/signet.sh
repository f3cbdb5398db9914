# The SSH agent Signet for shells: tells them where it is, and starts it where no service manager does.  Read from
# ~/.profile (or another start file of a POSIX shell):
#
#	. "@SNIPPET@"
#
# An agent that was forwarded here by ssh, or that answers with Signet's name already, is left alone.
signet_login() {
	case ${SSH_AUTH_SOCK-} in
	*/signet/agent.sock) [ -S "$SSH_AUTH_SOCK" ] && return ;;
	?*) [ -n "${SSH_CONNECTION-}" ] && [ -S "$SSH_AUTH_SOCK" ] && return ;;
	esac
	signet_dir=${XDG_RUNTIME_DIR-}
	[ -n "$signet_dir" ] && [ -d "$signet_dir" ] || signet_dir=$HOME/.ssh/agent/$(uname -n)
	signet_dir=$signet_dir/signet
	# systemd has made the socket, and starts the agent behind it; elsewhere an agent that is there is asked to answer.
	if [ ! -S "${signet_dir%/signet}/systemd/private" ] || [ ! -S "$signet_dir/agent.sock" ]; then
		[ -x "@AGENT@" ] || return 0
		(umask 077 && mkdir -p "$signet_dir") || return 0
		# Fails, as it should, where one listens there already.
		if "@AGENT@" -s -a "$signet_dir/agent.sock" --offer-keys=default >/dev/null 2>&1 &&
			[ -n "${DBUS_SESSION_BUS_ADDRESS-}" ] && command -v dbus-update-activation-environment >/dev/null 2>&1; then
			SSH_AUTH_SOCK=$signet_dir/agent.sock dbus-update-activation-environment SSH_AUTH_SOCK >/dev/null 2>&1
		fi
	fi
	if [ -S "$signet_dir/agent.sock" ]; then
		SSH_AUTH_SOCK=$signet_dir/agent.sock
		export SSH_AUTH_SOCK
	fi
}
signet_login
unset -f signet_login
unset signet_dir
