// Matrix products of the loops. They go through oneDNN's small-matrix kernels, which torch exports as brgemm, with
// exactly the rows that are still running. A single row goes through a loop of our own, and so do all rows of float32
// with AVX2 alone, where those kernels are slower.
//
// What many loops call is kept out of line here and elsewhere: copies of it would use up what the compiler is willing
// to inline, and the gates of a cell need that more.
#pragma once

#include "bfloat16.h"
#include "int8.h"
#include "vector.h"

#include <ATen/native/CPUBlas.h>
#include <c10/macros/Macros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>

namespace seqkit {

constexpr int64_t kProductRows = 64;  // rows of one call of brgemm

// What was loaded, in a register: the compiler would load it again for each product, which takes half as long again.
inline V held(V value) {
#ifdef CPU_CAPABILITY_AVX2
    __m256 numbers = value;
    asm("" : "+x"(numbers));
    return numbers;
#else
    return value;
#endif
}

// One row of A times B, which is `vectors` vectors wide, in two strands of sums so that additions need not wait for
// each other. B is read straight through, which processors notice: prefetches of our own cost a fifth of the bandwidth.
template <int vectors>
C10_NOINLINE void product_of_row(int64_t K, const float* A, const float* B, int64_t ldb, float* C, bool add) {
    V even[vectors], odd[vectors];
    for (int n = 0; n < vectors; n++) even[n] = add ? load(C + n * kLanes) : V(0.f), odd[n] = V(0.f);
    int64_t k = 0;
    for (; k + 1 < K; k += 2) {
        const V a(A[k]), b(A[k + 1]);
        const float* row = B + k * ldb;
        for (int n = 0; n < vectors; n++) {
            even[n] = at::vec::fmadd(a, load(row + n * kLanes), even[n]);
            odd[n] = at::vec::fmadd(b, load(row + ldb + n * kLanes), odd[n]);
        }
    }
    for (; k < K; k++)
        for (int n = 0; n < vectors; n++) even[n] = at::vec::fmadd(V(A[k]), load(B + k * ldb + n * kLanes), even[n]);
    for (int n = 0; n < vectors; n++) (even[n] + odd[n]).store(C + n * kLanes);
}

// Rows of A times the columns of B that are two vectors wide. Where they lie in a panel (kPanels), B is read straight
// through. Eight sums hide their latency: two rows have two strands of them, which need not wait for each other. Without
// four steps of k in a turn of the loop, it depends on where the loop happens to lie whether four rows run at 70 or 100 %
// of their speed.
template <int rows>
C10_NOINLINE inline void rows_times_panel(int64_t K, const float* A, int64_t lda, const float* B, int64_t ldb, float* C,
                                          int64_t ldc, bool add) {
    constexpr int steps = 4, strands = rows == 2 ? 2 : 1;
    V sums[strands][rows][2];
#pragma GCC unroll 4
    for (int s = 0; s < strands; s++)
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++)
            for (int n = 0; n < 2; n++) sums[s][i][n] = add && s == 0 ? load(C + i * ldc + n * kLanes) : V(0.f);
    const auto multiply = [&](int64_t k, auto& sums) {
        const V first = held(load(B + k * ldb)), second = held(load(B + k * ldb + kLanes));
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            const V a(A[i * lda + k]);
            sums[i][0] = at::vec::fmadd(a, first, sums[i][0]);
            sums[i][1] = at::vec::fmadd(a, second, sums[i][1]);
        }
    };
    int64_t k = 0;
    for (; k + steps <= K; k += steps)
#pragma GCC unroll 4
        for (int s = 0; s < steps; s++) multiply(k + s, sums[s % strands]);
    for (; k < K; k++) multiply(k, sums[0]);
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
        for (int n = 0; n < 2; n++) {
            for (int s = 1; s < strands; s++) sums[0][i][n] = sums[0][i][n] + sums[s][i][n];
            sums[0][i][n].store(C + i * ldc + n * kLanes);
        }
}

// Rows are taken up to six at a time, in parts as equal as can be: 8 are 4 and 4, since 6 and 2 would be slower.
inline void times_panel(int64_t M, int64_t K, const float* A, int64_t lda, const float* B, int64_t ldb, float* C,
                        int64_t ldc, bool add) {
    constexpr int64_t most = 6;
    for (int64_t parts = (M + most - 1) / most; parts > 0; parts--) {
        const int64_t rows = M / parts;
        switch (rows) {
            case 1: product_of_row<2>(K, A, B, ldb, C, add); break;
            case 2: rows_times_panel<2>(K, A, lda, B, ldb, C, ldc, add); break;
            case 3: rows_times_panel<3>(K, A, lda, B, ldb, C, ldc, add); break;
            case 4: rows_times_panel<4>(K, A, lda, B, ldb, C, ldc, add); break;
            case 5: rows_times_panel<5>(K, A, lda, B, ldb, C, ldc, add); break;
            case 6: rows_times_panel<6>(K, A, lda, B, ldb, C, ldc, add); break;
        }
        M -= rows, A += rows * lda, C += rows * ldc;
    }
}

// The same for the widths that blocks of weights have; false, with nothing done, for any other.
inline bool product_of_row(int64_t N, int64_t K, const float* A, const float* B, int64_t ldb, float* C, bool add) {
    if (N % kLanes) return false;
    switch (N / kLanes) {
        case 1: return product_of_row<1>(K, A, B, ldb, C, add), true;
        case 2: return product_of_row<2>(K, A, B, ldb, C, add), true;
        case 3: return product_of_row<3>(K, A, B, ldb, C, add), true;
        case 4: return product_of_row<4>(K, A, B, ldb, C, add), true;
        case 6: return product_of_row<6>(K, A, B, ldb, C, add), true;
        case 8: return product_of_row<8>(K, A, B, ldb, C, add), true;
    }
    return false;
}

// C = A B, or C += A B where that is not of 8-bit integers, for up to kProductRows rows.
inline void product_of_rows(int64_t M, int64_t N, int64_t K, const Operand& A, int64_t lda, const Operand& B,
                            int64_t ldb, float* C, int64_t ldc, bool add) {
    if (B.bytes)
        int8_product(M, N, K, A.bytes, A.scales, lda, B.bytes, B.scales, ldb, C, ldc);
    else if (B.rounded)
        at::native::cpublas::brgemm(M, N, K, lda, ldb, ldc, add, A.rounded, B.rounded, C);
    else if (kPanels && N == kPanel)
        times_panel(M, K, A.full, lda, B.full, ldb, C, ldc, add);
    else
        at::native::cpublas::brgemm(M, N, K, lda, ldb, ldc, add, A.full, B.full, C);
}

// The same for any number of rows.
C10_NOINLINE inline void product(int64_t M, int64_t N, int64_t K, const Operand& A, int64_t lda, const Operand& B,
                                 int64_t ldb, float* C, int64_t ldc, bool add) {
    if (B.full && M == 1 && product_of_row(N, K, A.full, B.full, ldb, C, add)) return;
    for (int64_t m = 0; m < M; m += kProductRows) {
        const int64_t rows = std::min(kProductRows, M - m);
        Operand left = A + m * lda;
        if (left.scales) left.scales += m;
        product_of_rows(rows, N, K, left, lda, B, ldb, C + m * ldc, ldc, add);
    }
}

// One product of bfloat16, of small integers, so that it is exact: whether it can be done and is right.
inline bool try_bf16_product() {
    constexpr int K = 32, N = 16;
    const auto a = [](int k) { return k % 7 - 3.f; };
    const auto b = [](int k, int n) { return (k + 3 * n) % 5 - 2.f; };
    BFloat16 A[K], B[K * N];
    float C[N];
    for (int k = 0; k < K; k++) A[k] = a(k);
    for (int k = 0; k < K; k++)
        for (int n = 0; n < N; n++) B[(k / 2 * N + n) * 2 + k % 2] = b(k, n);
    try {
        at::native::cpublas::brgemm(1, N, K, K, N, N, false, A, B, C);
        at::native::cpublas::brgemm_release(true);
    } catch (const c10::Error&) {  // torch's way to say that it has no such product
        return false;
    }
    for (int n = 0; n < N; n++) {
        float sum = 0.f;
        for (int k = 0; k < K; k++) sum += a(k) * b(k, n);
        if (C[n] != sum) return false;
    }
    return true;
}

// Whether this processor multiplies bfloat16, and torch has a product that does.
inline bool multiplies_bf16() {
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx512bf16")) return false;
    static const bool works = try_bf16_product();
    return works;
#else
    return false;
#endif
}

}  // namespace seqkit
