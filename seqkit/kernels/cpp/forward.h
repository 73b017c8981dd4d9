// The time loop forward: one slice of one direction through all its steps, by one thread or a team.
//
// The products of the input run ahead, for up to kInputRows rows at a time, and stay in cache until the steps that need
// them. h has two buffers that take turns, because a team's products read all of the old one while the new one is
// written; the other states are written in place, each member's own units.
#pragma once

#include "buffer.h"
#include "cells/cell.h"
#include "in_place.h"
#include "plan.h"
#include "product.h"
#include "rounded_rows.h"
#include "sizes.h"
#include "team.h"
#include "vector.h"

#include <c10/util/SmallVector.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>

namespace seqkit {

constexpr int64_t kInputRows = 128;
constexpr int64_t kRowsWorthPacking = 64;  // of input, where weights are read as they lie

// What the members of a team share while they run a slice.
struct ForwardScratch {
    Part h[2], c, x, more;
    Buffer memory;
    ForwardScratch(const Sizes& z, const Slice& s, int64_t states, int64_t floats_of_a_row)
        : memory(buffer_of({s.size() * z.ld, s.size() * z.ld, (states - 1) * s.size() * z.H,
                            z.blocks * x_rows(s) * z.G * z.NB, floats_of_a_row * s.size()},
                           {&h[0], &h[1], &c, &x, &more})) {}
    static int64_t x_rows(const Slice& s) { return std::min(s.packed, std::max(s.size(), kInputRows)); }
};

struct Forward {
    const Sizes& z;
    const Slice& s;
    Member member;
    int64_t d;                         // direction; the second runs backward in time
    const float* x;                    // (B, T, I)
    Operand weight_x, weight_h;        // packed, of this direction
    WeightsInPlace in_place;           // or as they lie, for one row
    const float *bias, *own;           // (G, H), (OWN, H)
    const float* initial[kMaxStates];  // null for zeros
    float* out;                        // (B, T, D, H)
    float* final[kMaxStates];
    float *kept_h, *kept;  // of this direction; null if nothing is kept
    ForwardScratch& shared;
    bool from_zeros;            // whether the first recurrent product is taken to be zeros
    std::atomic<bool>& finite;  // set to false where the second one says that it is not

    // This member's share.
    int64_t first_block = member.first_of(z.blocks), last_block = member.last_of(z.blocks);
    int64_t first_unit = first_block * z.NB, unit_count = (last_block - first_block) * z.NB;

    // The step at hand: its number, its rows, and the first of them among the rows of input products.
    int64_t t = 0, rows = 0, chunk_row = 0;
    float *h = nullptr, *h_next = nullptr, *c = nullptr;
    int64_t kept_block = 0;
    Buffer memory{};
    Part x_rows{}, product_of_block{}, products_in_place{};
    RoundedRows rounded{};
    c10::SmallVector<float*, 16> out_row{};

    bool reverse() const { return d == 1; }
    bool keeps() const { return kept_h != nullptr; }

    // The input part of a row, (G, units of a block).
    const float* x_part(int64_t block, int64_t row) const {
        return shared.x.get() + (block * ForwardScratch::x_rows(s) + chunk_row + row) * z.G * z.NB;
    }
    float* kept_of(int64_t block, int64_t row) const {
        return kept + ((s.first[t] + row) * z.blocks + block) * kept_block;
    }
    void set_h(int64_t row, int64_t unit, V value) const {
        value.store(h_next + row * z.ld + unit);
        value.store(out_row[row] + unit);
    }

    // The rows of the step at hand, (rows, ld), as the left side of products.
    Operand operand(const float* from) const {
        for (int64_t i = 0; rounded.rounds() && i < rows; i++) rounded.set(i, from + i * z.ld, z.H);
        return rounded.operand(from);
    }

    // The recurrent product of a stage for one block: (rows, gates of the stage, units of a block).
    void recurrent(int64_t block, const Stage& stage, const Operand& left, float* to) const {
        const bool known = from_zeros && stage.operand == kHiddenState && s.steps() > 1;
        if (known && t == 0) return (void)std::fill_n(to, rows * stage.gates * z.NB, 0.f);
        multiply(block, stage, left, to);
        if (known && t == 1 && !all_finite(to, stage.gates * z.NB)) finite = false;
    }

    void multiply(int64_t block, const Stage& stage, const Operand& left, float* to) const {
        if (in_place.h) return recurrent_in_place(block, stage, left.full, to);
        times_gates(rows, z.H, left, z.ld, weight_h + block_at(block, z.H), stage.first_gate, stage.gates, to);
    }

    // Rows of K numbers times gates of a packed block, to (rows, gates, units of a block).
    void times_gates(int64_t count, int64_t K, const Operand& left, int64_t ld, const Operand& block, int64_t first_gate,
                     int64_t gates, float* to) const {
        const int64_t width = gates * z.NB, each = std::min(width, z.together());
        for (int64_t n = 0; n < width; n += each)
            product(count, each, K, left, ld, from_column(block, K, first_gate * z.NB + n), z.together(), to + n, width,
                    false);
    }

    int64_t block_at(int64_t block, int64_t K) const { return block * z.G * z.NB * z.packed_rows(K); }

    // The packed weights of a block from one of its columns on.
    Operand from_column(const Operand& whole, int64_t K, int64_t first) const {
        if (!whole.bytes) return whole + z.column_at(first, K) * (z.bf16 ? 2 : 1);  // bfloat16 has two numbers in each
        const int64_t width = z.G * z.NB;
        const float* scales = reinterpret_cast<const float*>(whole.bytes + quad(K) * width);
        return {nullptr, nullptr, whole.bytes + first * kQuad, scales + first};
    }

    // The first block has those of all blocks of this member computed.
    void recurrent_in_place(int64_t block, const Stage& stage, const float* left, float* to) const {
        const int64_t size = rows * stage.gates * z.NB;
        if (block == first_block)
            times_in_place(z, in_place.h, stage.first_gate, stage.gates, z.units, first_block, last_block, left, z.ld,
                           rows, products_in_place.get(), size);
        std::memcpy(to, products_in_place.get() + (block - first_block) * size, size * sizeof(float));
    }

    template <class Cell>
    void run() {
        begin<Cell>();
        const RoundedRows rounded_x(z.precision(), ForwardScratch::x_rows(s), z.inputs());
        for (int64_t start = 0; start < s.steps();) {
            int64_t end = start, count = 0;
            while (end < s.steps() && (end == start || count + s.rows[end] <= kInputRows)) count += s.rows[end++];
            input_product(start, end, count, rounded_x);
            chunk_row = 0;
            for (t = start; t < end; t++) step<Cell>();
            start = end;
        }
        finish<Cell>();
    }

    template <class Cell>
    void step() {
        rows = s.rows[t];
        h = shared.h[t & 1].get(), h_next = shared.h[~t & 1].get();
        for (int64_t i = 0; i < rows; i++) out_row[i] = out_at(i, time_of(t, s.length[i], reverse()));
        if (keeps() && (t == 0 || !Cell::KEEPS_ONLY_H)) keep_h(Cell::KEEPS_ONLY_H);
        Cell::forward(*this);
        chunk_row += rows;
        if (t + 1 < s.steps()) member.meet();
    }

    float* out_at(int64_t i, int64_t time) const { return out + ((s.sequence[i] * z.T + time) * z.D + d) * z.H; }

    template <class Cell>
    void begin() {
        memory = buffer_of({z.bf16 || z.int8 ? 0 : ForwardScratch::x_rows(s) * z.I, s.size() * z.G * z.NB,
                            in_place.h ? s.size() * z.G * unit_count : 0},
                           {&x_rows, &product_of_block, &products_in_place});
        rounded = RoundedRows(z.precision(), s.size(), z.ld);
        out_row.resize(s.size());
        kept_block = kept_block_size<Cell>(z);
        c = shared.c.get();
        for (int64_t i = 0; i < s.size(); i++) {
            start_row(initial[0], i, shared.h[0].get() + i * z.ld);
            if (Cell::STATES > 1) start_row(initial[1], i, c + i * z.H);
        }
    }

    // This member's units of a sequence's first state.
    void start_row(const float* state, int64_t i, float* to) const {
        const int64_t copied = state ? unpadded_count() : 0;
        if (copied) std::memcpy(to + first_unit, state + state_at(i), copied * sizeof(float));
        std::fill_n(to + first_unit + copied, unit_count - copied, 0.f);
    }

    // Where this member's units of a sequence lie in the caller's states, and how many of them are there.
    int64_t state_at(int64_t i) const { return s.sequence[i] * z.state_ld + d * z.state_units + first_unit; }
    int64_t unpadded_count() const { return std::clamp<int64_t>(z.state_units - first_unit, 0, unit_count); }

    // x W_x for the steps from start to end, this member's blocks. Then the team meets: what each step reads is there,
    // and no member still reads what the next step overwrites.
    void input_product(int64_t start, int64_t end, int64_t count, const RoundedRows& rounded_x) {
        int64_t row = 0;
        for (int64_t step = start; step < end; step++)
            for (int64_t i = 0; i < s.rows[step]; i++, row++) {
                const float* from = x + (s.sequence[i] * z.T + time_of(step, s.length[i], reverse())) * z.I;
                if (rounded_x.rounds())
                    rounded_x.set(row, from, z.I);
                else
                    std::memcpy(x_rows.get() + row * z.I, from, z.I * sizeof(float));
            }
        const int64_t width = z.G * z.NB, K = z.inputs();
        if (in_place.x && count < kRowsWorthPacking) {
            float* to = shared.x.get() + first_block * ForwardScratch::x_rows(s) * width;
            times_in_place(z, in_place.x, 0, z.G, K, first_block, last_block, x_rows.get(), K, count, to,
                           ForwardScratch::x_rows(s) * width);
            return member.meet();
        }
        const Buffer packed = buffer(in_place.x ? K * width : 0);
        for (int64_t block = first_block; block < last_block; block++) {
            float* to = shared.x.get() + block * ForwardScratch::x_rows(s) * width;
            if (in_place.x) pack_block(z, in_place.x, block, K, packed.get());
            const Operand right = in_place.x ? Operand{packed.get(), nullptr} : weight_x + block_at(block, z.I);
            times_gates(count, K, rounded_x.operand(x_rows.get()), K, right, 0, z.G, to);
        }
        member.meet();
    }

    void keep_h(bool by_sequence) const {
        for (int64_t i = 0; i < rows; i++) {
            const int64_t row = by_sequence ? s.sequence[i] : s.first[t] + i;
            std::memcpy(kept_h + row * z.H + first_unit, h + i * z.ld + first_unit, unit_count * sizeof(float));
        }
    }

    // The states after each sequence's last step, and zeros for outputs beyond it.
    template <class Cell>
    void finish() {
        const int64_t copied = unpadded_count();
        for (int64_t i = 0; i < s.size(); i++) {
            if (copied) {
                const float* last = shared.h[s.length[i] & 1].get() + i * z.ld;
                std::memcpy(final[0] + state_at(i), last + first_unit, copied * sizeof(float));
                if (Cell::STATES > 1)
                    std::memcpy(final[1] + state_at(i), c + i * z.H + first_unit, copied * sizeof(float));
            }
            for (int64_t time = s.length[i]; time < z.T; time++)
                std::memset(out_at(i, time) + first_unit, 0, unit_count * sizeof(float));
        }
    }
};

}  // namespace seqkit
