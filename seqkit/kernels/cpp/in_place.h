// Products with weights as they lie, (rows, K): what one sequence or one step of a few reads, for it reads each weight
// once or few times, and packing would read and write it first.
#pragma once

#include "interleaved.h"
#include "sizes.h"
#include "vector.h"

#include <ATen/cpu/vec/vec.h>
#include <c10/macros/Macros.h>

#include <algorithm>
#include <cstdint>

namespace seqkit {

// The weights of one direction as they lie, (G·units, K), without padding units; null where packed ones are read.
struct WeightsInPlace {
    const float *x = nullptr, *h = nullptr;
};

// Lane by lane the product of a row with a, in four strands of sums so that additions need not wait. One row after
// another is what the prefetchers of a processor like best: four or eight at a time are up to a sixth slower.
inline V lanes_of_row(const float* row, int64_t K, const float* a) {
    V sum[4] = {V(0.f), V(0.f), V(0.f), V(0.f)};
    int64_t k = 0;
    for (; k + 4 * kLanes <= K; k += 4 * kLanes)
        for (int n = 0; n < 4; n++)
            sum[n] = at::vec::fmadd(load(a + k + n * kLanes), load(row + k + n * kLanes), sum[n]);
    for (; k + kLanes <= K; k += kLanes) sum[0] = at::vec::fmadd(load(a + k), load(row + k), sum[0]);
    if (k < K) sum[1] = at::vec::fmadd(V::loadu(a + k, K - k), V::loadu(row + k, K - k), sum[1]);
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// Up to kLanes rows times a, to a vector; zeros for rows that are not there.
C10_NOINLINE inline V row_times(const float* rows, int64_t count, int64_t K, const float* a) {
    V sums[kLanes];
    for (int64_t n = 0; n < kLanes; n++) sums[n] = n < count ? lanes_of_row(rows + n * K, K, a) : V(0.f);
    return sums_of_lanes<kLanes>(sums);
}

// The same for kLanes rows of so many vectors, a in registers: at K = 128 in two thirds of the time.
template <int vectors>
C10_NOINLINE inline V row_times(const float* rows, const float* a) {
    V sums[kLanes], held[vectors];
    for (int k = 0; k < vectors; k++) held[k] = load(a + k * kLanes);
#pragma GCC unroll 16
    for (int n = 0; n < kLanes; n++) {
        const float* row = rows + n * vectors * kLanes;
        V even = held[0] * load(row), odd = held[1] * load(row + kLanes);
        for (int k = 2; k < vectors; k += 2) {
            even = at::vec::fmadd(held[k], load(row + k * kLanes), even);
            odd = at::vec::fmadd(held[k + 1], load(row + (k + 1) * kLanes), odd);
        }
        sums[n] = even + odd;
    }
    return sums_of_lanes<kLanes>(sums);
}

inline V times_row(const float* rows, int64_t count, int64_t K, const float* a) {
    if (count >= kLanes && K == 4 * kLanes) return row_times<4>(rows, a);
    if (count >= kLanes && K == 8 * kLanes) return row_times<8>(rows, a);
    return row_times(rows, count, K, a);
}

// kLanes rows times some rows of a, two rows at a time, so that each number that was loaded is used several times. Every
// loop over sums is unrolled: one that is not keeps them in memory, and all took three times as long.
template <int together>
C10_NOINLINE inline void times_rows(const float* rows, int64_t K, const float* a, int64_t lda, float* to, int64_t ldc) {
    alignas(64) float pairs[together][kLanes / 2][kLanes];
    for (int pair = 0; pair < kLanes / 2; pair++) {
        V sums[together][2];
        const float *first = rows + 2 * pair * K, *second = first + K;
        int64_t k = 0;
        for (; k + kLanes <= K; k += kLanes) {
            const V one = load(first + k), other = load(second + k);
#pragma GCC unroll 8
            for (int i = 0; i < together; i++) {
                const V part = load(a + i * lda + k);
                sums[i][0] = at::vec::fmadd(part, one, sums[i][0]);
                sums[i][1] = at::vec::fmadd(part, other, sums[i][1]);
            }
        }
        if (k < K) {
            const V one = V::loadu(first + k, K - k), other = V::loadu(second + k, K - k);
#pragma GCC unroll 8
            for (int i = 0; i < together; i++) {
                const V part = V::loadu(a + i * lda + k, K - k);
                sums[i][0] = at::vec::fmadd(part, one, sums[i][0]);
                sums[i][1] = at::vec::fmadd(part, other, sums[i][1]);
            }
        }
#pragma GCC unroll 8
        for (int i = 0; i < together; i++) sums_of_lanes<2>(sums[i]).store(pairs[i][pair]);
    }
    for (int i = 0; i < together; i++) {
        V halves[kLanes / 2];
#pragma GCC unroll 8
        for (int pair = 0; pair < kLanes / 2; pair++) halves[pair] = load(pairs[i][pair]);
        sums_of_lanes<kLanes / 2>(halves).store(to + i * ldc);
    }
}

constexpr int kTogether = kLanes == 8 ? 4 : 8;  // as many as there are registers for their sums

// Products of some blocks of hidden units: of weights (G·units, K) the gates from first_gate on, times `rows` rows of a,
// to (blocks, rows, gates, units of a block), with `stride` from block to block. Gate after gate, so that the weights
// are read straight through.
inline void times_in_place(const Sizes& z, const float* weights, int64_t first_gate, int64_t gates, int64_t K,
                           int64_t first_block, int64_t last_block, const float* a, int64_t lda, int64_t rows,
                           float* to, int64_t stride) {
    const int64_t width = gates * z.NB;
    const InterleavedRows interleaved(a, lda, rows, K);
    for (int64_t gate = 0; gate < gates; gate++)
        for (int64_t unit = first_block * z.NB; unit < last_block * z.NB; unit += kLanes) {
            const int64_t count = std::clamp<int64_t>(z.units - unit, 0, kLanes);
            const float* from = weights + ((first_gate + gate) * z.units + unit) * K;
            float* part = to + (unit / z.NB - first_block) * stride + gate * z.NB + unit % z.NB;
            int64_t i = 0;
            if (count == kLanes) {
                i = interleaved.times(from, part, width);
                for (; i + kTogether <= rows; i += kTogether)
                    times_rows<kTogether>(from, K, a + i * lda, lda, part + i * width, width);
                for (; i + kTogether / 2 <= rows; i += kTogether / 2)
                    times_rows<kTogether / 2>(from, K, a + i * lda, lda, part + i * width, width);
            }
            for (; i < rows; i++) times_row(from, count, K, a + i * lda).store(part + i * width);
        }
}

// The block as packed weights have it: for many rows of input that pays.
inline void pack_block(const Sizes& z, const float* weights, int64_t block, int64_t K, float* to) {
    const int64_t width = z.G * z.NB, first = block * z.NB, count = std::clamp<int64_t>(z.units - first, 0, z.NB);
    if (count < z.NB) std::fill_n(to, K * width, 0.f);
    const int64_t ld = z.together(), most = std::min(ld, z.NB);
    for (int64_t gate = 0; gate < z.G; gate++)
        for (int64_t unit = 0; unit < count; unit += most)
            for (int64_t k = 0; k < K; k += kTile)
                at::vec::transpose_mxn<float>(weights + (gate * z.units + first + unit) * K + k, K,
                                              to + z.column_at(gate * z.NB + unit, K) + k * ld, ld,
                                              std::min(most, count - unit), std::min(kTile, K - k));
}

}  // namespace seqkit
