// The LSTM with layer normalization: of all input parts, of all recurrent parts, and of the new cell state.
//
// Mean and deviation are those of a whole row, so a step has several parts, between which a team meets. Forward, each
// member sums over all units itself, which costs less than meeting once more. Backward, each sums over its own units
// and leaves the sums for the others to read.
#pragma once

#include "../backward.h"
#include "../forward.h"
#include "../squash.h"
#include "../team.h"
#include "../vector.h"
#include "cell.h"

#include <algorithm>
#include <cstdint>

namespace seqkit {

struct LayerNormLSTM : CellDefaults<LayerNormLSTM> {
    static constexpr int GATES = 4, STATES = 2, SLOTS = 8, X_SLOT = 0, R_SLOT = 4;
    // Own parameters: gains of x and r and shifts of the gates, 4 each, then gain and shift of the cell state.
    static constexpr int GAIN_X = 0, GAIN_R = 4, SHIFT = 8, GAIN_C = 12, SHIFT_C = 13, OWN = 14;
    // Kept: normalized x and r, and the gates, 4 each; the cell state before, and the new one normalized.
    static constexpr int KEPT_X = 0, KEPT_R = 4, KEPT_GATES = 8, KEPT_BEFORE = 12, KEPT_C = 13, KEPT = 14;
    // Then 1 / deviation of x, of r and of c, in a cache line.
    enum Scale { SCALE_X, SCALE_R, SCALE_C };
    static constexpr int KEPT_SCALARS = kCacheLine;
    enum Gate { I, F, G, O };
    static constexpr float kEpsilon = 1e-5f;

    struct Moments {
        float mean, scale;  // scale: 1 / deviation
    };

    // Of the values at(piece, gate, unit), where each piece has `width` units of each gate.
    template <class At>
    static Moments moments(int64_t pieces, int64_t width, int64_t gates, int64_t units, const At& at) {
        const float count = gates * units;
        V sum(0.f), squares(0.f);
        for (int64_t n = 0; n < pieces; n++)
            for (int64_t g = 0; g < gates; g++)
                for (int64_t j = 0; j < width; j += kLanes) sum = sum + at(n, g, j);
        const float mean = mean_of(total(sum), count);
        for (int64_t n = 0; n < pieces; n++)
            for (int64_t g = 0; g < gates; g++)
                for (int64_t j = 0; j < width; j += kLanes) {
                    const int64_t left = units - (n * width + j);  // units from here on that are not padding
                    V v = at(n, g, j) - V(mean);
                    if (left < kLanes) v = V::set(V(0.f), v, std::max<int64_t>(left, 0));
                    squares = at::vec::fmadd(v, v, squares);
                }
        return {mean, inverse_root(total(squares) / count + kEpsilon)};
    }

    // Scratch forward: recurrent parts (blocks, rows, GATES, units of a block), then the output gate (rows, H).
    static int64_t forward_scratch(const Sizes& z) { return GATES * z.H + z.H; }
    static float* r_parts(const Forward& f, int64_t block) {
        return f.shared.more.get() + block * f.s.size() * GATES * f.z.NB;
    }
    static float* output_gate(const Forward& f, int64_t i) { return r_parts(f, f.z.blocks) + i * f.z.H; }

    static void forward(Forward& f) {
        const Operand h = f.operand(f.h);
        for (int64_t block = f.first_block; block < f.last_block; block++)
            f.recurrent(block, stage(0), h, r_parts(f, block));
        f.member.meet();
        for (int64_t i = 0; i < f.rows; i++) forward_gates(f, i);
        f.member.meet();
        for (int64_t i = 0; i < f.rows; i++) forward_output(f, i);
    }

    // The gates from both normalized parts, and the new cell state.
    static void forward_gates(Forward& f, int64_t i) {
        const Sizes& z = f.z;
        // Looked up once for the row: for all the compiler knows, any store may change what a pointer reaches.
        const float *x_part = f.x_part(0, i), *r_part = r_parts(f, 0) + i * GATES * z.NB;
        const int64_t x_spread = f.x_part(1, i) - x_part, r_spread = f.s.size() * GATES * z.NB;
        float *output = output_gate(f, i), *c_row = f.c + i * z.H;
        const auto x_at = [&](int64_t block, int64_t g, int64_t j) {
            return load(x_part + block * x_spread + g * z.NB + j) + load(f.bias + g * z.H + block * z.NB + j);
        };
        const auto r_at = [&](int64_t block, int64_t g, int64_t j) {
            return load(r_part + block * r_spread + g * z.NB + j);
        };
        const Moments x = moments(z.blocks, z.NB, GATES, z.units, x_at);
        const Moments r = moments(z.blocks, z.NB, GATES, z.units, r_at);
        for (int64_t block = f.first_block; block < f.last_block; block++) {
            float* kept = f.keeps() ? f.kept_of(block, i) : nullptr;
            if (kept) kept[KEPT * z.NB + SCALE_X] = x.scale, kept[KEPT * z.NB + SCALE_R] = r.scale;
            for (int64_t j = 0; j < z.NB; j += kLanes) {
                const int64_t unit = block * z.NB + j;
                V a[GATES];
                for (int g = 0; g < GATES; g++) {
                    const V xn = (x_at(block, g, j) - V(x.mean)) * V(x.scale);
                    const V rn = (r_at(block, g, j) - V(r.mean)) * V(r.scale);
                    a[g] = own(f, GAIN_X + g, unit) * xn + own(f, GAIN_R + g, unit) * rn + own(f, SHIFT + g, unit);
                    if (kept) xn.store(kept + (KEPT_X + g) * z.NB + j), rn.store(kept + (KEPT_R + g) * z.NB + j);
                }
                a[I] = sigmoid(a[I]), a[F] = sigmoid(a[F]), a[G] = tanh(a[G]), a[O] = sigmoid(a[O]);
                float* c = c_row + unit;
                if (kept) {
                    for (int g = 0; g < GATES; g++) a[g].store(kept + (KEPT_GATES + g) * z.NB + j);
                    load(c).store(kept + KEPT_BEFORE * z.NB + j);
                }
                (a[F] * load(c) + a[I] * a[G]).store(c);
                a[O].store(output + unit);
            }
        }
    }

    // h from the normalized cell state.
    static void forward_output(Forward& f, int64_t i) {
        const Sizes& z = f.z;
        const float *c = f.c + i * z.H, *output = output_gate(f, i);
        const Moments m = moments(1, z.H, 1, z.units, [&](int64_t, int64_t, int64_t j) { return load(c + j); });
        for (int64_t block = f.first_block; block < f.last_block; block++) {
            float* kept = f.keeps() ? f.kept_of(block, i) : nullptr;
            if (kept) kept[KEPT * z.NB + SCALE_C] = m.scale;
            for (int64_t j = 0; j < z.NB; j += kLanes) {
                const int64_t unit = block * z.NB + j;
                const V cn = (load(c + unit) - V(m.mean)) * V(m.scale);
                if (kept) cn.store(kept + KEPT_C * z.NB + j);
                const V y = own(f, GAIN_C, unit) * cn + own(f, SHIFT_C, unit);
                f.set_h(i, unit, load(output + unit) * tanh(y));
            }
        }
    }

    // Scratch backward: gradients of the normalized cell state (rows, H) and of the gates (rows, GATES, H), then each
    // member's sums over its units of a row (rows, members, SUMS): of a gradient, and of its product with the value.
    enum Sum { C, C_SLOPE, X, X_SLOPE, R, R_SLOPE, SUMS };
    static int64_t backward_scratch(const Sizes& z) { return z.H + GATES * z.H + kMaxTeam * SUMS; }
    static float* d_normalized_c(const Backward& b, int64_t i) { return b.shared.more.get() + i * b.z.H; }
    static float* d_gate(const Backward& b, int64_t i, int gate) {
        return d_normalized_c(b, b.s.size()) + (i * GATES + gate) * b.z.H;
    }
    static float* sums_of(const Backward& b, int64_t i, int64_t member) {
        return d_gate(b, b.s.size(), 0) + (i * kMaxTeam + member) * SUMS;
    }
    static float* my_sums(const Backward& b, int64_t i) { return sums_of(b, i, b.member.number); }
    static V mean_over_row(const Backward& b, int64_t i, Sum which, int64_t count) {
        float sum = 0.f;
        for (int64_t m = 0; m < b.member.size; m++) sum += sums_of(b, i, m)[which];
        return V(mean_of(sum, count));
    }

    static void backward(Backward& b) {
        for (int64_t i = 0; i < b.rows; i++) backward_output(b, i);
        b.member.meet();
        for (int64_t i = 0; i < b.rows; i++) backward_cell_state(b, i);
        b.member.meet();
        for (int64_t i = 0; i < b.rows; i++) backward_parts(b, i);
        b.member.meet();
        b.recurrent(stage(0), b.dh, true);
    }

    static void backward_output(Backward& b, int64_t i) {
        const Sizes& z = b.z;
        float *d_cn = d_normalized_c(b, i), *d_output = d_gate(b, i, O);
        V sum(0.f), slope(0.f);
        for (int64_t block = b.first_block; block < b.last_block; block++) {
            const float* kept = b.kept_of(block, i);
            for (int64_t j = 0; j < z.NB; j += kLanes) {
                const int64_t unit = block * z.NB + j;
                const V o = load(kept + (KEPT_GATES + O) * z.NB + j), cn = load(kept + KEPT_C * z.NB + j);
                const V gain = own(b, GAIN_C, unit), t = tanh(gain * cn + own(b, SHIFT_C, unit));
                const V dh = b.grad_h(i, unit), dy = dh * o * slope_of_tanh(t), d = dy * gain;
                add_to_own(b, GAIN_C, unit, dy * cn);
                add_to_own(b, SHIFT_C, unit, dy);
                d.store(d_cn + unit);
                (dh * t * slope_of_sigmoid(o)).store(d_output + unit);
                sum = sum + d, slope = at::vec::fmadd(d, cn, slope);
            }
        }
        my_sums(b, i)[C] = total(sum), my_sums(b, i)[C_SLOPE] = total(slope);
    }

    static void backward_cell_state(Backward& b, int64_t i) {
        const Sizes& z = b.z;
        const V mean = mean_over_row(b, i, C, z.units), slope = mean_over_row(b, i, C_SLOPE, z.units);
        float *d_cn = d_normalized_c(b, i), *d_gates = d_gate(b, i, 0), *dc_row = b.dc + i * z.H;
        V x_sum(0.f), x_slope(0.f), r_sum(0.f), r_slope(0.f);
        for (int64_t block = b.first_block; block < b.last_block; block++) {
            const float* kept = b.kept_of(block, i);
            const V scale(kept[KEPT * z.NB + SCALE_C]);
            for (int64_t j = 0; j < z.NB; j += kLanes) {
                const int64_t unit = block * z.NB + j;
                const auto gate = [&](Gate g) { return load(kept + (KEPT_GATES + g) * z.NB + j); };
                const V before = load(kept + KEPT_BEFORE * z.NB + j), cn = load(kept + KEPT_C * z.NB + j);
                float* carried = dc_row + unit;
                const V dc = load(carried) + scale * (load(d_cn + unit) - mean - cn * slope);
                (dc * gate(F)).store(carried);
                const V da[GATES] = {dc * gate(G) * slope_of_sigmoid(gate(I)), dc * before * slope_of_sigmoid(gate(F)),
                                     dc * gate(I) * slope_of_tanh(gate(G)), load(d_gates + O * z.H + unit)};
                for (int k = 0; k < GATES; k++) {
                    const V xn = load(kept + (KEPT_X + k) * z.NB + j), rn = load(kept + (KEPT_R + k) * z.NB + j);
                    const V dx = da[k] * own(b, GAIN_X + k, unit), dr = da[k] * own(b, GAIN_R + k, unit);
                    add_to_own(b, GAIN_X + k, unit, da[k] * xn);
                    add_to_own(b, GAIN_R + k, unit, da[k] * rn);
                    add_to_own(b, SHIFT + k, unit, da[k]);
                    x_sum = x_sum + dx, x_slope = at::vec::fmadd(dx, xn, x_slope);
                    r_sum = r_sum + dr, r_slope = at::vec::fmadd(dr, rn, r_slope);
                    da[k].store(d_gates + k * z.H + unit);
                }
            }
        }
        my_sums(b, i)[X] = total(x_sum), my_sums(b, i)[X_SLOPE] = total(x_slope);
        my_sums(b, i)[R] = total(r_sum), my_sums(b, i)[R_SLOPE] = total(r_slope);
    }

    static void backward_parts(Backward& b, int64_t i) {
        const Sizes& z = b.z;
        const int64_t count = GATES * z.units;
        const V x_mean = mean_over_row(b, i, X, count), x_slope = mean_over_row(b, i, X_SLOPE, count);
        const V r_mean = mean_over_row(b, i, R, count), r_slope = mean_over_row(b, i, R_SLOPE, count);
        const float* d_gates = d_gate(b, i, 0);
        float *slots = b.da + (b.s.first[b.t] + i) * SLOTS * z.H, *dr_row = b.dr + i * b.width(),
              *dh_row = b.dh + i * z.ld;
        for (int64_t block = b.first_block; block < b.last_block; block++) {
            const float* kept = b.kept_of(block, i);
            const V x_scale(kept[KEPT * z.NB + SCALE_X]), r_scale(kept[KEPT * z.NB + SCALE_R]);
            for (int64_t j = 0; j < z.NB; j += kLanes) {
                const int64_t unit = block * z.NB + j;
                for (int k = 0; k < GATES; k++) {
                    const V da = load(d_gates + k * z.H + unit);
                    const V xn = load(kept + (KEPT_X + k) * z.NB + j), rn = load(kept + (KEPT_R + k) * z.NB + j);
                    const V dx = x_scale * (da * own(b, GAIN_X + k, unit) - x_mean - xn * x_slope);
                    const V dr = r_scale * (da * own(b, GAIN_R + k, unit) - r_mean - rn * r_slope);
                    dx.store(slots + (X_SLOT + k) * z.H + unit);
                    dr.store(slots + (R_SLOT + k) * z.H + unit);
                    dr.store(dr_row + k * z.H + unit);
                    add_to(b.sums + (X_SLOT + k) * z.H + unit, dx);
                }
                V(0.f).store(dh_row + unit);
            }
        }
    }

    template <class Loop>
    static V own(const Loop& loop, int parameter, int64_t unit) {
        return load(loop.own + parameter * loop.z.H + unit);
    }
    static void add_to_own(const Backward& b, int parameter, int64_t unit, V value) {
        add_to(b.sums + (SLOTS + parameter) * b.z.H + unit, value);
    }
};

}  // namespace seqkit
