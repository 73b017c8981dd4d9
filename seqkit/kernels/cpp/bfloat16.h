// Rounding to bfloat16. Where a layer asks for it, both sides of each product are rounded and nothing else: sums,
// gates, states and gradients stay float32.
#pragma once

#include "buffer.h"
#include "vector.h"

#include <c10/macros/Macros.h>

#include <cstdint>
#include <cstring>

namespace seqkit {

inline int64_t even(int64_t n) { return (n + 1) / 2 * 2; }

// One side of a product: float32, or, where `rounded` or `bytes` is set, its copy in bfloat16 or 8-bit integers, which
// the product then reads; `scales` are those of rows or columns of integers.
struct Operand {
    const float* full;
    const BFloat16* rounded;
    const uint8_t* bytes = nullptr;
    const float* scales = nullptr;
    Operand operator+(int64_t n) const {
        return {full ? full + n : nullptr, rounded ? rounded + n : nullptr, bytes ? bytes + n : nullptr, scales};
    }
};

C10_NOINLINE inline void round_row(const float* from, int64_t count, BFloat16* to) {
    int64_t n = 0;
    for (; n + 2 * kLanes <= count; n += 2 * kLanes)
        at::vec::convert_float_bfloat16(load(from + n), load(from + n + kLanes)).store(to + n);
    for (; n < count; n++) to[n] = from[n];
}

// Stores two rows of a product's right side. In bfloat16 the processor wants both numbers of a column side by side.
C10_NOINLINE inline void store_pair(const float* even_row, const float* odd_row, int64_t count, BFloat16* to) {
    const auto rounded = [](const float* p) {  // to the nearest, ties to even, in the upper 16 bits
        const V value = load(p);
        const IntV bits = at::vec::cast<int32_t>(value);
        const IntV nearest = bits + IntV(0x7fff) + ((bits >> IntV(16)) & IntV(1));
        // The sum would make an infinity or a 0 of some NaNs: one with its highest bit set stays what it is.
        const V quiet = at::vec::cast<float>(bits | IntV(0x7fc00000));
        return at::vec::cast<int32_t>(V::blendv(at::vec::cast<float>(nearest), quiet, value != value));
    };
    int64_t n = 0;
    for (; n + kLanes <= count; n += kLanes) {
        const IntV low = (rounded(even_row + n) >> IntV(16)) & IntV(0xffff),
                   high = rounded(odd_row + n) & IntV(~0xffff);
        (low | high).store(to + 2 * n);
    }
    for (; n < count; n++) to[2 * n] = even_row[n], to[2 * n + 1] = odd_row[n];
}

// In float32 one row follows the other. Of a panel, without a call for the few numbers of each row.
inline void store_pair(const float* even_row, const float* odd_row, int64_t count, float* to) {
    if (kPanels && count == kPanel) {
        std::memcpy(to, even_row, kPanel * sizeof(float));
        std::memcpy(to + kPanel, odd_row, kPanel * sizeof(float));
        return;
    }
    std::memcpy(to, even_row, count * sizeof(float));
    std::memcpy(to + count, odd_row, count * sizeof(float));
}

}  // namespace seqkit
