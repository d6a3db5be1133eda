#!/usr/bin/env bash
# Makes build/release: guanxi-VERSION-linux-x64.tar.gz, its SHA-256 and its bill of materials. The archive depends on the commit, the SDK, the
# compiler and the system's libtorch, and on nothing else: no time, no user, no folder.
set -euo pipefail
root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
# shellcheck source=eng/prepare.sh
. "$root/eng/prepare.sh"

# The one place that has the version is Directory.Build.props.
gx_version() { sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$root/Directory.Build.props"; }

# Prints the commit and its time; what was never committed has a name and a time of its own.
gx_commit() {
    if git -C "$root" rev-parse HEAD 2>/dev/null; then
        git -C "$root" show -s --format=%ct HEAD
    else
        printf 'unknown\n%s\n' "${SOURCE_DATE_EPOCH:-0}"
    fi
}

# The packages of the system that the program loads, with the versions that are installed.
gx_system_packages() {
    awk -F '|' '/^## / { inside = /From the system/ } inside && /^\| lib/ { gsub(/ /, "", $2); print $2 }' "$root/THIRD-PARTY-NOTICES.md" |
        xargs -r dpkg-query -W -f '${Package} ${Version}\n' 2>/dev/null || true
}

# gx_runtime_notices FOLDER DEPS: what the runtimes in the archive say of what they contain.
gx_runtime_notices() {
    local packages=${NUGET_PACKAGES:-$HOME/.nuget/packages} pack version file
    mkdir -p "$1" || return
    while IFS=/ read -r pack version; do
        for file in "$packages/${pack,,}/$version"/{LICENSE,THIRD-PARTY-NOTICES}.[Tt][Xx][Tt]; do
            [[ -e $file ]] || { gx_fail "'$file' is missing: the runtime's notices belong into the archive"; return; }
            cp "$file" "$1/$pack-$(basename -- "${file%.*}").txt" || return
        done
    done < <(sed -n 's|^    "runtimepack\.\([^"]*\)": {$|\1|p' "$2")
}

gx_release() {
    local release=$gx_build/release version commit time name staging
    version=$(gx_version)
    { read -r commit && read -r time; } < <(gx_commit)
    [[ -z $(git -C "$root" status --porcelain 2>/dev/null) ]] || gx_say "warning: there are changes that are not committed; the archive's commit does not have them"
    name=guanxi-$version-linux-x64
    "$root/eng/publish.sh" -p:ContinuousIntegrationBuild=true || return
    staging=$release/$name
    rm -rf "$release"
    mkdir -p "$release" && cp -r "$gx_build/publish" "$staging" || return
    cp "$root"/{README.md,README.zh-CN.md,CHANGELOG.md,THIRD-PARTY-NOTICES.md} "$staging" || return
    gx_runtime_notices "$staging/licences" "$staging/program/guanxi.deps.json" || return
    # mawk and gawk write the same; the locale decides what a letter is.
    LC_ALL=C awk -f "$root/eng/sbom.awk" -v version="$version" -v commit="$commit" -v time="$(date -u -d "@$time" +%Y-%m-%dT%H:%M:%SZ)" \
        "$root/THIRD-PARTY-NOTICES.md" "$staging/program/guanxi.deps.json" <(gx_system_packages) >"$release/$name.cdx.json" || return
    cp "$release/$name.cdx.json" "$staging/bill-of-materials.cdx.json" || return
    chmod -R u=rwX,go=rX "$staging" || return
    tar -C "$release" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime="@$time" -cf - "$name" | gzip -9n >"$release/$name.tar.gz" || return
    rm -rf "$staging"
    (cd "$release" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256") || return
    gx_say "ready: build/release/$name.tar.gz"
}

gx_release
