# Writes a bill of materials (CycloneDX 1.6) of a published program: what its .deps.json lists, with the licences of THIRD-PARTY-NOTICES.md.
# usage: awk -f eng/sbom.awk -v version=V -v commit=C -v time=T NOTICES DEPS.json [SYSTEM]; SYSTEM has a Debian package and its version a line.
# Nothing in it depends on when or where it is written but for what the arguments say.
function quote(text) { gsub(/\\/, "\\\\", text); gsub(/"/, "\\\"", text); return "\"" text "\"" }

function trim(text) { gsub(/^[ \t]+|[ \t]+$/, "", text); return text }

function component(name, version, link, origin,    terms) {
    if (!(name in licence)) {
        printf "%s: no licence in THIRD-PARTY-NOTICES.md\n", name >"/dev/stderr"
        failed = 1
        return
    }
    # A licence with an exception is an expression; the others are identifiers.
    terms = licence[name] ~ / / ? "{ \"expression\": " quote(licence[name]) " }" : "{ \"license\": { \"id\": " quote(licence[name]) " } }"
    components[++count] = sprintf("    {\n      \"type\": \"library\",\n      \"bom-ref\": %s,\n      \"name\": %s,\n      \"version\": %s,\n" \
        "      \"copyright\": %s,\n      \"licenses\": [%s],\n      \"purl\": %s,\n      \"properties\": [{ \"name\": \"guanxi:from\", \"value\": %s }]\n    }",
        quote(link), quote(name), quote(version), quote(holder[name]), terms, quote(link), quote(origin))
}

FNR == 1 { file++ }
file == 1 && /^\| [A-Za-z]/ {
    split($0, cell, "|")
    licence[trim(cell[2])] = trim(cell[3])
    holder[trim(cell[2])] = trim(cell[4])
}
# The file is written by the SDK, a key a line: a library's name and version, then its type.
file == 2 && /^  "libraries": \{/ { inside = 1 }
file == 2 && inside && /^    "[^"]+\/[^"]+": \{/ {
    split($0, part, "\"")
    split(part[2], id, "/")
}
file == 2 && inside && /^      "type": "(package|runtimepack)"/ {
    name = id[1]
    sub(/^runtimepack\./, "", name)
    component(name, id[2], "pkg:nuget/" name "@" id[2], "archive")
}
file == 3 && NF == 2 { component($1, $2, "pkg:deb/debian/" $1 "@" $2, "system") }
END {
    if (failed || count == 0) {
        if (count == 0) print "no package was found in the program's .deps.json" >"/dev/stderr"
        exit 1
    }
    printf "{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.6\",\n  \"version\": 1,\n  \"metadata\": {\n    \"timestamp\": %s,\n", quote(time)
    printf "    \"component\": {\n      \"type\": \"application\",\n      \"bom-ref\": \"guanxi\",\n      \"name\": \"guanxi\",\n      \"version\": %s,\n", quote(version)
    printf "      \"licenses\": [{ \"license\": { \"id\": \"Apache-2.0\" } }],\n"
    printf "      \"properties\": [{ \"name\": \"guanxi:commit\", \"value\": %s }]\n    }\n  },\n  \"components\": [\n", quote(commit)
    for (i = 1; i <= count; i++) printf "%s%s\n", components[i], i < count ? "," : ""
    print "  ]\n}"
}
