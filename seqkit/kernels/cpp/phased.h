// The time loop of cells whose step is divided into phases, forward and backward: any number of states, of recurrent
// products and of sums over all hidden units.
//
// What the steps read of the input, for all of them, is one product beforehand, which torch makes, and so are the
// gradients of the weights afterwards. A phase begins with a recurrent product for all rows of a slice; then the cell
// does for each row what can be done before the next product, passing over its units once, and once more after each
// sum over them. Slices of the batch share nothing, so no thread waits for another.
//
// A cell is one struct with
//   GATES, RECURRENT, STATES, OWN, STAGES   as in Python; RECURRENT are the gates that have a recurrent product
//   KEPT, KEPT_SCALARS                      values of each unit and of each row that a step keeps for the way back
//   VALUES, SUMS, BACK_VALUES, BACK_SUMS    values of each unit, and sums, that one pass leaves for a later one
//   first_gate(n)                           of the product n, and RECURRENT for n = STAGES; where the first product
//                                           multiplies something else than h, one for no gate stands before it
//   forward(Phase<n>, row), back(Phase<n>, row)
#pragma once

#include "arguments.h"
#include "buffer.h"
#include "gradients.h"
#include "plan.h"
#include "product.h"
#include "right_side.h"
#include "rounded_rows.h"
#include "sizes.h"
#include "vector.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace seqkit {

template <int number>
using Phase = std::integral_constant<int, number>;

struct Phased {};  // what such cells derive from

// A number that is the same in all lanes.
inline float first_of(V v) {
    float lanes[kLanes];
    v.store(lanes);
    return lanes[0];
}

// What a cell sees of one row in a step forward: n·H numbers side by side, but for the states and operands.
template <class Cell>
struct ForwardRow {
    int64_t H;
    const float *x, *r, *own;
    const float* s[Cell::STATES];  // the states before
    float* next[Cell::STATES];
    float* operand[Cell::STAGES + 1];  // of the products after the first
    float *kept, *scalars;             // null if nothing is kept
    float *values, *sums;
};

template <class Cell>
struct BackwardRow {
    int64_t H;
    const float *kept, *scalars, *own;
    const float* operand[Cell::STAGES + 1];       // what each product multiplied, h first
    const float* grad_operand[Cell::STAGES + 1];  // of the products after the first
    const float* ds[Cell::STATES];                // gradients of the states after the step
    float* before[Cell::STATES];                  // and of those before it
    float *da, *dr, *down;                        // of input parts, recurrent parts and own; to `down` it is added
    float *values, *sums;
};

struct PhasedArguments {
    std::string_view cell;
    const Tensor& x;  // (B, T, G·H), with the bias
    const OptionalTensor& lengths;
    const Tensor& weight_h;  // (RECURRENT·H, H)
    const Tensor& own;       // (OWN, H)
    const Tensor& state;     // (STATES, B, H)
    bool reverse;
    Precision precision;  // of the recurrent products
};

struct PhasedBackwardArguments {
    PhasedArguments forward;
    const Tensor &operands, &kept;        // what forward returned
    const Tensor &grad_out, &grad_final;  // (B, T, H), (STATES, B, H)
};

using PhasedForwarded = std::tuple<Tensor, Tensor, Tensor, Tensor>;  // out, final, operands (products, B, T, H), kept
using PhasedGradients = std::tuple<Tensor, Tensor, Tensor, Tensor>;  // of x, the recurrent parts, own and state

template <class Cell>
struct PhasedSizes {
    static constexpr int PHASES = std::max(Cell::STAGES, 1);
    int64_t B, T, H;
    int64_t ld = (H + kCacheLine - 1) / kCacheLine * kCacheLine + kCacheLine;  // of operands, as in Sizes

    explicit PhasedSizes(const PhasedArguments& a) : B(a.x.size(0)), T(a.x.size(1)), H(a.x.size(2) / Cell::GATES) {
        check(a.x, "x", {B, T, Cell::GATES * H});
        check(a.weight_h, "weight_h", {Cell::RECURRENT * H, H});
        check(a.own, "own", {Cell::OWN, H});
        check(a.state, "state", {Cell::STATES, B, H});
        check_precision(a.precision, H);
    }
    int64_t kept() const { return Cell::KEPT * H + Cell::KEPT_SCALARS; }
    static constexpr int gates(int stage) {  // of a product, if there is such a one
        return 0 <= stage && stage < Cell::STAGES ? Cell::first_gate(stage + 1) - Cell::first_gate(stage) : 0;
    }
    // Calls body(number, slice) for the slices of a batch, all at a time.
    template <class Body>
    void each_slice(const Plan& plan, bool rounded, const Body& body) const {
        at::parallel_for(0, plan.slices.size(), 1, [&](int64_t begin, int64_t end) {
            for (int64_t n = begin; n < end; n++) body(n, plan.slices[n]);
            if (Cell::STAGES) at::native::cpublas::brgemm_release(rounded);
        });
    }
};

inline Plan plan_of_rows(const OptionalTensor& lengths, int64_t B, int64_t T) {
    return make_plan(lengths, B, T, std::clamp<int64_t>(B, 1, at::get_num_threads()));
}

// Calls body(Phase<n>) for each n below count.
template <int count, class Body>
void each_phase(const Body& body) {
    [&]<int... n>(std::integer_sequence<int, n...>) {
        (body(Phase<n>{}), ...);
    }(std::make_integer_sequence<int, count>{});
}

// States of the rows of a slice: (STATES, rows, ld), of now and of the next step.
template <class Cell>
struct StateRows {
    int64_t rows, ld;
    Buffer now = buffer(Cell::STATES * rows * ld), next = buffer(Cell::STATES * rows * ld);
    float* at(const Buffer& which, int k, int64_t i) const { return which.get() + (k * rows + i) * ld; }
    void turn() { std::swap(now, next); }
};

template <class Cell>
struct PhasedForwardLoop {
    const PhasedSizes<Cell>& z;
    const Slice& s;
    const std::vector<RightSide>& weights;
    Precision precision;
    bool reverse;
    const float *x, *own, *state;
    float *out, *final, *operands, *kept;  // the last two are null if nothing is kept
    StateRows<Cell> states{s.size(), z.ld};
    int64_t r_ld = Cell::RECURRENT * z.H + kCacheLine;
    Buffer r = buffer(s.size() * r_ld), products = buffer(Cell::STAGES * s.size() * z.ld);
    Buffer values = buffer(s.size() * Cell::VALUES * z.H), sums = buffer(s.size() * Cell::SUMS);
    RoundedRows rounded{precision, s.size(), rounded_width(z.H)};

    void run() {
        for (int64_t i = 0; i < s.size(); i++) {
            for (int k = 0; k < Cell::STATES; k++)
                std::memcpy(states.at(states.now, k, i), state + (k * z.B + s.sequence[i]) * z.H, z.H * sizeof(float));
            if (!s.length[i]) finish(i);
            clear_padding(i);
        }
        for (int64_t t = 0; t < s.steps(); t++) {
            each_phase<PhasedSizes<Cell>::PHASES>([&](auto phase) { run_phase(phase, t); });
            if (operands) keep_operands(t);
            states.turn();
            for (int64_t i = 0; i < s.rows[t]; i++) {
                std::memcpy(out + row_of(i, t) * z.H, states.at(states.now, 0, i), z.H * sizeof(float));
                if (s.length[i] == t + 1) finish(i);
            }
        }
    }

    int64_t row_of(int64_t i, int64_t t) const { return s.sequence[i] * z.T + time_of(t, s.length[i], reverse); }
    float* operand(int stage, int64_t i) const {
        return stage ? products.get() + (stage * s.size() + i) * z.ld : states.at(states.now, 0, i);
    }

    template <int number>
    void run_phase(Phase<number> phase, int64_t t) {
        if constexpr (PhasedSizes<Cell>::gates(number))
            weights[number].times(rounded, operand(number, 0), z.ld, s.rows[t],
                                  r.get() + Cell::first_gate(number) * z.H, r_ld, false);
        for (int64_t i = 0; i < s.rows[t]; i++) Cell::forward(phase, seen(i, row_of(i, t)));
    }

    ForwardRow<Cell> seen(int64_t i, int64_t row) const {
        ForwardRow<Cell> m{.H = z.H, .x = x + row * Cell::GATES * z.H, .r = r.get() + i * r_ld, .own = own};
        for (int k = 0; k < Cell::STATES; k++)
            m.s[k] = states.at(states.now, k, i), m.next[k] = states.at(states.next, k, i);
        for (int n = 1; n < Cell::STAGES; n++) m.operand[n] = operand(n, i);
        m.kept = kept ? kept + row * z.kept() : nullptr;
        m.scalars = m.kept + Cell::KEPT * z.H;
        m.values = values.get() + i * Cell::VALUES * z.H, m.sums = sums.get() + i * Cell::SUMS;
        return m;
    }

    void keep_operands(int64_t t) const {
        for (int n = 0; n < PhasedSizes<Cell>::PHASES; n++)
            for (int64_t i = 0; i < s.rows[t]; i++)
                std::memcpy(operands + (n * z.B * z.T + row_of(i, t)) * z.H, operand(n, i), z.H * sizeof(float));
    }

    void finish(int64_t i) const {
        for (int k = 0; k < Cell::STATES; k++)
            std::memcpy(final + (k * z.B + s.sequence[i]) * z.H, states.at(states.now, k, i), z.H * sizeof(float));
    }

    void clear_padding(int64_t i) const {
        for (int64_t t = s.length[i]; t < z.T; t++) {
            const int64_t row = s.sequence[i] * z.T + t;
            std::fill_n(out + row * z.H, z.H, 0.f);
            for (int n = 0; operands && n < PhasedSizes<Cell>::PHASES; n++)
                std::fill_n(operands + (n * z.B * z.T + row) * z.H, z.H, 0.f);
        }
    }
};

// The weights of the products of a way, and the memory in which they lie.
struct PhaseWeights {
    Tensor memory;
    Precision precision;
    std::vector<RightSide> products;
};

constexpr int64_t kFewRows = 8;  // of a batch and its steps, for which weights are read as they lie, in float32

template <class Cell>
PhaseWeights forward_weights(const PhasedSizes<Cell>& z, const PhasedArguments& a, bool few) {
    PhaseWeights found{few ? a.weight_h.contiguous() : a.weight_h.t().contiguous(), few ? Precision::f32 : a.precision, {}};
    const float* memory = found.memory.template const_data_ptr<float>();
    for (int n = 0; n < Cell::STAGES; n++) {
        const int64_t first = Cell::first_gate(n) * z.H, N = z.gates(n) * z.H;
        if (few)
            found.products.emplace_back(z.H, N, memory + first * z.H);
        else
            found.products.emplace_back(z.H, N, found.precision, [&](int64_t k) {
                return memory + first + k * Cell::RECURRENT * z.H;
            });
    }
    return found;
}

template <class Cell>
PhaseWeights backward_weights(const PhasedSizes<Cell>& z, const PhasedArguments& a) {
    PhaseWeights found{a.weight_h.contiguous(), a.precision, {}};
    for (int n = 0; n < Cell::STAGES; n++) {
        const float* first = found.memory.template const_data_ptr<float>() + Cell::first_gate(n) * z.H * z.H;
        found.products.emplace_back(z.gates(n) * z.H, z.H, a.precision, [&](int64_t k) { return first + k * z.H; });
    }
    return found;
}

template <class Cell>
PhasedForwarded run_phases(const PhasedArguments& a, bool keep) {
    TORCH_CHECK(a.x.dim() == 3, "x must be (B, T, G·H)");
    const PhasedSizes<Cell> z(a);
    const Plan plan = plan_of_rows(a.lengths, z.B, z.T);
    const Tensor x = a.x.contiguous(), own = a.own.contiguous(), state = a.state.contiguous();
    const PhaseWeights weights = forward_weights<Cell>(z, a, !keep && z.B * z.T <= kFewRows);
    Tensor out = at::empty({z.B, z.T, z.H}, x.options()), final = at::empty(state.sizes(), x.options());
    Tensor operands = at::empty({keep ? z.PHASES : 0, z.B, z.T, z.H}, x.options());
    Tensor kept = in_large_pages(at::empty({keep ? z.B * z.T : 0, z.kept()}, x.options()));
    z.each_slice(plan, weights.precision != Precision::f32, [&](int64_t, const Slice& slice) {
        PhasedForwardLoop<Cell>{
            .z = z,
            .s = slice,
            .weights = weights.products,
            .precision = weights.precision,
            .reverse = a.reverse,
            .x = x.const_data_ptr<float>(),
            .own = own.const_data_ptr<float>(),
            .state = state.const_data_ptr<float>(),
            .out = out.mutable_data_ptr<float>(),
            .final = final.mutable_data_ptr<float>(),
            .operands = keep ? operands.mutable_data_ptr<float>() : nullptr,
            .kept = keep ? kept.mutable_data_ptr<float>() : nullptr,
        }.run();
    });
    return {out, final, operands, kept};
}

template <class Cell>
struct PhasedBackwardLoop {
    const PhasedSizes<Cell>& z;
    const Slice& s;
    const std::vector<RightSide>& weights;
    Precision precision;
    bool reverse;
    const float *own, *operands, *kept, *grad_out, *grad_final;
    float *grad_x, *grad_r, *grad_own, *grad_state;  // grad_own is this slice's
    StateRows<Cell> states{s.size(), z.ld};          // their gradients
    int64_t r_ld = Cell::RECURRENT * z.H + kCacheLine;
    Buffer dr = buffer(s.size() * r_ld), products = buffer(Cell::STAGES * s.size() * z.ld);
    Buffer values = buffer(s.size() * Cell::BACK_VALUES * z.H), sums = buffer(s.size() * Cell::BACK_SUMS);
    RoundedRows rounded{precision, s.size(), rounded_width(Cell::RECURRENT * z.H)};

    void run() {
        std::fill_n(grad_own, Cell::OWN * z.H, 0.f);
        for (int64_t i = 0; i < s.size(); i++) {
            clear_padding(i);
            for (int k = 0; k < Cell::STATES; k++)
                for (const Buffer* which : {&states.now, &states.next})  // until its last step a row has the same in both
                    std::memcpy(states.at(*which, k, i), grad_final + (k * z.B + s.sequence[i]) * z.H,
                                z.H * sizeof(float));
        }
        for (int64_t t = s.steps() - 1; t >= 0; t--) {
            for (int64_t i = 0; i < s.rows[t]; i++) add_to_row(grad_out + row_of(i, t) * z.H, states.at(states.now, 0, i));
            each_phase<PhasedSizes<Cell>::PHASES>([&](auto phase) { run_phase(phase, t); });
            for (int64_t i = 0; i < s.rows[t]; i++)
                std::memcpy(grad_r + row_of(i, t) * Cell::RECURRENT * z.H, dr.get() + i * r_ld,
                            Cell::RECURRENT * z.H * sizeof(float));
            states.turn();
        }
        for (int64_t i = 0; i < s.size(); i++)
            for (int k = 0; k < Cell::STATES; k++)
                std::memcpy(grad_state + (k * z.B + s.sequence[i]) * z.H, states.at(states.now, k, i),
                            z.H * sizeof(float));
    }

    int64_t row_of(int64_t i, int64_t t) const { return s.sequence[i] * z.T + time_of(t, s.length[i], reverse); }
    float* grad_operand(int stage, int64_t i) const {
        return stage ? products.get() + (stage * s.size() + i) * z.ld : states.at(states.next, 0, i);
    }
    void add_to_row(const float* from, float* to) const {
        for (int64_t n = 0; n < z.H; n++) to[n] += from[n];
    }

    // From the last product to the first, whose share of the gradient comes to that of h.
    template <int number>
    void run_phase(Phase<number> phase, int64_t t) {
        for (int64_t i = 0; i < s.rows[t]; i++) Cell::back(phase, seen(i, row_of(i, t)));
        constexpr int stage = Cell::STAGES - 1 - number;
        if constexpr (PhasedSizes<Cell>::gates(stage))
            weights[stage].times(rounded, dr.get() + Cell::first_gate(stage) * z.H, r_ld, s.rows[t],
                                 grad_operand(stage, 0), z.ld, stage == 0);
    }

    BackwardRow<Cell> seen(int64_t i, int64_t row) const {
        BackwardRow<Cell> m{.H = z.H, .kept = kept + row * z.kept(), .own = own};
        m.scalars = m.kept + Cell::KEPT * z.H;
        for (int n = 0; n < PhasedSizes<Cell>::PHASES; n++) m.operand[n] = operands + (n * z.B * z.T + row) * z.H;
        for (int n = 1; n < Cell::STAGES; n++) m.grad_operand[n] = grad_operand(n, i);
        for (int k = 0; k < Cell::STATES; k++)
            m.ds[k] = states.at(states.now, k, i), m.before[k] = states.at(states.next, k, i);
        m.da = grad_x + row * Cell::GATES * z.H, m.dr = dr.get() + i * r_ld, m.down = grad_own;
        m.values = values.get() + i * Cell::BACK_VALUES * z.H, m.sums = sums.get() + i * Cell::BACK_SUMS;
        return m;
    }

    void clear_padding(int64_t i) const {
        for (int64_t t = s.length[i]; t < z.T; t++) {
            const int64_t row = s.sequence[i] * z.T + t;
            std::fill_n(grad_x + row * Cell::GATES * z.H, Cell::GATES * z.H, 0.f);
            std::fill_n(grad_r + row * Cell::RECURRENT * z.H, Cell::RECURRENT * z.H, 0.f);
        }
    }
};

template <class Cell>
PhasedGradients run_phases_back(const PhasedBackwardArguments& a) {
    const PhasedSizes<Cell> z(a.forward);
    check(a.operands, "operands", {z.PHASES, z.B, z.T, z.H});
    check(a.kept, "kept", {z.B * z.T, z.kept()});
    check(a.grad_out, "grad_out", {z.B, z.T, z.H});
    check(a.grad_final, "grad_final", {Cell::STATES, z.B, z.H});
    const Plan plan = plan_of_rows(a.forward.lengths, z.B, z.T);
    const Tensor own = a.forward.own.contiguous();
    const PhaseWeights weights = backward_weights<Cell>(z, a.forward);
    const Tensor operands = a.operands.contiguous(), kept = a.kept.contiguous();
    const Tensor grad_out = a.grad_out.contiguous(), grad_final = a.grad_final.contiguous();
    const auto options = a.forward.x.options();
    Tensor grad_x = at::empty({z.B, z.T, Cell::GATES * z.H}, options);
    Tensor grad_r = at::empty({z.B, z.T, Cell::RECURRENT * z.H}, options);
    Tensor grad_own = at::empty({int64_t(plan.slices.size()), Cell::OWN, z.H}, options);
    Tensor grad_state = at::empty({Cell::STATES, z.B, z.H}, options);
    z.each_slice(plan, weights.precision != Precision::f32, [&](int64_t number, const Slice& slice) {
        PhasedBackwardLoop<Cell>{
            .z = z,
            .s = slice,
            .weights = weights.products,
            .precision = weights.precision,
            .reverse = a.forward.reverse,
            .own = own.const_data_ptr<float>(),
            .operands = operands.const_data_ptr<float>(),
            .kept = kept.const_data_ptr<float>(),
            .grad_out = grad_out.const_data_ptr<float>(),
            .grad_final = grad_final.const_data_ptr<float>(),
            .grad_x = grad_x.mutable_data_ptr<float>(),
            .grad_r = grad_r.mutable_data_ptr<float>(),
            .grad_own = grad_own.mutable_data_ptr<float>() + number * Cell::OWN * z.H,
            .grad_state = grad_state.mutable_data_ptr<float>(),
        }.run();
    });
    return {grad_x, grad_r, grad_own.sum(0), grad_state};
}

}  // namespace seqkit
