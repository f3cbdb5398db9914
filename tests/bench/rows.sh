# What the bench prints: numbers on standard input, ratios, and rows with a target.

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

largest() { sort -n | tail -n 1; }

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0) ? a / b : 0 }'; }

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
