/* Products of pairs of bf16 numbers: the one instruction of its kernels that .NET does not offer. */
#include "internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace {

/* Rows of a tile, and panels of sixteen columns that share its rows: 24 sums, and what they are made of, fill the 32 registers. */
constexpr int kRows = 12;
constexpr int64_t kColumns = 16;

template <int Panels>
__attribute__((target("avx512f,avx512bf16"), always_inline)) inline void tile(const float* a, int64_t a_stride, const float* b, int64_t depth,
                                                                              float* c, int64_t c_stride, int64_t c_panel, bool adds) {
    __m512 sums[Panels][kRows];
    for (auto& panel : sums) {
        for (auto& sum : panel) sum = _mm512_setzero_ps();
    }
    for (int64_t k = 0; k < depth; k++) {
        __m512bh right[Panels];
        for (int p = 0; p < Panels; p++) right[p] = (__m512bh)_mm512_loadu_ps(b + (p * depth + k) * kColumns);
#pragma GCC unroll 12
        for (int row = 0; row < kRows; row++) {
            const auto left = (__m512bh)_mm512_set1_ps(a[row * a_stride + k]);
            for (int p = 0; p < Panels; p++) sums[p][row] = _mm512_dpbf16_ps(sums[p][row], left, right[p]);
        }
    }
    for (int p = 0; p < Panels; p++) {
        for (int row = 0; row < kRows; row++) {
            float* to = c + p * c_panel + row * c_stride;
            _mm512_storeu_ps(to, adds ? _mm512_add_ps(sums[p][row], _mm512_loadu_ps(to)) : sums[p][row]);
        }
    }
}

template <int Panels>
__attribute__((target("avx512f,avx512bf16"))) void rows_of(const gx_pair_product& product, int64_t panel) {
    const float* b = product.b + panel * product.depth * kColumns;
    float* c = product.c + panel * product.c_panel;
    for (int64_t row = 0; row < product.rows; row += kRows) {
        tile<Panels>(product.a + row * product.a_stride, product.a_stride, b, product.depth, c + row * product.c_stride, product.c_stride,
                     product.c_panel, product.adds != 0);
    }
}

}  // namespace

uint8_t gx_pairs_available(void) { return __builtin_cpu_supports("avx512bf16") ? 1 : 0; }

void gx_pairs_multiply(const gx_pair_product* product) {
    int64_t panel = 0;
    for (; panel + 2 <= product->panels; panel += 2) rows_of<2>(*product, panel);
    if (panel < product->panels) rows_of<1>(*product, panel);
}
#else
uint8_t gx_pairs_available(void) { return 0; }

void gx_pairs_multiply(const gx_pair_product*) {}
#endif
