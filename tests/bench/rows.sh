# What the bench prints: numbers on standard input, ratios, and rows with a target.

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

largest() { sort -n | tail -n 1; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0) ? a / b : 0 }'; }

# What a processor does in a second differs from one second to the next, as others use the machine, and by more than what is
# to be seen.  So rates are measured in short turns, and what is taken next to each other is compared: the median of the
# ratios of turns.

# turns NUMBER SECONDS: sets TURNS and TURN_SECONDS, for about as long as NUMBER turns of so many seconds.
turns() {
	TURNS=$(($1 * 2 + 1))
	TURN_SECONDS=$(awk -v s="$2" 'BEGIN { print s / 2 }')
}

# paired FILE FILE: the median of the ratios of their lines.
paired() {
	paste "$1" "$2" | awk '{ printf "%.4f\n", ($2 > 0) ? $1 / $2 : 0 }' | median | awk '{ printf "%.2f", $1 }'
}

# Where rows that miss their target are counted, a line each: run's, or nobody's.
: "${BENCH_MISSED:=/dev/null}"

# row TEXT VALUE SIGN TARGET; SIGN is >= or <=, TARGET may be - for none
row() {
	awk -v text="$1" -v value="$2" -v sign="$3" -v target="$4" -v missed="$BENCH_MISSED" 'BEGIN {
		verdict = target == "-" ? "reported" \
			: (sign == ">=" && value >= target) || (sign == "<=" && value <= target) ? "ok" : "MISSED"
		printf "%-58s %7s  %s %-5s %s\n", text, value, target == "-" ? "  " : sign, target == "-" ? "" : target, verdict
		if (verdict == "MISSED") print text >>missed
	}'
}
