// The time loop of a cell without a recurrent product, forward and backward.
//
// What its steps read of the input, for all of them, is one product beforehand, which torch makes. What remains is a
// loop for each hidden unit of each sequence alone, which keeps its states in registers and waits for nobody. Backward
// computes the step again from its input parts and the states before it: to keep what it computes would take as much
// memory as the input parts, and reading that takes longer.
#pragma once

#include "arguments.h"
#include "plan.h"
#include "vector.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <tuple>
#include <vector>

namespace seqkit {

struct ScanArguments {
    std::string_view cell;
    const Tensor& x;  // (B, T, G·H), with the bias
    const OptionalTensor& lengths;
    const Tensor& own;    // (OWN, H)
    const Tensor& state;  // (STATES, B, H)
    bool reverse;
};

struct ScanBackwardArguments {
    ScanArguments forward;
    const Tensor &out, &kept;             // what forward returned
    const Tensor &grad_out, &grad_final;  // (B, T, H), (STATES, B, H)
};

using Scanned = std::tuple<Tensor, Tensor, Tensor>;       // out, final, kept: the other states after each step
using ScanGradients = std::tuple<Tensor, Tensor, Tensor>;  // of x, own and state

constexpr int kUnitsTogether = 4;  // vectors of units that a loop takes along, so that one need not wait for its own step

// Some units of one sequence: as many vectors as go together, the last of which may be cut off.
struct Units {
    int64_t first, H;
    int64_t count(int n) const { return std::clamp<int64_t>(H - first - n * kLanes, 0, kLanes); }
    V load(const float* row, int n) const {
        const float* from = row + first + n * kLanes;
        return count(n) == kLanes ? V::loadu(from) : count(n) ? V::loadu(from, count(n)) : V(0.f);
    }
    void store(V value, float* row, int n) const {
        if (count(n) == kLanes) return value.store(row + first + n * kLanes);
        if (count(n)) value.store(row + first + n * kLanes, count(n));
    }
};

template <class Cell>
struct ScanSizes {
    int64_t B, T, H;
    explicit ScanSizes(const ScanArguments& a) : B(a.x.size(0)), T(a.x.size(1)), H(a.x.size(2) / Cell::GATES) {
        check(a.x, "x", {B, T, Cell::GATES * H});
        check(a.own, "own", {Cell::OWN, H});
        check(a.state, "state", {Cell::STATES, B, H});
    }
    // Calls body(sequence, units), all at a time.
    template <class Body>
    void each(const Body& body) const {
        const int64_t pieces = (H + kUnitsTogether * kLanes - 1) / (kUnitsTogether * kLanes);
        at::parallel_for(0, B * pieces, 1, [&](int64_t begin, int64_t end) {
            for (int64_t item = begin; item < end; item++)
                body(item / pieces, Units{item % pieces * kUnitsTogether * kLanes, H});
        });
    }
};

template <class Cell>
Scanned scan(const ScanArguments& a, bool keep) {
    TORCH_CHECK(a.x.dim() == 3, "x must be (B, T, G·H)");
    const ScanSizes<Cell> z(a);
    const std::vector<int64_t> lengths = lengths_of(a.lengths, z.B, z.T);
    const Tensor x_ = a.x.contiguous(), own_ = a.own.contiguous(), state_ = a.state.contiguous();
    Tensor out_ = at::empty({z.B, z.T, z.H}, x_.options()), final_ = at::empty(state_.sizes(), x_.options());
    Tensor kept_ = at::empty({keep ? Cell::STATES - 1 : 0, z.B, z.T, z.H}, x_.options());
    const float *x = x_.const_data_ptr<float>(), *own = own_.const_data_ptr<float>();
    const float* state = state_.const_data_ptr<float>();
    float *out = out_.mutable_data_ptr<float>(), *final = final_.mutable_data_ptr<float>();
    float* kept = kept_.mutable_data_ptr<float>();
    z.each([&](int64_t b, const Units& units) {
        V s[kUnitsTogether][Cell::STATES], p[kUnitsTogether][Cell::OWN + 1];
        for (int n = 0; n < kUnitsTogether; n++) {
            for (int k = 0; k < Cell::STATES; k++) s[n][k] = units.load(state + (k * z.B + b) * z.H, n);
            for (int k = 0; k < Cell::OWN; k++) p[n][k] = units.load(own + k * z.H, n);
        }
        for (int64_t t = 0; t < lengths[b]; t++) {
            const int64_t row = b * z.T + time_of(t, lengths[b], a.reverse);
            for (int n = 0; n < kUnitsTogether && units.count(n); n++) {
                V parts[Cell::GATES];
                for (int g = 0; g < Cell::GATES; g++) parts[g] = units.load(x + (row * Cell::GATES + g) * z.H, n);
                Cell::step(parts, s[n], p[n]);
                units.store(s[n][0], out + row * z.H, n);
                for (int k = 1; keep && k < Cell::STATES; k++)
                    units.store(s[n][k], kept + ((k - 1) * z.B * z.T + row) * z.H, n);
            }
        }
        for (int n = 0; n < kUnitsTogether; n++) {
            for (int k = 0; k < Cell::STATES; k++) units.store(s[n][k], final + (k * z.B + b) * z.H, n);
            for (int64_t t = lengths[b]; t < z.T; t++) units.store(V(0.f), out + (b * z.T + t) * z.H, n);
        }
    });
    return {out_, final_, kept_};
}

// What the loop backward reads and leaves.
struct ScanBackward {
    const float *x, *own, *state, *out, *kept, *grad_out, *grad_final;
    float *grad_x, *grad_own, *grad_state;  // grad_own (B, OWN, H)
};

// One sequence's units, from its last step to its first.
template <class Cell>
void scan_back(const ScanSizes<Cell>& z, const ScanBackward& m, int64_t b, int64_t length, bool reverse,
               const Units& units) {
    V ds[kUnitsTogether][Cell::STATES], p[kUnitsTogether][Cell::OWN + 1], down[kUnitsTogether][Cell::OWN + 1];
    for (int n = 0; n < kUnitsTogether; n++) {
        for (int k = 0; k < Cell::STATES; k++) ds[n][k] = units.load(m.grad_final + (k * z.B + b) * z.H, n);
        for (int k = 0; k < Cell::OWN; k++) p[n][k] = units.load(m.own + k * z.H, n), down[n][k] = V(0.f);
    }
    for (int64_t t = length - 1; t >= 0; t--) {
        const int64_t row = b * z.T + time_of(t, length, reverse);
        const int64_t before = t ? b * z.T + time_of(t - 1, length, reverse) : 0;
        for (int n = 0; n < kUnitsTogether && units.count(n); n++) {
            V parts[Cell::GATES], s[Cell::STATES], da[Cell::GATES], share[Cell::OWN + 1];
            for (int g = 0; g < Cell::GATES; g++) parts[g] = units.load(m.x + (row * Cell::GATES + g) * z.H, n);
            for (int k = 0; k < Cell::STATES; k++)
                s[k] = units.load(t == 0   ? m.state + (k * z.B + b) * z.H
                                  : k == 0 ? m.out + before * z.H
                                           : m.kept + ((k - 1) * z.B * z.T + before) * z.H,
                                  n);
            ds[n][0] = ds[n][0] + units.load(m.grad_out + row * z.H, n);
            Cell::back(parts, s, ds[n], p[n], da, share);
            for (int g = 0; g < Cell::GATES; g++) units.store(da[g], m.grad_x + (row * Cell::GATES + g) * z.H, n);
            for (int k = 0; k < Cell::OWN; k++) down[n][k] = down[n][k] + share[k];
        }
    }
    for (int n = 0; n < kUnitsTogether; n++) {
        for (int k = 0; k < Cell::STATES; k++) units.store(ds[n][k], m.grad_state + (k * z.B + b) * z.H, n);
        for (int k = 0; k < Cell::OWN; k++) units.store(down[n][k], m.grad_own + (b * Cell::OWN + k) * z.H, n);
        for (int64_t t = length; t < z.T; t++)
            for (int g = 0; g < Cell::GATES; g++)
                units.store(V(0.f), m.grad_x + ((b * z.T + t) * Cell::GATES + g) * z.H, n);
    }
}

template <class Cell>
ScanGradients scan_backward(const ScanBackwardArguments& a) {
    const ScanSizes<Cell> z(a.forward);
    check(a.out, "out", {z.B, z.T, z.H});
    check(a.kept, "kept", {Cell::STATES - 1, z.B, z.T, z.H});
    check(a.grad_out, "grad_out", {z.B, z.T, z.H});
    check(a.grad_final, "grad_final", {Cell::STATES, z.B, z.H});
    const std::vector<int64_t> lengths = lengths_of(a.forward.lengths, z.B, z.T);
    const Tensor x = a.forward.x.contiguous(), own = a.forward.own.contiguous(), state = a.forward.state.contiguous();
    const Tensor out = a.out.contiguous(), kept = a.kept.contiguous();
    const Tensor grad_out = a.grad_out.contiguous(), grad_final = a.grad_final.contiguous();
    Tensor grad_x = at::empty(x.sizes(), x.options()), grad_state = at::empty(state.sizes(), x.options());
    Tensor grad_own = at::empty({z.B, Cell::OWN, z.H}, x.options());
    const ScanBackward memory{
        .x = x.const_data_ptr<float>(),
        .own = own.const_data_ptr<float>(),
        .state = state.const_data_ptr<float>(),
        .out = out.const_data_ptr<float>(),
        .kept = kept.const_data_ptr<float>(),
        .grad_out = grad_out.const_data_ptr<float>(),
        .grad_final = grad_final.const_data_ptr<float>(),
        .grad_x = grad_x.mutable_data_ptr<float>(),
        .grad_own = grad_own.mutable_data_ptr<float>(),
        .grad_state = grad_state.mutable_data_ptr<float>(),
    };
    z.each([&](int64_t b, const Units& units) { scan_back(z, memory, b, lengths[b], a.forward.reverse, units); });
    return {grad_x, grad_own.sum(0), grad_state};
}

}  // namespace seqkit
