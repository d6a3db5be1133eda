# The environment a program starts in. Sourced by ./guanxi and ./test; every variable is explained in docs/environment.md.
# All of these are read before Main runs (by glibc, libgomp, OpenBLAS, libtorch or the .NET host), so no later code can set them.

gx_environment() {
    local flags
    flags=$(gx_processor_flags)
    gx_malloc_environment
    gx_thread_environment "$flags"
    gx_blas_environment "$flags"
    gx_dotnet_environment
}

# The first processor's feature flags, with a space at both ends so that a whole word can be matched.
gx_processor_flags() {
    local key rest
    while IFS=: read -r key rest; do
        if [[ $key == flags* ]]; then
            printf '%s ' "$rest"
            return
        fi
    done </proc/cpuinfo
}

gx_has_flags() {
    local flags=$1 flag
    shift
    for flag; do
        [[ $flags == *" $flag "* ]] || return 1
    done
}

# Large tensors stay with the process between steps, on huge pages, instead of going back to the kernel and being faulted in again.
gx_malloc_environment() {
    if [[ ${GLIBC_TUNABLES:-} != *glibc.malloc.hugetlb=* ]]; then
        export GLIBC_TUNABLES="${GLIBC_TUNABLES:+$GLIBC_TUNABLES:}glibc.malloc.hugetlb=1"
    fi
    export MALLOC_MMAP_MAX_=${MALLOC_MMAP_MAX_:-0}
    export MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-17179869184}
    export MALLOC_TOP_PAD_=${MALLOC_TOP_PAD_:-268435456}
}

# fp32 products run on OpenBLAS's own threads, which libgomp's spinning threads would starve; libtorch's bf16 products run on libgomp
# alone, where a short spin is cheaper than a sleep. A long one would keep the kernels' own threads off the processors. The processor
# decides which of the two types is used.
gx_thread_environment() {
    if [[ -z ${OMP_WAIT_POLICY:-} && -z ${GOMP_SPINCOUNT:-} ]]; then
        if gx_has_flags "$1" avx512_bf16 || gx_has_flags "$1" amx_bf16; then
            export GOMP_SPINCOUNT=2000
        else
            export OMP_WAIT_POLICY=PASSIVE
        fi
    fi
    if [[ -z ${ATEN_CPU_CAPABILITY:-} ]] && gx_has_flags "$1" avx512f avx512dq avx512vl avx512bw; then
        export ATEN_CPU_CAPABILITY=avx512
    fi
}

# OpenBLAS falls back to slow kernels on a processor younger than itself, and a value meant for another program may be in the
# environment: the flags decide, and only GUANXI_OPENBLAS_CORETYPE overrules them ("auto" leaves the choice to OpenBLAS).
gx_blas_environment() {
    local core=${GUANXI_OPENBLAS_CORETYPE:-}
    if [[ -z $core ]]; then
        core=auto
        if gx_has_flags "$1" avx512f avx512dq avx512vl avx512bw avx512cd; then
            core=SkylakeX
        elif gx_has_flags "$1" avx2 fma; then
            core=Haswell
        fi
    fi
    unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE
    if [[ $core != auto ]]; then
        export OPENBLAS_CORETYPE=$core
    fi
}

gx_dotnet_environment() {
    export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
}
