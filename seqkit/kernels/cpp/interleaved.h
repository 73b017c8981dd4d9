// Products of weights as they lie with 8 rows or more. A vector holds a few neighbouring numbers of several rows, and the
// same few numbers of a row of weights are repeated over another: so whole vectors are multiplied, each weight is loaded
// once for 8 or 16 rows, and the lanes of a sum are added when it is done. With vectors of 16 lanes alone: smaller ones
// have too few registers beside them.
#pragma once

#include "buffer.h"
#include "vector.h"

#include <ATen/cpu/vec/vec.h>
#include <c10/macros/Macros.h>

#include <cstdint>
#include <cstring>

namespace seqkit {

// Lane n is the sum of the lanes of v[n]: neighbours are added, and their order stays.
template <int count>
inline V sums_of_lanes(const V* v) {
    if constexpr (count == 1) return v[0];
    V half[(count + 1) / 2];
#pragma GCC unroll 8
    for (int n = 0; n < count / 2; n++) {
        const auto [even, odd] = at::vec::deinterleave2<float>(v[2 * n], v[2 * n + 1]);
        half[n] = even + odd;
    }
    return sums_of_lanes<(count + 1) / 2>(half);
}

#ifdef CPU_CAPABILITY_AVX512

constexpr int kStripe = 8;  // rows of weights at a time: with two vectors of rows as many sums as hide their latency

template <int depth>
inline V repeated(const float* from) {
    if constexpr (depth == 4) return _mm512_broadcast_f32x4(_mm_loadu_ps(from));
    double two;
    std::memcpy(&two, from, sizeof two);
    return _mm512_castpd_ps(_mm512_set1_pd(two));
}

// kStripe rows of weights times vectors · kLanes / depth interleaved rows, to (vectors, kLanes, kLanes / depth). Every
// loop over sums is unrolled: one that is not keeps them in memory.
template <int depth, int vectors>
C10_NOINLINE inline void times_interleaved(const float* weights, int64_t K, const float* a, float* to) {
    V sums[vectors][kStripe];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
#pragma GCC unroll 8
        for (int n = 0; n < kStripe; n++) sums[v][n] = V(0.f);
    int64_t k = 0;
    for (; k + depth <= K; k += depth, a += vectors * kLanes) {
        V part[vectors];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) part[v] = load(a + v * kLanes);
#pragma GCC unroll 8
        for (int n = 0; n < kStripe; n++) {
            const V weight = repeated<depth>(weights + n * K + k);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) sums[v][n] = at::vec::fmadd(weight, part[v], sums[v][n]);
        }
    }
    if (k < K) {
#pragma GCC unroll 8
        for (int n = 0; n < kStripe; n++) {
            float last[depth] = {};
            std::memcpy(last, weights + n * K + k, (K - k) * sizeof(float));
            const V weight = repeated<depth>(last);
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) sums[v][n] = at::vec::fmadd(weight, load(a + v * kLanes), sums[v][n]);
        }
    }
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++)
#pragma GCC unroll 8
        for (int n = 0; n < kStripe; n += depth)
            sums_of_lanes<depth>(&sums[v][n]).store(to + (v * kLanes + n) * (kLanes / depth));
}

// kLanes rows of weights times interleaved rows, to those rows of `to`.
template <int depth, int vectors>
inline void times_interleaved(const float* weights, int64_t K, const float* a, float* to, int64_t ldc) {
    constexpr int each = kLanes / depth;
    alignas(64) float found[vectors * kLanes * each];
    for (int n = 0; n < kLanes; n += kStripe)
        times_interleaved<depth, vectors>(weights + n * K, K, a, found + n * each);
    for (int v = 0; v < vectors; v++)
        at::vec::transpose_mxn<float>(found + v * kLanes * each, each, to + v * each * ldc, ldc, kLanes, each);
}

// (count, K) to (K / depth, count, depth), the last numbers filled up with zeros.
inline void interleave(const float* a, int64_t lda, int64_t count, int64_t K, int64_t depth, float* to) {
    for (int64_t i = 0; i < count; i++) {
        int64_t k = 0;
        for (; k + depth <= K; k += depth) std::memcpy(to + k * count + i * depth, a + i * lda + k, depth * sizeof(float));
        for (int64_t n = k; k < K && n < k + depth; n++) to[k * count + i * depth + n - k] = n < K ? a[i * lda + n] : 0.f;
    }
}

// The rows of a, as many as there are whole groups of 16 and 8.
class InterleavedRows {
  public:
    InterleavedRows(const float* a, int64_t lda, int64_t rows, int64_t K)
        : K_(K), padded_((K + 3) / 4 * 4), rows_(rows / 8 * 8), numbers_(buffer(rows_ * padded_)) {
        for (int64_t i = 0; i < rows_;) {
            const int64_t count = rows_ - i >= 16 ? 16 : 8;
            interleave(a + i * lda, lda, count, K, depth(count), numbers_.get() + i * padded_);
            i += count;
        }
    }
    // kLanes rows of weights times those rows, which are counted.
    int64_t times(const float* weights, float* to, int64_t ldc) const {
        int64_t i = 0;
        for (; i + 16 <= rows_; i += 16) times_interleaved<2, 2>(weights, K_, at(i), to + i * ldc, ldc);
        if (i == rows_) return i;
        if (depth(8) == 4)
            times_interleaved<4, 2>(weights, K_, at(i), to + i * ldc, ldc);
        else
            times_interleaved<2, 1>(weights, K_, at(i), to + i * ldc, ldc);
        return rows_;
    }

  private:
    // Four numbers of a row of weights are loaded at once, which takes long where they lie across two cache lines.
    int64_t depth(int64_t count) const { return count == 8 && K_ % 4 == 0 ? 4 : 2; }
    const float* at(int64_t row) const { return numbers_.get() + row * padded_; }

    int64_t K_, padded_, rows_;
    Buffer numbers_;
};

#else

class InterleavedRows {
  public:
    InterleavedRows(const float*, int64_t, int64_t, int64_t) {}
    int64_t times(const float*, float*, int64_t) const { return 0; }
};

#endif

}  // namespace seqkit
