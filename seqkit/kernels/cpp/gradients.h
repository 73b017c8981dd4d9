// The gradients of the weights and of the input, as products over all time steps at once, from the gradients of the
// pre-activations that the backward loop left.
#pragma once

#include "bfloat16.h"
#include "buffer.h"
#include "cells/cell.h"
#include "plan.h"
#include "product.h"
#include "sizes.h"

#include <ATen/Parallel.h>
#include <ATen/cpu/vec/vec.h>
#include <ATen/native/CPUBlas.h>
#include <c10/macros/Macros.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace seqkit {

constexpr int64_t kSumRows = 256;  // rows that a transposed product sums over at a time

// One direction of a layer, as the gradients of its weights and input see it.
struct DirectionGradients {
    const Sizes& z;
    const Plan& plan;
    std::vector<int64_t> batch_row;                  // of each packed row
    const float *x, *weight_x, *kept_h, *kept, *da;  // (B, T, I), (G·H, I), as the loops left them
    float *grad_weight_x, *grad_weight_h, *grad_x;   // as the weights and x
};

// A matrix in blocks of columns, so that a product reads a block's rows one after another: (blocks, rows, kPanel), or
// in bfloat16 (blocks, rows / 2, kPanel, 2). Rows are set two at a time; a last one alone has zeros beside it.
struct ColumnBlocks {
    int64_t rows, columns;
    bool bf16;
    Buffer full = buffer(bf16 ? 0 : even(rows) * columns);
    BFloat16Buffer rounded{bf16 ? new BFloat16[even(rows) * columns] : nullptr};

    int64_t width(int64_t column) const { return std::min(kPanel, columns - column); }
    int64_t offset(int64_t row, int64_t column) const { return column * even(rows) + row * width(column); }
    Operand at(int64_t row, int64_t column) const { return Operand{full.get(), rounded.get()} + offset(row, column); }
    void set(int64_t row, const float* first, const float* second) const {
        for (int64_t n = 0; n < columns; n += kPanel) {
            if (bf16)
                store_pair(first + n, second + n, width(n), rounded.get() + offset(row, n));
            else
                store_pair(first + n, second + n, width(n), full.get() + offset(row, n));
        }
    }
};

// Sets the rows from begin, which is even, to end; row(n, scratch) says where row n lies, which may be in scratch.
template <class Row>
void set_rows(const ColumnBlocks& blocks, int64_t begin, int64_t end, const Row& row) {
    const std::vector<float> zeros(blocks.columns, 0.f);
    std::vector<float> even_row(blocks.columns), odd_row(blocks.columns);
    for (int64_t n = begin; n < end; n += 2)
        blocks.set(n, row(n, even_row.data()), n + 1 < end ? row(n + 1, odd_row.data()) : zeros.data());
}

// C (M, N) = A^T B for A (K, M) and B (K, N).
struct TransposedProduct {
    const ColumnBlocks& B;
    float* C;
};

// A stretch of A is transposed, then used for all columns of every B. "flatten" because tiles are transposed in
// registers: whether the compiler inlines that by itself depends on how much else the library holds, and costs 4 % of
// training.
C10_NOINLINE __attribute__((flatten)) inline void transposed_products(int64_t K, int64_t M, const float* A, int64_t lda,
                                                                      bool bf16,
                                                                      const std::vector<TransposedProduct>& products) {
    constexpr int64_t ld = kSumRows + kCacheLine;
    const Buffer transposed = buffer(M * ld);
    const BFloat16Buffer rounded = bfloat16_buffer(bf16 ? M * ld : 0);
    for (int64_t k = 0; k < K; k += kSumRows) {
        const int64_t rows = std::min(kSumRows, K - k);
        for (int64_t n = 0; n < rows; n += kTile)
            for (int64_t m = 0; m < M; m += kTile)
                at::vec::transpose_mxn<float>(A + (k + n) * lda + m, lda, transposed.get() + m * ld + n, ld,
                                              std::min(kTile, rows - n), kTile);
        for (int64_t m = 0; bf16 && m < M; m++) {
            if (rows % 2) transposed[m * ld + rows] = 0.f;
            round_row(transposed.get() + m * ld, even(rows), rounded.get() + m * ld);
        }
        for (const TransposedProduct& p : products)
            for (int64_t n = 0; n < p.B.columns; n += kPanel)
                product_of_rows(M, p.B.width(n), bf16 ? even(rows) : rows, {transposed.get(), rounded.get()}, ld,
                                p.B.at(k, n), p.B.width(n), p.C + n, p.B.columns, k > 0);
    }
}

// For each packed row of a direction, h before its step.
template <class Cell>
std::vector<const float*> h_before_rows(const DirectionGradients& g) {
    std::vector<const float*> rows(g.plan.total);
    for (const Slice& s : g.plan.slices)
        for (int64_t t = 0; t < s.steps(); t++)
            for (int64_t i = 0; i < s.rows[t]; i++) {
                const int64_t row = s.first[t] + i;
                if (!Cell::KEEPS_ONLY_H)
                    rows[row] = g.kept_h + row * g.z.H;
                else
                    rows[row] = t ? g.kept + (s.first[t - 1] + i) * g.z.H : g.kept_h + s.sequence[i] * g.z.H;
            }
    return rows;
}

// A kept value of all units in a packed row, which lies block by block, put together in `to`.
template <class Cell>
const float* gather_kept(const DirectionGradients& g, int64_t row, int value, float* to) {
    const int64_t NB = g.z.NB;
    const float* from = g.kept + row * kept_size<Cell>(g.z) + value * NB;
    for (int64_t block = 0; block < g.z.blocks; block++)
        std::memcpy(to + block * NB, from + block * kept_block_size<Cell>(g.z), NB * sizeof(float));
    return to;
}

// x, and what each recurrent product multiplies, in blocks of columns.
template <class Cell>
struct Operands {
    ColumnBlocks x;
    std::vector<ColumnBlocks> stages;

    explicit Operands(const DirectionGradients& g) : x{g.plan.total, g.z.I, g.z.bf16} {
        for (int n = 0; n < Cell::STAGES; n++) stages.push_back({g.plan.total, g.z.H, g.z.bf16});
        const std::vector<const float*> h_before = h_before_rows<Cell>(g);
        at::parallel_for(0, even(g.plan.total) / 2, 32, [&](int64_t begin, int64_t end) {
            const int64_t first = 2 * begin, last = std::min(2 * end, g.plan.total);
            set_rows(x, first, last, [&](int64_t row, float*) { return g.x + g.batch_row[row] * g.z.I; });
            for (int n = 0; n < Cell::STAGES; n++) {
                const int operand = Cell::stage(n).operand;
                set_rows(stages[n], first, last, [&](int64_t row, float* scratch) {
                    return operand == kHiddenState ? h_before[row] : gather_kept<Cell>(g, row, operand, scratch);
                });
            }
        });
    }
};

template <class Cell>
void weight_gradients(const DirectionGradients& g) {
    const Sizes& z = g.z;
    const Operands<Cell> operands(g);
    at::parallel_for(0, Cell::SLOTS * z.wide_blocks(), 1, [&](int64_t begin, int64_t end) {
        for (int64_t tile = begin; tile < end; tile++) {
            const int64_t slot = tile / z.wide_blocks(), unit = tile % z.wide_blocks() * z.wide;
            const int64_t x_part = slot - Cell::X_SLOT, gate = slot - Cell::R_SLOT;
            std::vector<TransposedProduct> products;
            if (0 <= x_part && x_part < Cell::GATES)
                products.push_back({operands.x, g.grad_weight_x + (Cell::x_gate(x_part) * z.H + unit) * z.I});
            if (0 <= gate && gate < Cell::GATES)
                products.push_back(
                    {operands.stages[stage_of<Cell>(gate)], g.grad_weight_h + (gate * z.H + unit) * z.H});
            transposed_products(g.plan.total, z.wide, g.da + slot * z.H + unit, Cell::SLOTS * z.H, z.bf16, products);
        }
        at::native::cpublas::brgemm_release(z.bf16);
    });
}

inline void add_or_copy(const float* from, int64_t count, bool add, float* to) {
    if (!add) return void(std::memcpy(to, from, count * sizeof(float)));
    for (int64_t n = 0; n < count; n++) to[n] += from[n];
}

// The gradient of x, da_x W_x, stored or, for the second direction, added.
template <class Cell>
void input_gradient(const DirectionGradients& g, bool add) {
    const Sizes& z = g.z;
    const int64_t K = z.G * z.H, total = g.plan.total;
    const ColumnBlocks weights{K, z.I, z.bf16};
    const auto row_of = [&](int64_t k, float*) { return g.weight_x + (Cell::x_gate(k / z.H) * z.H + k % z.H) * z.I; };
    at::parallel_for(0, K / 2, 32, [&](int64_t begin, int64_t end) { set_rows(weights, 2 * begin, 2 * end, row_of); });
    at::parallel_for(0, (total + kProductRows - 1) / kProductRows, 1, [&](int64_t begin, int64_t end) {
        const Buffer rows = buffer(kProductRows * z.I);
        const BFloat16Buffer rounded = bfloat16_buffer(z.bf16 ? kProductRows * K : 0);
        for (int64_t first = begin * kProductRows; first < std::min(end * kProductRows, total); first += kProductRows) {
            const int64_t count = std::min(kProductRows, total - first);
            const float* left = g.da + (first * Cell::SLOTS + Cell::X_SLOT) * z.H;
            for (int64_t i = 0; z.bf16 && i < count; i++)
                round_row(left + i * Cell::SLOTS * z.H, K, rounded.get() + i * K);
            for (int64_t n = 0; n < z.I; n += kPanel)
                product_of_rows(count, weights.width(n), K, {left, rounded.get()}, z.bf16 ? K : Cell::SLOTS * z.H,
                                weights.at(0, n), weights.width(n), rows.get() + n, z.I, false);
            for (int64_t i = 0; i < count; i++)
                add_or_copy(rows.get() + i * z.I, z.I, add, g.grad_x + g.batch_row[first + i] * z.I);
        }
        at::native::cpublas::brgemm_release(z.bf16);
    });
}

}  // namespace seqkit
