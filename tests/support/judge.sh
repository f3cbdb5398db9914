# For scripts that run the unit tests where some cannot hold.  They have set $dir, a folder for files, and have a function
# `cannot`, which prints a line for each of those: the test, its point (or *) with a colon, and the reason.

# judge LOGS: what failed in a folder of tests/run, but for those; one of those that held nevertheless is told.
judge() {
	# shellcheck disable=SC2154 # who has it sets it
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
