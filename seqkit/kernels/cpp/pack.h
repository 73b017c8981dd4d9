// Packed weights: in blocks of hidden units with all gates of a unit in one block, so that a product reads a block
// straight through, and the gate maths runs on the result while it is in cache.
#pragma once

#include "bfloat16.h"
#include "buffer.h"
#include "sizes.h"

#include <ATen/Parallel.h>
#include <ATen/cpu/vec/vec.h>

#include <algorithm>
#include <cstdint>

namespace seqkit {

// (D, G·H, K) to (D, blocks, K, G, units of a block), or, in panels, to (D, blocks, panels, K, kPanel).
inline void pack_rows(const float* weight, int64_t D, int64_t G, int64_t H, int64_t K, float* to,
                      bool panels = kPanels) {
    const int64_t NB = gates_block(G, H), blocks = H / NB;
    at::parallel_for(0, D * blocks * G, 1, [&](int64_t begin, int64_t end) {
        for (int64_t item = begin; item < end; item++) {
            const int64_t d = item / (blocks * G), n = item / G % blocks, g = item % G;
            const float* from = weight + ((d * G + g) * H + n * NB) * K;
            float* block = to + (d * blocks + n) * K * G * NB + g * NB * (panels ? K : 1);
            const int64_t ld = panels ? kPanel : G * NB, count = panels ? kPanel : NB;
            for (int64_t unit = 0; unit < NB; unit += count)
                for (int64_t k = 0; k < K; k += kTile)
                    at::vec::transpose_mxn<float>(from + unit * K + k, K, block + unit * K + k * ld, ld, count,
                                                  std::min(kTile, K - k));
        }
    });
}

// The same for bfloat16, (D, blocks, K / 2, G, units of a block, 2), with K made even by zeros.
inline void pack_rows(const float* weight, int64_t D, int64_t G, int64_t H, int64_t K, BFloat16* to) {
    const int64_t width = G * gates_block(G, H), blocks = H * G / width;
    const Buffer full = buffer(D * G * H * K), zeros = buffer(width);
    std::fill_n(zeros.get(), width, 0.f);
    pack_rows(weight, D, G, H, K, full.get(), false);
    at::parallel_for(0, D * blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t item = begin; item < end; item++)
            for (int64_t k = 0; k < K; k += 2) {
                const float* row = full.get() + (item * K + k) * width;
                store_pair(row, k + 1 < K ? row + width : zeros.get(), width, to + (item * even(K) + k) * width);
            }
    });
}

// The same for 8-bit integers, each block as quantize_block has it.
inline void pack_rows(const float* weight, int64_t D, int64_t G, int64_t H, int64_t K, uint8_t* to) {
    const int64_t width = G * gates_block(G, H), blocks = H * G / width;
    const Buffer full = buffer(D * G * H * K);
    pack_rows(weight, D, G, H, K, full.get(), false);
    at::parallel_for(0, D * blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t item = begin; item < end; item++)
            quantize_block(full.get() + item * K * width, K, width, to + item * quantized_rows(K) * width);
    });
}

// (D, R, H) to (D, blocks, R, columns_block), or for bfloat16 (D, blocks, R / 2, columns_block, 2); R is even.
template <class Number>
void pack_columns(const float* weight, int64_t D, int64_t R, int64_t H, Number* to) {
    const int64_t NB = columns_block(H), blocks = H / NB;
    at::parallel_for(0, D * blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t item = begin; item < end; item++)
            for (int64_t row = 0; row < R; row += 2) {
                const float* from = weight + ((item / blocks) * R + row) * H + item % blocks * NB;
                store_pair(from, from + H, NB, to + (item * R + row) * NB);
            }
    });
}

}  // namespace seqkit
