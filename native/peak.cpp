/* The processor's multiply-accumulate rate: what every speed is measured against. */
#include "internal.h"

#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

/* Twelve independent accumulators hide the latency of a fused multiply-add on every core since 2013. */
constexpr int kAccumulators = 12;
constexpr int64_t kRounds = 20000;

#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) double round_avx2() {
    __m256 a[kAccumulators];
    for (auto& x : a) x = _mm256_set1_ps(1e-3f);
    __m256 m = _mm256_set1_ps(0.999f), c = _mm256_set1_ps(1e-6f);
    for (int64_t i = 0; i < kRounds; i++) {
        asm volatile("" : "+x"(m), "+x"(c));
#pragma GCC unroll 12
        for (int k = 0; k < kAccumulators; k++) a[k] = _mm256_fmadd_ps(a[k], m, c);
    }
    __m256 sum = a[0];
    for (int k = 1; k < kAccumulators; k++) sum = _mm256_add_ps(sum, a[k]);
    asm volatile("" : : "x"(sum));
    return 2.0 * 8 * kAccumulators * kRounds;
}

__attribute__((target("avx512f"))) double round_avx512() {
    __m512 a[kAccumulators];
    for (auto& x : a) x = _mm512_set1_ps(1e-3f);
    __m512 m = _mm512_set1_ps(0.999f), c = _mm512_set1_ps(1e-6f);
    for (int64_t i = 0; i < kRounds; i++) {
        asm volatile("" : "+v"(m), "+v"(c));
#pragma GCC unroll 12
        for (int k = 0; k < kAccumulators; k++) a[k] = _mm512_fmadd_ps(a[k], m, c);
    }
    __m512 sum = a[0];
    for (int k = 1; k < kAccumulators; k++) sum = _mm512_add_ps(sum, a[k]);
    asm volatile("" : : "v"(sum));
    return 2.0 * 16 * kAccumulators * kRounds;
}

__attribute__((target("avx512f,avx512bf16"))) double round_bf16() {
    __m512 a[kAccumulators];
    for (auto& x : a) x = _mm512_set1_ps(1e-3f);
    __m512bh m = (__m512bh)_mm512_set1_epi16(0x3f7f), c = (__m512bh)_mm512_set1_epi16(0x3a83);
    for (int64_t i = 0; i < kRounds; i++) {
        asm volatile("" : "+v"(m), "+v"(c));
#pragma GCC unroll 12
        for (int k = 0; k < kAccumulators; k++) a[k] = _mm512_dpbf16_ps(a[k], m, c);
    }
    __m512 sum = a[0];
    for (int k = 1; k < kAccumulators; k++) sum = _mm512_add_ps(sum, a[k]);
    asm volatile("" : : "v"(sum));
    return 2.0 * 32 * kAccumulators * kRounds;
}
#endif

using round_function = double (*)();

round_function choose(int32_t kind) {
#if defined(__x86_64__)
    if (kind == 1) {
        return __builtin_cpu_supports("avx512bf16") ? round_bf16 : nullptr;
    }
    if (__builtin_cpu_supports("avx512f")) {
        return round_avx512;
    }
    return __builtin_cpu_supports("fma") ? round_avx2 : nullptr;
#else
    (void)kind;
    return nullptr;
#endif
}

}  // namespace

int32_t gx_peak(int32_t kind, double seconds, double* operations, double* elapsed) {
    return gx::guarded([&] {
        const auto round = choose(kind);
        if (round == nullptr) throw gx::not_available("this processor has no such multiply-accumulate instruction");
        using clock = std::chrono::steady_clock;
        const auto start = clock::now();
        double done = 0, taken = 0;
        while (taken < seconds) {
            done += round();
            taken = std::chrono::duration<double>(clock::now() - start).count();
        }
        *operations = done;
        *elapsed = taken;
    });
}
