# The steps of ./test: build, run each project under a time limit, count, report. A test project that does not build, crashes or
# runs out of time counts as one failed test: nothing that went wrong may vanish from the last line.

gt_passed=0 gt_failed=0 gt_skipped=0 gt_built=''
declare -A gt_children=()

# Waits for processes that it starts most of the time: the others run beside it.
gt_waiting_project=Guanxi.Cli.Tests

# gt_main FILTER COVERAGE
gt_main() {
    local project
    cd "$gx_root" || exit 1
    trap 'gt_stop 130' INT
    trap 'gt_stop 143' TERM
    gx_find_dotnet || { gt_fail_once "preparation: no .NET SDK"; gt_finish "$1"; }
    gx_locked gx_build_native || gt_fail_once "preparation: the native library is missing, tests that need it will fail too"
    gx_locked gt_install_tools || gx_say "tests that need what is missing will be skipped"
    gx_environment
    rm -rf "$gx_build/test-results"
    mkdir -p "$gx_build/log" "$gx_build/test-results" || { gt_fail_once "preparation: build/ cannot be written"; gt_finish "$1"; }
    gx_say "building the tests (log: build/log/tests.log)"
    if gx_locked gx_dotnet_build "$gx_build/log/tests.log" Guanxi.slnx; then
        gt_built=1
    else
        gx_say "the solution does not build; trying each test project"
    fi
    # Where nothing is built yet, a build may not change what runs beside it.
    [[ -z $gt_built ]] || gt_begin "$gt_waiting_project" "$1" "$2"
    for project in tests/*.Tests/*.csproj; do
        project=$(basename -- "$project" .csproj)
        [[ $project == "$gt_waiting_project" ]] || { gt_begin "$project" "$1" "$2" && gt_end "$project" "$1"; }
    done
    [[ -n $gt_built ]] || gt_begin "$gt_waiting_project" "$1" "$2"
    gt_end "$gt_waiting_project" "$1"
    [[ -z $2 ]] || gt_coverage
    gt_finish "$1"
}

# What only tests need: a browser, letters for it to show, and the proxy that servers are deployed behind.
gt_install_tools() {
    local missing=() status=0
    command -v chromium chromium-browser google-chrome >/dev/null || missing+=(chromium)
    [[ -n $(fc-list :lang=zh 2>/dev/null | head -n 1) ]] || missing+=(fonts-noto-cjk)
    ((${#missing[@]} == 0)) || gx_install "${missing[@]}" || status=$?
    [[ -x /usr/sbin/nginx ]] || gt_unpack_nginx || status=$?
    return "$status"
}

# Installed, Debian's package would serve port 80 from now on and after every start of the machine: only its program is taken.
gt_unpack_nginx() {
    local folder=$gx_build/nginx log=$gx_build/log/apt.log
    [[ ! -x $folder/usr/sbin/nginx ]] || return 0
    rm -rf "$folder" && mkdir -p "$folder" || return
    gx_say "unpacking nginx (log: build/log/apt.log)"
    (cd "$folder" && apt-get -q download nginx && dpkg-deb -x nginx_*.deb .) >>"$log" 2>&1 </dev/null || gx_show_failure "nginx is not to be had" "$log"
}

gt_fail_once() {
    printf 'FAILED  %s\n' "$1"
    ((gt_failed += 1))
}

gt_stop() {
    ((${#gt_children[@]} == 0)) || kill -TERM "${gt_children[@]}" 2>/dev/null
    printf 'stopped\n%d passed, %d failed\n' "$gt_passed" "$((gt_failed + 1))"
    exit "$1"
}

gt_finish() {
    local status=0
    ((gt_failed == 0)) || status=1
    if [[ -n $1 ]] && ((gt_passed + gt_failed + gt_skipped == 0)); then
        gx_say "no test has '$1' in its full name"
        status=2
    fi
    printf '%d passed, %d failed' "$gt_passed" "$gt_failed"
    ((gt_skipped == 0)) || printf ', %d skipped' "$gt_skipped"
    printf '\n'
    exit "$status"
}

# gt_begin NAME FILTER COVERAGE: starts a project's tests, where it can be built.
gt_begin() {
    if [[ -z $gt_built ]] && ! gx_locked gx_dotnet_build "$gx_build/log/$1.build.log" "tests/$1/$1.csproj"; then
        gt_fail_once "$1 does not build (build/log/$1.build.log):"
        grep -E ' error |: error' "$gx_build/log/$1.build.log" | sort -u | head -n 10 | cut -c 1-300
        return 1
    fi
    gt_run "$1" "$gx_build/test-results/$1" "$gx_build/log/$1.log" "$2" "$3"
}

# gt_end NAME FILTER: waits for them.
gt_end() {
    local results=$gx_build/test-results/$1 status
    [[ -n ${gt_children[$1]:-} ]] || return 0
    wait "${gt_children[$1]}"
    status=$?
    unset "gt_children[$1]"
    gt_count "$1" "$results/result.trx" "$gx_build/log/$1.log" "$status" "$2"
}

# Runs one test assembly. `timeout` makes it a process group of its own and ends the whole group, test host included; it runs in the
# background, so that Ctrl-C is seen at once.
gt_run() {
    local limit=1800 hang=20m target=(tests/$1/bin/Release/net10.0/$1.dll) arguments=(--nologo --results-directory "$2"
        --logger 'trx;LogFileName=result.trx' --blame-hang --blame-hang-dump-type none)
    # A long test may be silent for the hour that it gives its program.
    [[ -z ${GUANXI_TEST_LONG:-} ]] || { limit=10800; hang=70m; }
    arguments+=(--blame-hang-timeout "$hang")
    [[ -z $4 ]] || arguments+=(--filter "FullyQualifiedName~$(gt_escape "$4")")
    if [[ -n $5 ]]; then
        # Only a project knows where its collector lies; the bare assembly starts sooner.
        target=(tests/$1/$1.csproj --no-build -c Release)
        arguments+=(--collect 'XPlat Code Coverage')
    fi
    timeout -k 30 "${GUANXI_TEST_TIMEOUT:-$limit}" dotnet test "${target[@]}" "${arguments[@]}" >"$3" 2>&1 </dev/null &
    gt_children[$1]=$!
}

# The filter language gives these characters a meaning of their own.
gt_escape() {
    local text=$1 character
    for character in '\' '(' ')' '&' '|' '=' '!' '~'; do
        text=${text//"$character"/"\\$character"}
    done
    printf '%s' "$text"
}

# gt_count NAME TRX LOG STATUS FILTER
gt_count() {
    local passed=0 failed=0 skipped=0 broken=0 seconds=0
    if [[ -s $2 ]]; then
        read -r passed failed skipped broken seconds < <(awk -f "$gx_root/eng/trx.awk" -v what=counts "$2")
        awk -f "$gx_root/eng/trx.awk" -v what=failures "$2"
    fi
    if ((broken > 0)) || { (($4 != 0)) && ((failed == 0)); } || [[ ! -s $2 && -z $5 ]]; then
        ((failed += 1))
        printf 'FAILED  %s: %s\n' "$1" "$(gt_reason "$4")"
        gt_last_words "$3"
    fi
    printf '%s: %d passed, %d failed, %d skipped (%d s)\n' "$1" "$passed" "$failed" "$skipped" "$seconds"
    [[ ! -s $2 ]] || awk -f "$gx_root/eng/trx.awk" -v what=slow "$2" | sort -k 2,2rn | head -n 5 | cut -c 1-200
    [[ ! -s $2 ]] || awk -f "$gx_root/eng/trx.awk" -v what=skips "$2" | sort | uniq -c | sort -rn | head -n 8 | cut -c 1-200 | sed 's/^/   /'
    ((gt_passed += passed, gt_failed += failed, gt_skipped += skipped, 1))
}

# The cause of a crash stands at its head; everything else that ends a run says so at the end.
gt_last_words() {
    { grep -A 8 -m 1 'test run was aborted' "$1" || grep -vE '^\s*$' "$1" | tail -n 12; } | cut -c 1-240 | sed 's/^/        /'
}

gt_reason() {
    case $1 in
        124 | 137) printf 'did not end within its time limit or was killed (exit code %d)' "$1" ;;
        *) printf 'ended abnormally (exit code %d)' "$1" ;;
    esac
}

gt_coverage() {
    local files=()
    mapfile -t files < <(find "$gx_build/test-results" -name coverage.cobertura.xml)
    ((${#files[@]} == 0)) || awk -f "$gx_root/eng/coverage.awk" "${files[@]}" | sort
}
