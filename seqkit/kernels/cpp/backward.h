// The time loop backward: one slice of one direction from its last step to its first, by one thread or a team.
//
// It leaves the gradients of all pre-activations, from which gradients.h forms those of the weights and the input, and
// their sums over the slice's rows, for the biases. A member owns the gradients of its units' states. In a step,
// members share the gradients of the recurrent parts, which have two buffers that take turns, so that one meeting is
// enough.
#pragma once

#include "bfloat16.h"
#include "buffer.h"
#include "cells/cell.h"
#include "plan.h"
#include "product.h"
#include "sizes.h"
#include "team.h"
#include "vector.h"

#include <cstdint>
#include <cstring>
#include <vector>

namespace seqkit {

// What the members of a team share while they run a slice back.
struct BackwardScratch {
    Buffer dh, dc, dr[2], more;
    BackwardScratch(const Sizes& z, const Slice& s, int64_t states, int64_t floats_of_a_row)
        : dh(buffer(s.size() * z.ld)),
          dc(buffer((states - 1) * s.size() * z.H)),
          more(buffer(floats_of_a_row * s.size())) {
        for (auto& side : dr) side = buffer(s.size() * dr_width(z));
    }
    static int64_t dr_width(const Sizes& z) { return z.G * z.H + kCacheLine; }
};

struct Backward {
    const Sizes& z;
    const Slice& s;
    Member member;
    int64_t d;
    Operand weight_h;               // packed by columns, of this direction
    const float* own;               // (OWN, H)
    const float *kept_h, *kept;     // of this direction
    const float* grad_out;          // (B, T, D, H)
    const float* grad_final;        // (STATES, B, D, H)
    float *da, *sums, *grad_state;  // (packed rows, SLOTS, H); (SLOTS + OWN, H) of this slice; as grad_final
    BackwardScratch& shared;

    // This member's share, which is counted in the wide blocks of the recurrent product.
    int64_t first_wide = member.first_of(z.wide_blocks()), last_wide = member.last_of(z.wide_blocks());
    int64_t first_block = first_wide * (z.wide / z.NB), last_block = last_wide * (z.wide / z.NB);
    int64_t first_unit = first_wide * z.wide, unit_count = (last_wide - first_wide) * z.wide;

    // The step at hand. dr (rows, G·H) holds the gradients of its recurrent parts.
    int64_t t = 0, rows = 0;
    float *dr = nullptr, *dh = nullptr, *dc = nullptr;
    int64_t kept_block = 0;
    BFloat16Buffer rounded{};
    std::vector<const float*> grad_row{};

    bool reverse() const { return d == 1; }
    int64_t width() const { return BackwardScratch::dr_width(z); }

    const float* kept_of(int64_t block, int64_t row) const {
        return kept + ((s.first[t] + row) * z.blocks + block) * kept_block;
    }
    const float* h_before(int64_t row) const { return kept_h + (s.first[t] + row) * z.H; }
    V grad_h(int64_t row, int64_t unit) const { return load(dh + row * z.ld + unit) + load(grad_row[row] + unit); }

    // The product of a stage on the way back, dr W_h: this member's columns of `to` (rows, ld), added or stored.
    void recurrent(const Stage& stage, float* to, bool add) const {
        const int64_t first = stage.first_gate * z.H, count = stage.gates * z.H;
        const Operand left = Operand{dr, rounded.get()} + first;
        for (int64_t i = 0; z.bf16 && i < rows; i++)
            round_row(left.full + i * width(), count, rounded.get() + first + i * width());
        const int64_t each = columns_block(z.H);
        for (int64_t unit = first_unit; unit < first_unit + unit_count; unit += each)
            product(rows, each, count, left, width(), weight_h + (unit * z.G * z.H + first * each), each, to + unit,
                    z.ld, add);
    }

    template <class Cell>
    void run() {
        dh = shared.dh.get(), dc = shared.dc.get();
        kept_block = kept_block_size<Cell>(z);
        grad_row.resize(s.size());
        if (z.bf16) rounded = bfloat16_buffer(s.size() * width());
        for (t = s.steps() - 1; t >= 0; t--) {
            rows = s.rows[t];
            for (int64_t i = s.rows[t + 1]; i < rows; i++) start_row(i, Cell::STATES);
            for (int64_t i = 0; i < rows; i++)
                grad_row[i] = grad_out + ((s.sequence[i] * z.T + time_of(t, s.length[i], reverse())) * z.D + d) * z.H;
            dr = shared.dr[t & 1].get();
            Cell::backward(*this);
        }
        for (int64_t i = 0; i < s.size(); i++) {
            if (s.length[i] == 0) start_row(i, Cell::STATES);
            finish_row(i, Cell::STATES);
        }
    }

    // Where this member's units of a sequence lie in grad_final and grad_state.
    int64_t state_at(int64_t state, int64_t i) const {
        return ((state * z.B + s.sequence[i]) * z.D + d) * z.H + first_unit;
    }

    void start_row(int64_t i, int64_t states) const {
        const int64_t bytes = unit_count * sizeof(float);
        std::memcpy(dh + i * z.ld + first_unit, grad_final + state_at(0, i), bytes);
        if (states > 1) std::memcpy(dc + i * z.H + first_unit, grad_final + state_at(1, i), bytes);
    }

    void finish_row(int64_t i, int64_t states) const {
        const int64_t bytes = unit_count * sizeof(float);
        std::memcpy(grad_state + state_at(0, i), dh + i * z.ld + first_unit, bytes);
        if (states > 1) std::memcpy(grad_state + state_at(1, i), dc + i * z.H + first_unit, bytes);
    }
};

}  // namespace seqkit
