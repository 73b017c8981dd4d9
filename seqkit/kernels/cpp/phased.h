// The time loop of cells whose step is divided into phases, forward and backward: any number of states, of recurrent
// products and of sums over all hidden units.
//
// What the steps read of the input, for all of them, is one product beforehand, which torch makes, and so are the
// gradients of the weights afterwards. A phase begins with a recurrent product for all rows of a slice; then the cell
// does for each row what can be done before the next product, passing over its units once, and once more after each
// sum over them. Slices of the batch share nothing. The members of a team that runs one slice share the columns of each
// product, and then its rows; they meet after both.
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
#include "team.h"
#include "vector.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

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
    int64_t slices, team;  // of the batch, and threads for each slice
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
        TORCH_CHECK(a.slices >= 1 && 1 <= a.team && a.team <= kMaxTeam, "slices and team must be at least 1");
    }
    int64_t kept() const { return Cell::KEPT * H + Cell::KEPT_SCALARS; }
    static constexpr int gates(int stage) {  // of a product, if there is such a one
        return 0 <= stage && stage < Cell::STAGES ? Cell::first_gate(stage + 1) - Cell::first_gate(stage) : 0;
    }
};

// Calls body(Phase<n>) for each n below count.
template <int count, class Body>
void each_phase(const Body& body) {
    [&]<int... n>(std::integer_sequence<int, n...>) {
        (body(Phase<n>{}), ...);
    }(std::make_integer_sequence<int, count>{});
}

// What the members of a team share: states of the rows of a slice, of now and of the next step in turn, or their
// gradients, (STATES, rows, ld); the recurrent parts (rows, r_ld) or theirs; what products after the first multiply; and
// what turns leave for later ones.
template <class Cell>
struct PhasedScratch {
    int64_t rows, ld, r_ld;
    Buffer states[2], r, products, values, sums;
    PhasedScratch(const PhasedSizes<Cell>& z, const Slice& s, int64_t values_of_a_unit, int64_t sums_of_a_row)
        : rows(s.size()),
          ld(z.ld),
          r_ld(Cell::RECURRENT * z.H + kCacheLine),
          r(buffer(rows * r_ld)),
          products(buffer(Cell::STAGES * rows * ld)),
          values(buffer(rows * values_of_a_unit * z.H)),
          sums(buffer(rows * sums_of_a_row)) {
        for (Buffer& each : states) each = buffer(Cell::STATES * rows * ld);
    }
    float* state(int64_t turn, int k, int64_t i) const { return states[turn & 1].get() + (k * rows + i) * ld; }
};

// One for each slice, and the body called for each slice by each member of a team.
template <class Cell, class Body>
void each_slice(const PhasedSizes<Cell>& z, const Plan& plan, int64_t team, bool rounded, int64_t values_of_a_unit,
                int64_t sums_of_a_row, const Body& body) {
    std::vector<PhasedScratch<Cell>> scratch;
    for (const Slice& slice : plan.slices) scratch.emplace_back(z, slice, values_of_a_unit, sums_of_a_row);
    run_in_teams(
        plan.slices.size(), team, rounded,
        [&](int64_t n, const Member& member) { body(n, plan.slices[n], member, scratch[n]); }, Cell::STAGES > 0);
}

template <class Cell>
struct PhasedForwardLoop {
    const PhasedSizes<Cell>& z;
    const Slice& s;
    Member member;
    const PhasedScratch<Cell>& shared;
    const std::vector<RightSide>& weights;
    Precision precision;
    bool reverse;
    const float *x, *own, *state;
    float *out, *final, *operands, *kept;  // the last two are null if nothing is kept
    RoundedRows rounded{precision, s.size(), rounded_width(z.H)};

    void run() {
        for (int64_t i = member.first_of(s.size()); i < member.last_of(s.size()); i++) {
            for (int k = 0; k < Cell::STATES; k++)
                std::memcpy(shared.state(0, k, i), state + (k * z.B + s.sequence[i]) * z.H, z.H * sizeof(float));
            if (!s.length[i]) finish(i);
            clear_padding(i);
        }
        member.meet();
        for (int64_t t = 0; t < s.steps(); t++)
            each_phase<PhasedSizes<Cell>::PHASES>([&](auto phase) { run_phase(phase, t); });
    }

    int64_t row_of(int64_t i, int64_t t) const { return s.sequence[i] * z.T + time_of(t, s.length[i], reverse); }
    float* operand(int stage, int64_t i, int64_t t) const {
        return stage ? shared.products.get() + (stage * s.size() + i) * z.ld : shared.state(t, 0, i);
    }

    template <int number>
    void run_phase(Phase<number> phase, int64_t t) {
        const int64_t first = member.first_of(s.rows[t]), last = member.last_of(s.rows[t]);
        if constexpr (PhasedSizes<Cell>::gates(number)) {
            weights[number].times(rounded, operand(number, 0, t), z.ld, s.rows[t],
                                  shared.r.get() + Cell::first_gate(number) * z.H, shared.r_ld, false,
                                  weights[number].share_of(member));
            member.meet();
        }
        for (int64_t i = first; i < last; i++) Cell::forward(phase, seen(i, t));
        if (number + 1 == PhasedSizes<Cell>::PHASES)
            for (int64_t i = first; i < last; i++) finish_step(i, t);
        member.meet();
    }

    ForwardRow<Cell> seen(int64_t i, int64_t t) const {
        const int64_t row = row_of(i, t);
        ForwardRow<Cell> m{
            .H = z.H, .x = x + row * Cell::GATES * z.H, .r = shared.r.get() + i * shared.r_ld, .own = own};
        for (int k = 0; k < Cell::STATES; k++) m.s[k] = shared.state(t, k, i), m.next[k] = shared.state(t + 1, k, i);
        for (int n = 1; n < Cell::STAGES; n++) m.operand[n] = operand(n, i, t);
        m.kept = kept ? kept + row * z.kept() : nullptr;
        m.scalars = m.kept + Cell::KEPT * z.H;
        m.values = shared.values.get() + i * Cell::VALUES * z.H, m.sums = shared.sums.get() + i * Cell::SUMS;
        return m;
    }

    void finish_step(int64_t i, int64_t t) const {
        const int64_t row = row_of(i, t), bytes = z.H * sizeof(float);
        for (int n = 0; operands && n < PhasedSizes<Cell>::PHASES; n++)
            std::memcpy(operands + (n * z.B * z.T + row) * z.H, operand(n, i, t), bytes);
        std::memcpy(out + row * z.H, shared.state(t + 1, 0, i), bytes);
        if (s.length[i] == t + 1) finish(i);
    }

    void finish(int64_t i) const {
        for (int k = 0; k < Cell::STATES; k++)
            std::memcpy(final + (k * z.B + s.sequence[i]) * z.H, shared.state(s.length[i], k, i),
                        z.H * sizeof(float));
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
    const Plan plan = make_plan(a.lengths, z.B, z.T, a.slices);
    const Tensor x = a.x.contiguous(), own = a.own.contiguous(), state = a.state.contiguous();
    const PhaseWeights weights = forward_weights<Cell>(z, a, !keep && z.B * z.T <= kFewRows);
    Tensor out = in_large_pages(at::empty({z.B, z.T, z.H}, x.options())), final = at::empty(state.sizes(), x.options());
    Tensor operands = in_large_pages(at::empty({keep ? z.PHASES : 0, z.B, z.T, z.H}, x.options()));
    Tensor kept = in_large_pages(at::empty({keep ? z.B * z.T : 0, z.kept()}, x.options()));
    const auto run = [&](int64_t, const Slice& slice, const Member& member, const PhasedScratch<Cell>& shared) {
        PhasedForwardLoop<Cell>{
            .z = z,
            .s = slice,
            .member = member,
            .shared = shared,
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
    };
    each_slice(z, plan, a.team, weights.precision != Precision::f32, Cell::VALUES, Cell::SUMS, run);
    return {out, final, operands, kept};
}

template <class Cell>
struct PhasedBackwardLoop {
    const PhasedSizes<Cell>& z;
    const Slice& s;
    Member member;
    const PhasedScratch<Cell>& shared;
    const std::vector<RightSide>& weights;
    Precision precision;
    bool reverse;
    const float *own, *operands, *kept, *grad_out, *grad_final;
    float *grad_x, *grad_r, *grad_own, *grad_state;  // grad_own is this member's
    RoundedRows rounded{precision, s.size(), rounded_width(Cell::RECURRENT * z.H)};

    void run() {
        for (int64_t i = member.first_of(s.size()); i < member.last_of(s.size()); i++) {
            clear_padding(i);
            for (int k = 0; k < Cell::STATES; k++)
                for (int turn = 0; turn < 2; turn++)  // until its last step a row has the same in both
                    std::memcpy(shared.state(turn, k, i), grad_final + (k * z.B + s.sequence[i]) * z.H,
                                z.H * sizeof(float));
        }
        member.meet();
        for (int64_t t = s.steps() - 1; t >= 0; t--) {
            for (int64_t i = member.first_of(s.rows[t]); i < member.last_of(s.rows[t]); i++)
                add_to_row(grad_out + row_of(i, t) * z.H, shared.state(t + 1, 0, i));
            each_phase<PhasedSizes<Cell>::PHASES>([&](auto phase) { run_phase(phase, t); });
        }
        for (int64_t i = member.first_of(s.size()); i < member.last_of(s.size()); i++)
            for (int k = 0; k < Cell::STATES; k++)
                std::memcpy(grad_state + (k * z.B + s.sequence[i]) * z.H, shared.state(0, k, i), z.H * sizeof(float));
    }

    int64_t row_of(int64_t i, int64_t t) const { return s.sequence[i] * z.T + time_of(t, s.length[i], reverse); }
    float* grad_operand(int stage, int64_t i, int64_t t) const {
        return stage ? shared.products.get() + (stage * s.size() + i) * z.ld : shared.state(t, 0, i);
    }
    void add_to_row(const float* from, float* to) const {
        for (int64_t n = 0; n < z.H; n++) to[n] += from[n];
    }

    // From the last product to the first, whose share of the gradient comes to that of h.
    template <int number>
    void run_phase(Phase<number> phase, int64_t t) {
        const int64_t first = member.first_of(s.rows[t]), last = member.last_of(s.rows[t]);
        for (int64_t i = first; i < last; i++) Cell::back(phase, seen(i, t));
        if (number + 1 == PhasedSizes<Cell>::PHASES)
            for (int64_t i = first; i < last; i++)
                std::memcpy(grad_r + row_of(i, t) * Cell::RECURRENT * z.H, shared.r.get() + i * shared.r_ld,
                            Cell::RECURRENT * z.H * sizeof(float));
        member.meet();
        constexpr int stage = Cell::STAGES - 1 - number;
        if constexpr (PhasedSizes<Cell>::gates(stage)) {
            weights[stage].times(rounded, shared.r.get() + Cell::first_gate(stage) * z.H, shared.r_ld, s.rows[t],
                                 grad_operand(stage, 0, t), z.ld, stage == 0, weights[stage].share_of(member));
            member.meet();
        }
    }

    BackwardRow<Cell> seen(int64_t i, int64_t t) const {
        const int64_t row = row_of(i, t);
        BackwardRow<Cell> m{.H = z.H, .kept = kept + row * z.kept(), .own = own};
        m.scalars = m.kept + Cell::KEPT * z.H;
        for (int n = 0; n < PhasedSizes<Cell>::PHASES; n++) m.operand[n] = operands + (n * z.B * z.T + row) * z.H;
        for (int n = 1; n < Cell::STAGES; n++) m.grad_operand[n] = grad_operand(n, i, t);
        for (int k = 0; k < Cell::STATES; k++) m.ds[k] = shared.state(t + 1, k, i), m.before[k] = shared.state(t, k, i);
        m.da = grad_x + row * Cell::GATES * z.H, m.dr = shared.r.get() + i * shared.r_ld, m.down = grad_own;
        m.values = shared.values.get() + i * Cell::BACK_VALUES * z.H, m.sums = shared.sums.get() + i * Cell::BACK_SUMS;
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
    const Plan plan = make_plan(a.forward.lengths, z.B, z.T, a.forward.slices);
    const Tensor own = a.forward.own.contiguous();
    const PhaseWeights weights = backward_weights<Cell>(z, a.forward);
    const Tensor operands = a.operands.contiguous(), kept = a.kept.contiguous();
    const Tensor grad_out = a.grad_out.contiguous(), grad_final = a.grad_final.contiguous();
    const auto options = a.forward.x.options();
    Tensor grad_x = in_large_pages(at::empty({z.B, z.T, Cell::GATES * z.H}, options));
    Tensor grad_r = in_large_pages(at::empty({z.B, z.T, Cell::RECURRENT * z.H}, options));
    const int64_t team = a.forward.team;
    Tensor grad_own = at::zeros({int64_t(plan.slices.size()) * team, Cell::OWN, z.H}, options);
    Tensor grad_state = at::empty({Cell::STATES, z.B, z.H}, options);
    const auto run = [&](int64_t number, const Slice& slice, const Member& member,
                         const PhasedScratch<Cell>& shared) {
        PhasedBackwardLoop<Cell>{
            .z = z,
            .s = slice,
            .member = member,
            .shared = shared,
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
            .grad_own = grad_own.mutable_data_ptr<float>() + (number * team + member.number) * Cell::OWN * z.H,
            .grad_state = grad_state.mutable_data_ptr<float>(),
        }.run();
    };
    each_slice(z, plan, team, weights.precision != Precision::f32, Cell::BACK_VALUES, Cell::BACK_SUMS, run);
    return {grad_x, grad_r, grad_own.sum(0), grad_state};
}

}  // namespace seqkit
