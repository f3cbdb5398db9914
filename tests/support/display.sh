# Displays for tests that have sourced lib.sh: sockets that take connections as an X server's do, and
# nobody who would draw anything.

# display_start: a display; sets $display (":N") and $display_pid.
display_start() {
	need python3
	display_count=$((${display_count:-0} + 1))
	display=:$((100000 + $$ % 10000 * 10 + display_count))
	rm -f "$T/display.ready"
	python3 - "$display" "$T/display.ready" >/dev/null 2>&1 <<-'END' &
		import signal, socket, sys
		s = socket.socket(socket.AF_UNIX)
		s.bind("\0/tmp/.X11-unix/X" + sys.argv[1][1:])
		s.listen(100)
		open(sys.argv[2], "w").close()
		signal.pause()
	END
	display_pid=$!
	reap "$display_pid"
	poll 10 test -e "$T/display.ready" || diag "no display could be made"
}

# display_stop PID: it answers no more.
display_stop() {
	kill "$1"
	gone "$1"
}
