# Figures of what the tests ran, for tests/coverage/run: reads the list of the decoders, the table of what may stay
# uncovered in them, and llvm-cov's lines in lcov's form.

function wrong(text) {
	print text
	failed = 1
}

# Of a function of a .c file, clang writes "file.c:name" if it is static.
function plain(name) {
	sub(/^.*:/, "", name)
	return name
}

function percent(hit, all) {
	return all == 0 ? 100 : 100 * hit / all
}

function row(name, hit, all) {
	return sprintf("%-34s %6d of %6d lines  %5.1f %%", name, hit, all, percent(hit, all))
}

# For who reads it now, and for FIGURES.
function tell(text) {
	print text
	print text >(out "/figures.txt")
}

# The source with the lines that were not run, for reading.
function listing(file, to,    line, n, name) {
	printf "\n%s: %d of %d lines\n", file, hits[file], lines[file] >to
	n = 0
	while ((getline line <file) > 0) {
		n++
		if ((file, n) in starts)
			name = starts[file, n]
		if (counted[file, n] == "0")
			printf "%5d  %-28s %s\n", n, name, line >to
	}
	close(file)
}

FILENAME == ARGV[1] {
	decoder[$1] = 1
	next
}
FILENAME == ARGV[2] {
	sub(/[ \t]*#.*/, "")
	if (NF == 0)
		next
	if (NF < 4 || $3 !~ /^[0-9]+$/)
		wrong("tests/coverage/uncovered: not FILE FUNCTION LINES REASON: " $0)
	may[$1, $2] += $3
	next
}

/^SF:/ {
	file = substr($0, 4)
	if (index(file, top) == 1)
		file = substr(file, length(top) + 1)
	sub(/^\.\//, "", file)
	split(file, way, "/")
	folder = way[1]
	ours = index(" " folders " ", " " folder " ") > 0
	if (ours && !(file in lines)) {
		files[++nfiles] = file
		lines[file] = hits[file] = 0
	}
	next
}
!ours {
	next
}
/^FN:/ {
	comma = index($0, ",")
	starts[file, substr($0, 4, comma - 4) + 0] = plain(substr($0, comma + 1))
	next
}
/^DA:/ {
	split(substr($0, 4), da, ",")
	counted[file, da[1] + 0] = da[2] == 0 ? "0" : "1"
	last[file] = da[1] + 0
}

END {
	if (nfiles == 0) {
		print "tests/coverage/figures.awk: there is nothing to count"
		exit 1
	}
	printf "" >(out "/all.txt")
	printf "" >(out "/uncovered.txt")
	for (i = 1; i <= nfiles; i++) {
		file = files[i]
		name = "(none)"
		for (n = 1; n <= last[file]; n++) {
			if ((file, n) in starts) {
				name = starts[file, n]
				known[file, name] = 1
			}
			if (!((file, n) in counted))
				continue
			lines[file]++
			hits[file] += counted[file, n]
			if (counted[file, n] == "0") {
				misses[file, name]++
				known[file, name] = 1
			}
		}
		split(file, way, "/")
		folder_lines[way[1]] += lines[file]
		folder_hits[way[1]] += hits[file]
		all_lines += lines[file]
		all_hits += hits[file]
		if (file in decoder) {
			seen[file] = 1
			dec_lines += lines[file]
			dec_hits += hits[file]
		}
		if (hits[file] < lines[file]) {
			listing(file, out "/all.txt")
			if (file in decoder)
				listing(file, out "/uncovered.txt")
		}
	}
	by_name = "sort >'" out "/decoders.txt'"
	for (file in decoder) {
		if (file in seen)
			print row(file, hits[file], lines[file]) | by_name
		else
			dead = dead "  " file "\n"
	}
	close(by_name)
	if (dead != "")
		printf "No line of these is in a program:\n%s", dead
	for (each in misses) {
		split(each, key, SUBSEP)
		if (!(key[1] in decoder))
			continue
		excused = each in may ? may[each] : 0
		if (misses[each] > excused)
			wrong(sprintf("%s: %s: %d lines are not run, %d are excused (tests/coverage/uncovered)", \
				key[1], key[2], misses[each], excused))
	}
	for (each in may) {
		split(each, key, SUBSEP)
		missed = each in misses ? misses[each] : 0
		if (!(each in known) || !(key[1] in decoder))
			wrong("tests/coverage/uncovered: there is no decoder " key[1] " with a function " key[2])
		else if (missed < may[each])
			printf "%s: %s: %d lines are excused, %d are not run\n", key[1], key[2], may[each], missed
	}
	print ""
	n = split(folders, list, " ")
	for (i = 1; i <= n; i++)
		tell(row(list[i], folder_hits[list[i]], folder_lines[list[i]]))
	tell(row("the whole", all_hits, all_lines))
	tell(row("the decoders", dec_hits, dec_lines))
	print "What the decoders lack is in " out "/uncovered.txt, what the whole lacks in " out "/all.txt."
	if (percent(dec_hits, dec_lines) < decoders_least)
		wrong("of the decoders, " decoders_least " % are asked for")
	if (percent(all_hits, all_lines) < whole_least)
		wrong("of the whole, " whole_least " % are asked for")
	exit failed
}
