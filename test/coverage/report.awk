# What gcov --branch-probabilities --branch-counts found, as a table and as TAP.

BEGIN {
	enough_lines = 97
	enough_branches = 90
	row = "%-18s %6s %8s %9s %8s %9s %8s\n"
	printf row, "", "lines", "run", "branches", "taken", "testable", "taken"
}

/^ *-: *0:Source:/ {
	end_file()
	file = $0
	sub(/.*Source:/, "", file)
	next
}

/^ *[-#=0-9]+\*?: *[1-9][0-9]*:/ {
	split($0, field, ":")
	line = field[2] + 0
	count[line] = field[1]
	text[line] = substr($0, length(field[1]) + length(field[2]) + 3)
	next
}

/^branch/ {
	branches[line]++
	if (/taken [1-9]/)
		taken[line]++
}

END {
	end_file()
	show("all", total)
	print ""
	printf "%s", left
	test("lines", total["run"], total["lines"], enough_lines)
	test("branches that a test could take", total["testable taken"], total["testable"], enough_branches)
	exit failed
}

function end_file(  i, sum, condition, in_macro, not_ours)
{
	for (i = 1; file ~ /^src\/.*\.c$/ && i <= line; i++) {
		if (text[i] ~ /^\t*(else )?(if|while|for) \(/)
			condition = i
		if (text[i] ~ /elog\(ERROR/)
			while (condition < i)
				not_ours[condition++]
		if (text[i] ~ /(elog|ereport)\(/)
			in_macro = 1
		if (in_macro || text[i] ~ /CHECK_FOR_INTERRUPTS\(|VARSIZE_ANY_EXHDR\(|VARDATA_ANY\(/)
			not_ours[i]
		if (text[i] ~ /;$/)
			in_macro = 0
	}
	for (i = 1; file ~ /^src\/.*\.c$/ && i <= line; i++) {
		if (count[i] !~ /-$/)
			sum["lines"]++
		if (count[i] ~ /[0-9]/)
			sum["run"]++
		if (count[i] ~ /[#=]/)
			left = left "not run: " file ":" i ":" text[i] "\n"
		sum["branches"] += branches[i]
		sum["taken"] += taken[i]
		if (i in not_ours)
			continue
		sum["testable"] += branches[i]
		sum["testable taken"] += taken[i]
		if (taken[i] < branches[i] && count[i] !~ /[#=]/)
			left = left "not taken: " branches[i] - taken[i] " of " branches[i] " at " file ":" i ":" text[i] "\n"
	}
	if (sum["lines"] > 1)
		show(file, sum)
	for (i in sum)
		total[i] += sum[i]
	delete count
	delete text
	delete branches
	delete taken
	line = 0
}

function show(name, sum)
{
	sub(/^src\//, "", name)
	printf row, name, sum["lines"], percent(sum["run"], sum["lines"]), sum["branches"],
		percent(sum["taken"], sum["branches"]), sum["testable"], percent(sum["testable taken"], sum["testable"])
}

function percent(part, whole)
{
	return whole == 0 ? "" : sprintf("%.1f %%", 100 * part / whole)
}

function test(what, part, whole, enough,  good)
{
	good = whole > 0 && 100 * part >= enough * whole
	failed = failed || !good
	printf "%s %d - %s of the %s run, %d %% wanted\n", good ? "ok" : "not ok", ++number, percent(part, whole), what, enough
}
