# Joins Cobertura reports: a line of a file is covered when any test project reached it. Prints one line an assembly.
BEGIN { RS = "<" }

function attribute(name,    at, rest) {
    at = index($0, " " name "=\"")
    if (at == 0) return ""
    rest = substr($0, at + length(name) + 3)
    return substr(rest, 1, index(rest, "\"") - 1)
}

/^package / { assembly = attribute("name") }
/^class / { file = attribute("filename") }
/^line / {
    key = assembly SUBSEP file SUBSEP attribute("number")
    if (!(key in hits)) { total[assembly]++; hits[key] = 0 }
    if (hits[key] == 0 && attribute("hits") > 0) { hits[key] = 1; covered[assembly]++ }
}
END { for (name in total) printf "coverage %-24s %5.1f %% (%d of %d lines)\n", name, 100 * covered[name] / total[name], covered[name], total[name] }
