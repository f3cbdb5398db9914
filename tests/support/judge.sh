# For scripts that run the unit tests in a new root of Debian 12 where some of them cannot hold.  They have set $tree, and have
# two functions: `cannot` prints a line for each test that cannot, its point (or *) with a colon, and the reason; `write_steps
# FILE` writes what runs inside.
. "$tree/tests/support/roots.sh"

# judged_start NAME: sets $dir, which holds the root: ROOT_DIR, which stays and is used again once "$dir/ready" is there, or
# a new folder in /tmp, which is removed; and $root in it.
judged_start() {
	[ "$(id -u)" -eq 0 ] || { echo "check-$1.sh needs root, to make the root" >&2; exit 1; }
	command -v debootstrap >/dev/null || { echo "check-$1.sh needs debootstrap" >&2; exit 1; }
	dir=${ROOT_DIR:-}
	if [ -z "$dir" ]; then
		dir=$(mktemp -d "/tmp/$1.XXXXXX") || exit 1
		trap 'rm -rf "$dir"' EXIT
	fi
	mkdir -p "$dir"
	root=$dir/bookworm
	trap 'exit 130' INT TERM
	CI=
	export CI
}

# judged_run TEST...: the last commit, its steps in the root with these tests, and what came of them.  RUN_AS is a command
# that runs them, if not empty.
judged_run() {
	rm -rf "$root/srv/signet"
	git clone -q "$tree" "$root/srv/signet" || return
	write_steps "$root/srv/steps"
	# shellcheck disable=SC2086 # a command, or none
	in_root bookworm ${RUN_AS:-} sh /srv/steps "$@" >"$dir/log" 2>&1 || {
		tail -n 30 "$dir/log"
		return 1
	}
	judge "$root/srv/signet/build/tests/log"
}

# judge LOGS: what failed in a folder of tests/run, but for those; one of those that held nevertheless is told.
judge() {
	cannot >"$dir/cannot"
	for log in "$1"/*.tap; do
		name=${log##*/}
		name=${name%.tap} name=${name#*-}
		awk -v name="$name" -v status="$(cat "${log%.tap}.status")" '
		FNR == NR { point = $2; sub(/:$/, "", point); excused[$1 " " point] = 1; next }
		/^1\.\./ { planned = substr($1, 4) + 0; plan = 1 }
		/^ok [0-9]/ { points++; if ($0 !~ /# SKIP/) passed++ }
		/^ok [0-9]/ && ((name " " $4) in excused) && $0 !~ /# SKIP/ { print "held, though it could not: " name " " $4 >"/dev/stderr" }
		/^not ok [0-9]/ {
			points++
			if (((name " " $5) in excused) || ((name " *") in excused)) { cannot++; next }
			print "FAILED: " name ": " $0 >"/dev/stderr"
			failed++
		}
		END {
			if (!plan || points != planned || (status != 0 && !failed && !cannot)) {
				print "FAILED: " name ": ended before its end, or badly: " status >"/dev/stderr"
				failed++
			}
			print passed + 0, failed + 0, cannot + 0
		}' "$dir/cannot" "$log"
	done | awk '{ passed += $1; failed += $2; cannot += $3 }
		END {
			print passed + 0 " passed, " failed + 0 " failed, " cannot + 0 " cannot hold here"
			exit failed != 0 || passed == 0
		}'
}
