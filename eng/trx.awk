# Reads a .trx result file. what=counts: "passed failed skipped broken seconds"; what=slow: tests over five seconds; what=failures: names and the first lines of their messages;
# what=skips: one reason a line. An XML text is split at "<", so a record is a tag followed by the text after it.
BEGIN { RS = "<"; shown = 0 }

function attribute(name,    at, rest) {
    at = index($0, " " name "=\"")
    if (at == 0) return ""
    rest = substr($0, at + length(name) + 3)
    return substr(rest, 1, index(rest, "\"") - 1)
}

function plain(text) {
    gsub(/&#xD;/, "", text); gsub(/&#xA;/, "\n", text); gsub(/&lt;/, "<", text); gsub(/&gt;/, ">", text)
    gsub(/&quot;/, "\"", text); gsub(/&apos;/, "'", text); gsub(/&amp;/, "\\&", text)
    return text
}

function show(text, limit, noise,    lines, count, i) {
    count = split(plain(text), lines, "\n")
    for (i = 1; i <= count && limit > 0; i++) {
        sub(/\r$/, "", lines[i])
        if (lines[i] ~ /^[ \t]*$/ || (noise != "" && lines[i] ~ noise)) continue
        print "        " substr(lines[i], 1, 240)
        limit--
    }
}

# Seconds of a duration like 00:00:05.1234567.
function seconds(text,    part) { return split(text, part, ":") == 3 ? 3600 * part[1] + 60 * part[2] + part[3] : 0 }

# Seconds since midnight of a time like 2026-01-02T03:04:05.6789+00:00.
function clock(text) { return seconds(substr(text, 12, 8)) }

function body() { return substr($0, index($0, ">") + 1) }

/^Times / { spent = clock(attribute("finish")) - clock(attribute("start")); if (spent < 0) spent += 86400 }
/^UnitTestResult / {
    if (what == "slow" && seconds(attribute("duration")) >= 5) printf "   slow: %.1f s %s\n", seconds(attribute("duration")), substr(plain(attribute("testName")), 1, 160)
    outcome = attribute("outcome"); name = plain(attribute("testName"))
    if (outcome == "Passed") passed++
    else if (outcome == "NotExecuted") skipped++
    else {
        failed++
        if (what == "failures" && ++shown <= 50) print "FAILED  " substr(name, 1, 240)
    }
    inside = 1
}
/^\/UnitTestResult>/ { inside = 0 }
# Failing tests are repeated as run messages; an error that is not one of these ended the run itself.
/^RunInfo / { run_error = attribute("outcome") == "Error" }
/^Text>/ && run_error { if ($0 !~ /^Text>\[xUnit\.net .*\[FAIL\][ \t\r\n]*$/) broken++; run_error = 0 }
/^Message>/ && inside && what == "failures" && outcome == "Failed" && shown <= 50 { show(body(), 12, "") }
/^StackTrace>/ && inside && what == "failures" && shown <= 50 { show(body(), 4, "^ *at (System|Xunit)[.]") }
/^Message>/ && inside && what == "skips" && outcome == "NotExecuted" { reason = plain(body()); gsub(/\n/, " ", reason); print "skipped: " substr(reason, 1, 160) }
END {
    if (what == "counts") print passed + 0, failed + 0, skipped + 0, broken + 0, spent + 0
    if (what == "failures" && shown > 50) print "        ... and " shown - 50 " more; all of them: " FILENAME
}
