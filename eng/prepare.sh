#!/usr/bin/env bash
# Installs what is missing and builds what changed. Sourced by ./guanxi and ./test; `eng/prepare.sh native|program` does one step.
# Every function that can fail returns a status instead of relying on `set -e`, which a caller's `if` or `||` would switch off.

gx_root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
gx_build=$gx_root/build
gx_native_library=$gx_build/native/libguanxi_torch.so
gx_program=$gx_root/src/Guanxi.Cli/bin/Release/net10.0/guanxi.dll
if [[ -n ${LIBTORCH:-} ]]; then
    LIBTORCH=$(readlink -m -- "$LIBTORCH") && export LIBTORCH
fi

gx_say() { printf 'guanxi: %s\n' "$*" >&2; }

gx_fail() {
    gx_say "$@"
    return 1
}

# --- What is there, what is missing ---------------------------------------------------------------------------------

# Puts dotnet on PATH, or says how to get it.
gx_find_dotnet() {
    local folder
    command -v dotnet >/dev/null && return
    for folder in "${DOTNET_ROOT:-}" "${HOME:-}/.dotnet" /usr/share/dotnet /usr/lib/dotnet /usr/local/share/dotnet; do
        if [[ -n $folder && -x $folder/dotnet ]]; then
            export DOTNET_ROOT=$folder PATH=$folder:$PATH
            return
        fi
    done
    gx_fail "the .NET 10 SDK is missing (no 'dotnet' on PATH, in ~/.dotnet or /usr/share/dotnet).
Install it from https://dotnet.microsoft.com/download/dotnet/10.0 or, on Debian and Ubuntu with Microsoft's package feed:
    apt-get install dotnet-sdk-10.0"
}

# Prints the Debian packages whose files are not there. It looks for files, not for packages: a hand-made installation serves as well.
gx_missing_packages() {
    local missing=()
    command -v cmake >/dev/null || missing+=(cmake)
    command -v g++ >/dev/null || missing+=(g++)
    command -v make >/dev/null || missing+=(make)
    if [[ -z ${LIBTORCH:-} ]]; then
        gx_any_file /usr/include/torch/csrc/api/include/torch/torch.h || missing+=(libtorch-dev)
        gx_any_file /usr/lib/*/openblas-*/libopenblas.so.0 /usr/lib*/libopenblas.so.0 || missing+=(libopenblas0-pthread)
    fi
    gx_any_file /usr/include/gloo/config.h "${LIBTORCH:-/usr}/include/gloo/config.h" || missing+=(libgloo-dev)
    printf '%s' "${missing[*]}"
}

gx_any_file() {
    local file
    for file; do
        [[ -e $file ]] && return
    done
    return 1
}

gx_check_libtorch() {
    if [[ -n ${LIBTORCH:-} && ! -e $LIBTORCH/lib/libtorch_cpu.so ]]; then
        gx_fail "LIBTORCH names '$LIBTORCH', where lib/libtorch_cpu.so was expected and not found.
Give the folder of an unpacked libtorch (it has include/ and lib/), or unset LIBTORCH to use Debian's libtorch-dev."
    fi
}

# --- Installing -----------------------------------------------------------------------------------------------------

# gx_install PACKAGE...: with apt as root or through sudo without a password; else one message that says what to run.
gx_install() {
    local as_root=() log=$gx_build/log/apt.log
    if ((EUID != 0)); then
        as_root=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! sudo -n true 2>/dev/null; }; then
        gx_fail "these packages are missing: $*
Install them, then start again. On Debian 12:
    sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
        return
    fi
    gx_say "installing $* (log: build/log/apt.log)"
    : >"$log"
    if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
        gx_apt "${as_root[@]}" update || return
        gx_apt "${as_root[@]}" install "$@"
        return
    fi
    # Lists that are there may be older than the archive: a failure is final only with fresh ones.
    gx_apt_quietly "${as_root[@]}" install "$@" || { gx_apt "${as_root[@]}" update && gx_apt "${as_root[@]}" install "$@"; }
}

gx_apt() {
    gx_apt_quietly "$@" || gx_show_failure "apt-get failed" "$gx_build/log/apt.log"
}

# gx_apt_quietly [sudo -n] update|install PACKAGE...
gx_apt_quietly() {
    local as_root=()
    if [[ $1 == sudo ]]; then
        as_root=(sudo -n)
        shift 2
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" \
        >>"$gx_build/log/apt.log" 2>&1 </dev/null
}

# The compilers' complaints where there are any, else how the output ended.
gx_show_failure() {
    gx_say "$1; from ${2#"$gx_root"/}:"
    {
        grep -E '(: |^)(fatal )?error( [A-Z]+[0-9]+)?:|CMake Error|^E: ' "$2" | awk '!seen[$0]++' | head -n 15 | grep . || tail -n 20 "$2"
    } | cut -c 1-400 >&2
    return 1
}

# --- Building -------------------------------------------------------------------------------------------------------

# What a build result depends on: names, sizes and times of all sources, and the libtorch that was chosen.
gx_fingerprint() {
    cd "$gx_root" || return
    {
        printf '%s\n' "${LIBTORCH:-}"
        find "$@" \( -name bin -o -name obj \) -prune -o -type f -printf '%p %s %T@\n' | LC_ALL=C sort
    } | cksum
}

gx_native_fingerprint() { (gx_fingerprint native eng/prepare.sh); }

gx_program_fingerprint() {
    (gx_fingerprint native eng/prepare.sh src tests/fixtures/golden/training Directory.Build.props Directory.Packages.props global.json)
}

# gx_is_current NAME FINGERPRINT
gx_is_current() {
    local stored
    [[ -r $gx_build/stamp/$1 ]] && stored=$(<"$gx_build/stamp/$1") && [[ $stored == "$2" ]]
}

# gx_locked COMMAND...: one at a time in this folder. What COMMAND starts inherits the lock, so that an orphaned compiler keeps it.
gx_locked() {
    if ! mkdir -p "$gx_build/stamp" "$gx_build/log" 2>/dev/null || [[ ! -w $gx_build ]]; then
        gx_fail "cannot write to '$gx_build': the first start builds there. Make the folder writable or copy the repository."
        return
    fi
    (
        if ! flock -n 9; then
            gx_say "another build runs in this folder; waiting for it"
            flock 9
        fi
        gx_clean_after_interruption && gx_mark_build managed || exit
        status=0
        "$@" || status=$?
        rm -f "$gx_build/stamp/building"
        exit "$status"
    ) 9>"$gx_build/lock"
}

# A killed compiler can leave half a file that looks newer than its source. The marker says which compiler it was.
gx_clean_after_interruption() {
    local marker=$gx_build/stamp/building
    [[ -e $marker ]] || return 0
    gx_say "the last build was interrupted; building again from the start"
    if [[ $(<"$marker") == native ]]; then
        rm -rf "$gx_build/native" "$gx_build/stamp/native"
    else
        rm -rf "$gx_build/stamp/program" "$gx_root"/src/*/obj "$gx_root"/tests/*/obj
    fi
}

gx_mark_build() { printf '%s' "$1" >"$gx_build/stamp/building"; }

# A library that the user built himself (GUANXI_NATIVE) is taken as it is.
gx_build_native() {
    [[ -z ${GUANXI_NATIVE:-} ]] || return 0
    local fingerprint choice packages log=$gx_build/log/native.log
    gx_check_libtorch || return
    packages=$(gx_missing_packages)
    if [[ -n $packages ]]; then
        # shellcheck disable=SC2086 # one word is one package
        gx_install $packages || return
    fi
    fingerprint=$(gx_native_fingerprint) || return
    if [[ -e $gx_native_library ]] && gx_is_current native "$fingerprint"; then
        return
    fi
    gx_say "building the native library; that takes some minutes (log: build/log/native.log)"
    # CMake's cache remembers where it was made and with which libtorch; for another place or library it must go.
    choice="$gx_root|${LIBTORCH:-}"
    gx_is_current native-choice "$choice" || rm -rf "$gx_build/native"
    printf '%s' "$choice" >"$gx_build/stamp/native-choice"
    gx_mark_build native
    {
        cmake -S "$gx_root/native" -B "$gx_build/native" -DCMAKE_BUILD_TYPE=Release ${LIBTORCH:+-DLIBTORCH="$LIBTORCH"} &&
            cmake --build "$gx_build/native" --parallel "$(nproc)"
    } >"$log" 2>&1 </dev/null || { gx_show_failure "the native library could not be built" "$log"; return; }
    printf '%s' "$fingerprint" >"$gx_build/stamp/native"
    gx_mark_build managed
}

gx_dotnet_build() { gx_dotnet "$1" build "$2"; }

# gx_dotnet LOG build|publish PROJECT OPTION...: no server stays behind, since it would hold the lock and outlive the terminal.
gx_dotnet() {
    local log=$1 home=()
    shift
    if [[ ! -w ${HOME:-/nonexistent} ]]; then
        home=(HOME="$gx_build/home" DOTNET_CLI_HOME="$gx_build/home")
        mkdir -p "$gx_build/home"
    fi
    (
        cd "$gx_root" &&
            env "${home[@]}" MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 \
                dotnet "$@" -c Release -v q --nologo -nodeReuse:false -p:UseSharedCompilation=false -clp:NoSummary
    ) >"$log" 2>&1 </dev/null
}

gx_build_program() {
    local fingerprint log=$gx_build/log/program.log
    gx_build_native || return
    gx_find_dotnet || return
    fingerprint=$(gx_program_fingerprint) || return
    if [[ -e $gx_program ]] && gx_is_current program "$fingerprint"; then
        return
    fi
    gx_say "building the program; that takes some minutes (log: build/log/program.log)"
    gx_dotnet_build "$log" src/Guanxi.Cli/Guanxi.Cli.csproj || { gx_show_failure "the program could not be built" "$log"; return; }
    printf '%s' "$fingerprint" >"$gx_build/stamp/program"
    gx_say "ready"
}

# A tree that was copied to another machine has the library, but not what the library needs.
gx_native_is_there() {
    [[ -n ${GUANXI_NATIVE:-} ]] || { [[ -e $gx_native_library && -z $(gx_missing_packages) ]]; }
}

# Brings the program up to date; at once when nothing changed.
gx_prepare() {
    gx_find_dotnet || return
    if [[ -e $gx_program ]] && gx_native_is_there && gx_is_current program "$(gx_program_fingerprint)"; then
        return
    fi
    gx_locked gx_build_program
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    case ${1:-} in
        native) gx_locked gx_build_native ;;
        program) gx_prepare ;;
        *) gx_fail "usage: eng/prepare.sh native|program" ;;
    esac
fi
