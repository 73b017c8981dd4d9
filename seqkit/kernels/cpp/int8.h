// Products of 8-bit integers, for inference. Each row of the left side, an input or a state, has a scale of its own, its
// largest magnitude / 127, taken when the product is; each column of weights, that of one output, has one, too, taken
// when they are packed. Sums are of 32 bits and exact, so that every processor gives the same.
//
// The instructions multiply unsigned bytes with signed ones, so the left side has 128 added to it, and what that adds to
// a sum, 128 times that of the column's weights, is taken away again.
#pragma once

#include "buffer.h"
#include "vector.h"

#include <ATen/cpu/vec/vec.h>
#include <ATen/native/CPUBlas.h>
#include <c10/macros/Macros.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

namespace seqkit {

constexpr int64_t kLevels = 127, kOffset = 128, kQuad = 4;  // a column has four rows side by side
constexpr float kSmallest = 1e-30f;                         // magnitude whose inverse is taken
constexpr int64_t kMostQuantized = 1 << 16;                 // rows whose sums cannot overflow
// Added to a number between -2^22 and 2^22, it leaves its nearest integer in the lowest bits of the sum.
constexpr float kNearest = 12582912.f;

inline int64_t quad(int64_t n) { return (n + kQuad - 1) / kQuad * kQuad; }

// As integers, magnitudes have the order of the numbers, and what is no number comes last.
inline int32_t magnitude(float x) { return std::bit_cast<int32_t>(x) & 0x7fffffff; }

// What numbers of up to that magnitude are multiplied with. Where it is infinite or no number, so is the scale, and then
// so is every product, whatever the levels are.
inline float inverse_of(float largest) { return kLevels / std::max(largest, kSmallest); }

inline float largest_of(const float* from, int64_t count) {
    int32_t largest = 0;
    for (int64_t n = 0; n < count; n++) largest = std::max(largest, magnitude(from[n]));
    return std::bit_cast<float>(largest);
}

// A row of a left side to bytes, with zeros up to a multiple of four; returns its scale. The loop has no vectors of
// torch's: the compiler knows how to bring four of integers into one of bytes.
C10_NOINLINE inline float quantize_row(const float* from, int64_t count, uint8_t* to) {
    const float largest = largest_of(from, count), inverse = inverse_of(largest);
    for (int64_t n = 0; n < count; n++)
        to[n] = uint8_t(std::bit_cast<int32_t>(std::fma(from[n], inverse, kNearest + kOffset)));
    std::fill(to + count, to + quad(count), 0);
    return largest / kLevels;
}

// Rows of a left side.
class QuantizedRows {
  public:
    QuantizedRows() = default;
    explicit QuantizedRows(int64_t rows, int64_t ld)
        : bytes_(rows * ld ? new uint8_t[rows * ld] : nullptr), scales_(buffer(rows)), ld_(ld) {}
    void set(int64_t row, const float* from, int64_t count) const {
        scales_[row] = quantize_row(from, count, bytes_.get() + row * ld_);
    }
    const uint8_t* bytes() const { return bytes_.get(); }
    const float* scales() const { return scales_.get(); }

  private:
    std::unique_ptr<uint8_t[]> bytes_;
    Buffer scales_;
    int64_t ld_ = 0;
};

// Rows that a block of K rows takes in bytes: its numbers, then for each column a scale and 128 times its sum.
inline int64_t quantized_rows(int64_t K) { return quad(K) + sizeof(float) + sizeof(int32_t); }

// A block (K, width) to (K / 4, width, 4), scales and sums.
inline void quantize_block(const float* from, int64_t K, int64_t width, uint8_t* to) {
    float* scales = reinterpret_cast<float*>(to + quad(K) * width);
    int32_t* sums = reinterpret_cast<int32_t*>(scales + width);
    std::vector<int32_t> most(width, 0);
    std::vector<float> inverse(width);
    for (int64_t k = 0; k < K; k++)
        for (int64_t n = 0; n < width; n++) most[n] = std::max(most[n], magnitude(from[k * width + n]));
    for (int64_t n = 0; n < width; n++) {
        const float largest = std::bit_cast<float>(most[n]);
        inverse[n] = inverse_of(largest), scales[n] = largest / kLevels, sums[n] = 0;
    }
    std::fill_n(to, quad(K) * width, 0);
    for (int64_t k = 0; k < K; k++)
        for (int64_t n = 0; n < width; n++) {
            const auto level = int8_t(std::bit_cast<int32_t>(std::fma(from[k * width + n], inverse[n], kNearest)));
            to[(k / kQuad * width + n) * kQuad + k % kQuad] = uint8_t(level);
            sums[n] += kOffset * level;
        }
}

// C = A B of integers, with rows of A and columns of B in fours.
inline void int8_sums_by_hand(int64_t M, int64_t N, int64_t K, const uint8_t* A, int64_t lda, const int8_t* B,
                              int64_t ldb, int32_t* C, int64_t ldc) {
    for (int64_t m = 0; m < M; m++) {
        std::fill_n(C + m * ldc, N, 0);
        for (int64_t k = 0; k < K; k += kQuad) {
            const uint8_t* a = A + m * lda + k;
            const int8_t* b = B + k * ldb;
            for (int64_t n = 0; n < N; n++)
                C[m * ldc + n] += a[0] * b[4 * n] + a[1] * b[4 * n + 1] + a[2] * b[4 * n + 2] + a[3] * b[4 * n + 3];
        }
    }
}

#if defined(__x86_64__) && defined(CPUBLAS_BRGEMM_U8I8I32) && !defined(SEQKIT_INT8_BY_HAND)
#define SEQKIT_INT8_BY_TORCH
#endif

// A product of the largest bytes there are, in some of the columns, its rows no multiple of any tile: whether torch has
// one here and it is right. Processors without these instructions would let sums of two products overflow.
inline bool try_int8_product() {
#ifdef SEQKIT_INT8_BY_TORCH
    constexpr int M = 3, N = 32, K = 100, LDB = 48;
    uint8_t A[M * K];
    int8_t B[K * LDB];
    int32_t found[M * N], expected[M * N];
    for (int n = 0; n < M * K; n++) A[n] = uint8_t(255 - n % 3);
    for (int n = 0; n < K * LDB; n++) B[n] = int8_t(n / 7 % 2 ? 127 : -127);
    try {
        at::native::cpublas::brgemm(M, N, K, K, LDB, N, false, A, reinterpret_cast<const signed char*>(B), found);
        at::native::cpublas::brgemm_release(true);
    } catch (const c10::Error&) {  // torch's way to say that it has no such product
        return false;
    }
    int8_sums_by_hand(M, N, K, A, K, B, LDB, expected, N);
    return std::equal(found, found + M * N, expected);
#else
    return false;
#endif
}

// Whether torch's product of 8-bit integers is right here; else our own loop serves.
inline bool multiplies_int8() {
    static const bool works = try_int8_product();
    return works;
}

inline void int8_sums(int64_t M, int64_t N, int64_t K, const uint8_t* A, int64_t lda, const int8_t* B, int64_t ldb,
                      int32_t* C, int64_t ldc) {
#ifdef SEQKIT_INT8_BY_TORCH
    if (multiplies_int8())
        return at::native::cpublas::brgemm(M, N, K, lda, ldb, ldc, false, A, reinterpret_cast<const signed char*>(B),
                                           C);
#endif
    int8_sums_by_hand(M, N, K, A, lda, B, ldb, C, ldc);
}

// C = A B for up to 64 rows of a left side with its scales, and columns of a block with theirs. The sums lie in C first.
C10_NOINLINE inline void int8_product(int64_t M, int64_t N, int64_t K, const uint8_t* A, const float* row_scales,
                                      int64_t lda, const uint8_t* B, const float* column_scales, int64_t ldb, float* C,
                                      int64_t ldc) {
    int32_t* sums = reinterpret_cast<int32_t*>(C);
    int8_sums(M, N, quad(K), A, lda, reinterpret_cast<const int8_t*>(B), ldb, sums, ldc);
    const int32_t* offsets = reinterpret_cast<const int32_t*>(column_scales + ldb);
    for (int64_t m = 0; m < M; m++)
        for (int64_t n = 0; n < N; n += kLanes) {
            const IntV sum = IntV::loadu(sums + m * ldc + n) - IntV::loadu(offsets + n);
            const V scale = V(row_scales[m]) * load(column_scales + n);
            (at::vec::convert<float>(sum) * scale).store(C + m * ldc + n);
        }
}

}  // namespace seqkit
