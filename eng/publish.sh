#!/usr/bin/env bash
# Puts a program that needs no SDK into build/publish: launcher, program with the .NET runtime, native library, base, sample, licences.
# What it still takes from the system is libtorch (Debian 12: libtorch1.13 libgloo0 libopenblas0-pthread).
# Arguments go to `dotnet publish`, e.g. -p:SourceRevisionId=COMMIT where there is no repository to read it from.
set -euo pipefail
root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
# shellcheck source=eng/prepare.sh
. "$root/eng/prepare.sh"

gx_publish() {
    local target=$gx_build/publish work=$gx_build/publish-work log=$gx_build/log/publish.log
    gx_build_native || return
    gx_find_dotnet || return
    gx_say "publishing the program (log: build/log/publish.log)"
    rm -rf "$target"
    # In a place of its own: the same projects built for a named platform would make the usual build start anew. Analysers run there.
    gx_dotnet "$log" publish src/Guanxi.Cli/Guanxi.Cli.csproj -r linux-x64 --self-contained --artifacts-path "$work" -o "$target/program" \
        -p:PublishDocumentationFiles=false -p:RunAnalyzers=false "$@" || { gx_show_failure "the program could not be published" "$log"; return; }
    # The one documentation that the program reads itself: the meanings of train's keys.
    mkdir -p "$target/assets" "$target/examples" &&
        cp "$work"/bin/Guanxi.Relations/*/Guanxi.Relations.xml "$target/program" &&
        cp "${GUANXI_NATIVE:-$gx_native_library}" "$target/program/libguanxi_torch.so" &&
        cp "$root/eng/environment.sh" "$target/program" &&
        cp -r "$root/assets/base-zh" "$root/assets/encoder-zh" "$target/assets" &&
        cp -r "$root/examples/people" "$target/examples" &&
        cp "$root/LICENSE" "$root/NOTICE" "$target" &&
        install -m 755 "$root/eng/launch.sh" "$target/guanxi" || return
    "$target/guanxi" train --help | grep -A 1 -- '--learning_rate ' | grep -q '^ *[A-Z]' ||
        { gx_fail "the published program's help does not tell what the keys of train mean"; return; }
    gx_say "ready: build/publish/guanxi"
}

gx_locked gx_publish "$@"
