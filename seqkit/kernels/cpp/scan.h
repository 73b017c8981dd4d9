// The time loop of a cell without a recurrent product, forward and backward.
//
// What its steps read of the input, for all of them, is one product beforehand, which torch makes. What remains is a
// loop for each hidden unit of each sequence alone, which waits for nobody. Its states stay in the first-level cache.
// Backward computes the step again from its input parts and the states before it: to keep what it computes would take as
// much memory as the input parts, and reading that takes longer.
#pragma once

#include "arguments.h"
#include "buffer.h"
#include "plan.h"
#include "sizes.h"
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

// Some units of one sequence, in every step.
struct Units {
    int64_t sequence, first, count;
};

template <class Cell>
struct ScanSizes {
    int64_t B, T, H;
    explicit ScanSizes(const ScanArguments& a) : B(a.x.size(0)), T(a.x.size(1)), H(a.x.size(2) / Cell::GATES) {
        check(a.x, "x", {B, T, Cell::GATES * H});
        check(a.own, "own", {Cell::OWN, H});
        check(a.state, "state", {Cell::STATES, B, H});
    }
    // Calls body(units) for all, several at a time: all units of a sequence, whose rows are then read straight through,
    // or pieces of them where there are more threads than sequences.
    template <class Body>
    void each(const Body& body) const {
        const int64_t pieces = B ? (at::get_num_threads() + B - 1) / B : 1;
        const int64_t groups = std::max<int64_t>((H / pieces + kUnitMultiple - 1) / kUnitMultiple, 1);
        const int64_t width = groups * kUnitMultiple;
        const int64_t count = (H + width - 1) / width;
        at::parallel_for(0, B * count, 1, [&](int64_t begin, int64_t end) {
            for (int64_t item = begin; item < end; item++) {
                const int64_t first = item % count * width;
                body(Units{item / count, first, std::min(width, H - first)});
            }
        });
    }
};

// What the loop forward reads and leaves. The final states are those of now all the while.
struct ScanForward {
    const float *x, *own, *state;
    float *out, *final, *kept;
    bool keep;
};

// A sequence's units, from its first step to its last.
template <class Cell>
void scan_forward(const ScanSizes<Cell>& z, const ScanForward& m, int64_t length, bool reverse, const Units& units) {
    const auto [b, first, count] = units;
    const float* own = m.own + first;
    float* s = m.final + b * z.H + first;
    const int64_t plane = z.B * z.H, kept_plane = z.B * z.T * z.H;
    for (int k = 0; k < Cell::STATES; k++)
        std::memcpy(s + k * plane, m.state + k * plane + b * z.H + first, count * sizeof(float));
    for (int64_t t = 0; t < length; t++) {
        const int64_t row = b * z.T + time_of(t, length, reverse);
        const float* x = m.x + row * Cell::GATES * z.H + first;
        float *out = m.out + row * z.H + first, *kept = m.keep ? m.kept + row * z.H + first : nullptr;
        each_vector(count, [&](const auto at) {
            V parts[Cell::GATES], states[Cell::STATES], p[Cell::OWN + 1];
            for (int g = 0; g < Cell::GATES; g++) parts[g] = at.load(x + g * z.H);
            for (int k = 0; k < Cell::STATES; k++) states[k] = at.load(s + k * plane);
            for (int k = 0; k < Cell::OWN; k++) p[k] = at.load(own + k * z.H);
            Cell::step(parts, states, p);
            at.store(states[0], out);
            for (int k = 0; k < Cell::STATES; k++) at.store(states[k], s + k * plane);
            for (int k = 1; kept && k < Cell::STATES; k++) at.store(states[k], kept + (k - 1) * kept_plane);
        });
    }
    for (int64_t t = length; t < z.T; t++) std::fill_n(m.out + (b * z.T + t) * z.H + first, count, 0.f);
}

template <class Cell>
Scanned scan(const ScanArguments& a, bool keep) {
    TORCH_CHECK(a.x.dim() == 3, "x must be (B, T, G·H)");
    const ScanSizes<Cell> z(a);
    const std::vector<int64_t> lengths = lengths_of(a.lengths, z.B, z.T);
    const Tensor x_ = a.x.contiguous(), own_ = a.own.contiguous(), state_ = a.state.contiguous();
    Tensor out_ = in_large_pages(at::empty({z.B, z.T, z.H}, x_.options()));
    Tensor kept_ = in_large_pages(at::empty({keep ? Cell::STATES - 1 : 0, z.B, z.T, z.H}, x_.options()));
    Tensor final_ = at::empty(state_.sizes(), x_.options());
    const ScanForward memory{
        .x = x_.const_data_ptr<float>(),
        .own = own_.const_data_ptr<float>(),
        .state = state_.const_data_ptr<float>(),
        .out = out_.mutable_data_ptr<float>(),
        .final = final_.mutable_data_ptr<float>(),
        .kept = kept_.mutable_data_ptr<float>(),
        .keep = keep,
    };
    z.each([&](const Units& units) { scan_forward(z, memory, lengths[units.sequence], a.reverse, units); });
    return {out_, final_, kept_};
}

// What the loop backward reads and leaves. The gradients of the states before all steps are those of now all the while.
struct ScanBackward {
    const float *x, *own, *state, *out, *kept, *grad_out, *grad_final;
    float *grad_x, *grad_own, *grad_state;  // grad_own (B, OWN, H)
};

// A sequence's units, from its last step to its first.
template <class Cell>
void scan_back(const ScanSizes<Cell>& z, const ScanBackward& m, int64_t length, bool reverse, const Units& units) {
    const auto [b, first, count] = units;
    const float* own = m.own + first;
    float *ds = m.grad_state + b * z.H + first, *down = m.grad_own + b * Cell::OWN * z.H + first;
    const int64_t plane = z.B * z.H, kept_plane = z.B * z.T * z.H;
    for (int k = 0; k < Cell::STATES; k++)
        std::memcpy(ds + k * plane, m.grad_final + k * plane + b * z.H + first, count * sizeof(float));
    for (int k = 0; k < Cell::OWN; k++) std::fill_n(down + k * z.H, count, 0.f);
    for (int64_t t = length - 1; t >= 0; t--) {
        const int64_t row = b * z.T + time_of(t, length, reverse);
        const int64_t before = t ? b * z.T + time_of(t - 1, length, reverse) : 0;
        const float *s[Cell::STATES], *x = m.x + row * Cell::GATES * z.H + first, *grad = m.grad_out + row * z.H + first;
        for (int k = 0; k < Cell::STATES; k++)
            s[k] = first + (t == 0   ? m.state + k * plane + b * z.H
                            : k == 0 ? m.out + before * z.H
                                     : m.kept + (k - 1) * kept_plane + before * z.H);
        float* grad_x = m.grad_x + row * Cell::GATES * z.H + first;
        // Processors prefetch what follows, not the row before: without this it takes 1.1 to 1.5 times as long.
        const int64_t ahead = t ? (before - row) * z.H : 0;
        each_vector(count, [&](const auto at) {
            for (int g = 0; g < Cell::GATES; g++) __builtin_prefetch(x + g * z.H + at.first + ahead * Cell::GATES);
            __builtin_prefetch(grad + at.first + ahead);
            __builtin_prefetch(s[0] + at.first + (t > 1 ? ahead : 0));
            V parts[Cell::GATES], states[Cell::STATES], grads[Cell::STATES], p[Cell::OWN + 1];
            V da[Cell::GATES], share[Cell::OWN + 1];
            for (int g = 0; g < Cell::GATES; g++) parts[g] = at.load(x + g * z.H);
            for (int k = 0; k < Cell::STATES; k++) states[k] = at.load(s[k]), grads[k] = at.load(ds + k * plane);
            for (int k = 0; k < Cell::OWN; k++) p[k] = at.load(own + k * z.H);
            grads[0] = grads[0] + at.load(grad);
            Cell::back(parts, states, grads, p, da, share);
            for (int g = 0; g < Cell::GATES; g++) at.store(da[g], grad_x + g * z.H);
            for (int k = 0; k < Cell::STATES; k++) at.store(grads[k], ds + k * plane);
            for (int k = 0; k < Cell::OWN; k++) at.add(share[k], down + k * z.H);
        });
    }
    for (int64_t t = length; t < z.T; t++)
        for (int g = 0; g < Cell::GATES; g++)
            std::fill_n(m.grad_x + ((b * z.T + t) * Cell::GATES + g) * z.H + first, count, 0.f);
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
    Tensor grad_x = in_large_pages(at::empty(x.sizes(), x.options()));
    Tensor grad_state = at::empty(state.sizes(), x.options());
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
    z.each([&](const Units& units) { scan_back(z, memory, lengths[units.sequence], a.forward.reverse, units); });
    return {grad_x, grad_own.sum(0), grad_state};
}

}  // namespace seqkit
