// The gated recurrent unit of 2014, its reset gate before the product: n = tanh(x_n + U_n (r h)), h' = h + z (n - h).
//
// A step has two recurrent products, since the candidate's waits for the reset gate, and so it has two halves each way,
// between which a team meets.
#pragma once

#include "../backward.h"
#include "../forward.h"
#include "../squash.h"
#include "../vector.h"
#include "cell.h"

#include <cstdint>

namespace seqkit {

struct GRUBefore : CellDefaults<GRUBefore> {
    static constexpr int GATES = 3, STATES = 1, KEPT = 4, SLOTS = 3;
    enum Gate { UPDATE, RESET, CANDIDATE };
    enum Kept { KEPT_UPDATE, KEPT_RESET, KEPT_CANDIDATE, KEPT_RESET_H };

    static constexpr int STAGES = 2;
    static constexpr Stage stage(int n) {
        return n == 0 ? Stage{UPDATE, 2, kHiddenState} : Stage{CANDIDATE, 1, KEPT_RESET_H};
    }

    // Forward: reset ⊙ h (rows, ld), then the update gate (rows, H).
    static int64_t forward_scratch(const Sizes& z) { return z.ld + z.H; }
    static float* reset_h(const Forward& f) { return f.shared.more.get(); }
    static float* update(const Forward& f) { return reset_h(f) + f.s.size() * f.z.ld; }
    // Backward: the gradient of reset ⊙ h (rows, ld).
    static int64_t backward_scratch(const Sizes& z) { return z.ld; }

    static void forward(Forward& f) {
        float* part = f.product_of_block.get();
        const Operand h = f.operand(f.h);
        for (int64_t block = f.first_block; block < f.last_block; block++) {
            f.recurrent(block, stage(0), h, part);
            for (int64_t i = 0; i < f.rows; i++) forward_gates(f, block, i, part + i * stage(0).gates * f.z.NB);
        }
        f.member.meet();
        const Operand operand = f.operand(reset_h(f));
        for (int64_t block = f.first_block; block < f.last_block; block++) {
            f.recurrent(block, stage(1), operand, part);
            for (int64_t i = 0; i < f.rows; i++) forward_candidate(f, block, i, part + i * f.z.NB);
        }
    }

    static void forward_gates(Forward& f, int64_t block, int64_t i, const float* r) {
        const Sizes& z = f.z;
        // Looked up once for the row: for all the compiler knows, any store may change what a pointer reaches.
        const float *x = f.x_part(block, i), *h = f.h + i * z.ld;
        float *update_row = update(f) + i * z.H, *reset_h_row = reset_h(f) + i * z.ld;
        float* kept = f.keeps() ? f.kept_of(block, i) : nullptr;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
            const int64_t unit = block * z.NB + j;
            const auto gate = [&](int g) {
                return sigmoid(load(x + g * z.NB + j) + load(f.bias + g * z.H + unit) + load(r + g * z.NB + j));
            };
            const V update_gate = gate(UPDATE), reset = gate(RESET), product = reset * load(h + unit);
            update_gate.store(update_row + unit);
            product.store(reset_h_row + unit);
            if (kept) {
                update_gate.store(kept + KEPT_UPDATE * z.NB + j);
                reset.store(kept + KEPT_RESET * z.NB + j);
                product.store(kept + KEPT_RESET_H * z.NB + j);
            }
        }
    }

    static void forward_candidate(Forward& f, int64_t block, int64_t i, const float* r) {
        const Sizes& z = f.z;
        const float *x = f.x_part(block, i) + CANDIDATE * z.NB, *h_row = f.h + i * z.ld;
        const float* update_row = update(f) + i * z.H;
        float* kept = f.keeps() ? f.kept_of(block, i) + KEPT_CANDIDATE * z.NB : nullptr;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
            const int64_t unit = block * z.NB + j;
            const V n = tanh(load(x + j) + load(f.bias + CANDIDATE * z.H + unit) + load(r + j));
            const V h = load(h_row + unit);
            f.set_h(i, unit, h + load(update_row + unit) * (n - h));
            if (kept) n.store(kept + j);
        }
    }

    static void backward(Backward& b) {
        float* d_reset_h = b.shared.more.get();
        for (int64_t block = b.first_block; block < b.last_block; block++)
            for (int64_t i = 0; i < b.rows; i++) backward_candidate(b, block, i);
        b.member.meet();
        b.recurrent(stage(1), d_reset_h, false);
        for (int64_t block = b.first_block; block < b.last_block; block++)
            for (int64_t i = 0; i < b.rows; i++) backward_reset(b, block, i, d_reset_h + i * b.z.ld);
        b.member.meet();
        b.recurrent(stage(0), b.dh, true);
    }

    static void backward_candidate(Backward& b, int64_t block, int64_t i) {
        const Sizes& z = b.z;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
            const int64_t unit = block * z.NB + j;
            const float* kept = b.kept_of(block, i) + j;
            const V update_gate = load(kept + KEPT_UPDATE * z.NB), n = load(kept + KEPT_CANDIDATE * z.NB);
            const V h = load(b.h_before(i) + unit), dh = b.grad_h(i, unit);
            set_gradient(b, i, UPDATE, unit, dh * (n - h) * slope_of_sigmoid(update_gate));
            set_gradient(b, i, CANDIDATE, unit, dh * update_gate * slope_of_tanh(n));
            (dh * (V(1.f) - update_gate)).store(b.dh + i * z.ld + unit);
        }
    }

    static void backward_reset(Backward& b, int64_t block, int64_t i, const float* d_reset_h) {
        const Sizes& z = b.z;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
            const int64_t unit = block * z.NB + j;
            const V reset = load(b.kept_of(block, i) + KEPT_RESET * z.NB + j), grad = load(d_reset_h + unit);
            set_gradient(b, i, RESET, unit, grad * load(b.h_before(i) + unit) * slope_of_sigmoid(reset));
            add_to(b.dh + i * z.ld + unit, grad * reset);
        }
    }

    // Input and recurrent part of a gate have the same gradient.
    static void set_gradient(Backward& b, int64_t i, Gate gate, int64_t unit, V value) {
        value.store(b.da + ((b.s.first[b.t] + i) * SLOTS + gate) * b.z.H + unit);
        value.store(b.dr + i * b.width() + gate * b.z.H + unit);
        add_to(b.sums + gate * b.z.H + unit, value);
    }
};

}  // namespace seqkit
