// Products of a single row with weights as they lie, (rows, K): what a step of one sequence reads, for it reads each
// weight once and packing would read and write it first. And whether weights are still those that were packed.
#pragma once

#include "sizes.h"
#include "vector.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <c10/macros/Macros.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>

namespace seqkit {

// The weights of one direction as they lie, (G·units, K), without padding units; null where packed ones are read.
struct WeightsInPlace {
    const float *x = nullptr, *h = nullptr;
};

// Lane by lane the products of `count` rows with a, K numbers each; two strands, so that additions need not wait.
template <int count>
inline void lanes_of_rows(const float* rows, int64_t K, const float* a, float* lanes) {
    V even[count], odd[count];
    for (int n = 0; n < count; n++) even[n] = odd[n] = V(0.f);
    int64_t k = 0;
    for (; k + 2 * kLanes <= K; k += 2 * kLanes) {
        const V first = load(a + k), second = load(a + k + kLanes);
        for (int n = 0; n < count; n++) {
            even[n] = at::vec::fmadd(first, load(rows + n * K + k), even[n]);
            odd[n] = at::vec::fmadd(second, load(rows + n * K + k + kLanes), odd[n]);
        }
    }
    for (; k < K; k += kLanes) {
        const int64_t left = std::min<int64_t>(kLanes, K - k);
        const V part = V::loadu(a + k, left);
        for (int n = 0; n < count; n++) even[n] = at::vec::fmadd(part, V::loadu(rows + n * K + k, left), even[n]);
    }
    for (int n = 0; n < count; n++) (even[n] + odd[n]).store(lanes + n * kLanes);
}

// 16 units: rows (count, K) times a, and zeros for units that are padding.
C10_NOINLINE inline void rows_times(const float* rows, int64_t count, int64_t K, const float* a, float* to) {
    constexpr int kTogether = 4;
    float lanes[kUnitMultiple * kLanes] = {}, by_lane[kUnitMultiple * kLanes];
    int64_t n = 0;
    for (; n + kTogether <= count; n += kTogether) lanes_of_rows<kTogether>(rows + n * K, K, a, lanes + n * kLanes);
    for (; n < count; n++) lanes_of_rows<1>(rows + n * K, K, a, lanes + n * kLanes);
    at::vec::transpose_mxn<float>(lanes, kLanes, by_lane, kUnitMultiple, kUnitMultiple, kLanes);
    for (int64_t unit = 0; unit < kUnitMultiple; unit += kLanes) {
        V sum = load(by_lane + unit);
        for (int64_t lane = 1; lane < kLanes; lane++) sum = sum + load(by_lane + lane * kUnitMultiple + unit);
        sum.store(to + unit);
    }
}

// One block of hidden units: weights (G·units, K), gates from first_gate on, times a, to (gates, units of a block).
inline void block_times(const Sizes& z, const float* weights, int64_t block, int64_t first_gate, int64_t gates,
                        int64_t K, const float* a, float* to) {
    for (int64_t gate = 0; gate < gates; gate++)
        for (int64_t unit = 0; unit < z.NB; unit += kUnitMultiple) {
            const int64_t first = block * z.NB + unit;
            const int64_t count = std::clamp<int64_t>(z.units - first, 0, kUnitMultiple);
            rows_times(weights + ((first_gate + gate) * z.units + first) * K, count, K, a, to + gate * z.NB + unit);
        }
}

// The block as packed weights have it, (K, G, units of a block): for many rows of input that pays.
inline void pack_block(const Sizes& z, const float* weights, int64_t block, int64_t K, float* to) {
    const int64_t width = z.G * z.NB, first = block * z.NB, count = std::clamp<int64_t>(z.units - first, 0, z.NB);
    if (count < z.NB) std::fill_n(to, K * width, 0.f);
    for (int64_t gate = 0; gate < z.G; gate++)
        for (int64_t k = 0; k < K; k += kTile)
            at::vec::transpose_mxn<float>(weights + (gate * z.units + first) * K + k, K, to + k * width + gate * z.NB,
                                          width, count, std::min(kTile, K - k));
}

// Whether all bits of two lists of tensors are equal; NaN equals itself.
inline bool same(at::TensorList now, at::TensorList before) {
    constexpr int64_t piece = 1 << 18;  // bytes; a thread is worth starting for no less
    if (now.size() != before.size()) return false;
    for (size_t n = 0; n < now.size(); n++) {
        if (now[n].scalar_type() != before[n].scalar_type() || now[n].sizes() != before[n].sizes()) return false;
        const at::Tensor contiguous = now[n].contiguous();
        const char* const one = static_cast<const char*>(contiguous.const_data_ptr());
        const char* const other = static_cast<const char*>(before[n].const_data_ptr());
        std::atomic<bool> equal{true};
        at::parallel_for(0, contiguous.nbytes(), piece, [&](int64_t begin, int64_t end) {
            if (std::memcmp(one + begin, other + begin, end - begin)) equal.store(false, std::memory_order_relaxed);
        });
        if (!equal) return false;
    }
    return true;
}

}  // namespace seqkit
