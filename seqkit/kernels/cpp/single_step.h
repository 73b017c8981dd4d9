// One step of a cell with gradients, on the weights as torch lays them out.
//
// A single step reads its weights once, so that packing them would take longer than what it saves: the products are
// torch's own, and what is between them is one pass over the gates each way.
#pragma once

#include "arguments.h"
#include "cells/all.h"
#include "vector.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <tuple>

namespace seqkit {

struct SingleStep {
    std::string_view cell;
    const Tensor &x, &h;      // (B, I), (B, H)
    const OptionalTensor& c;  // (B, H), of an LSTM
    const Tensor &weight_x, &weight_h;
    const OptionalTensor &bias_x, &bias_h;  // both or neither
};

struct SingleStepBackward {
    SingleStep forward;
    const Tensor& kept;
    const OptionalTensor &grad_h, &grad_c;  // of the states after the step; none for zeros
    bool need_x, need_h, need_weights;
};

using Stepped = std::tuple<Tensor, Tensor, Tensor>;  // h, c, kept (B, KEPT, H); c is empty where there is none
// Of x, h, c, weight_x, weight_h, bias_x and bias_h; empty where nobody asks for them or where there is none.
using StepGradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

// A cell whose gates are those of torch, in the same order, and that sees the sum of its two parts alone.
template <class Ours>
struct AsTorch {
    static constexpr int GATES = Ours::GATES, STATES = Ours::STATES, KEPT = Ours::KEPT;
    static constexpr bool SUM_OF_PARTS = true;
    static void step(const V* x, const V* r, V* s, V* kept) { Ours::step(x, r, s, nullptr, kept); }
    static void back(const V* kept, V h, V* ds, V* dx, V*) { Ours::back(kept, h, ds, nullptr, dx, nullptr); }
};

// torch has the gates r, z, n, and its z is what remains of the old state: 1 - z of ours, and 1 - σ(a) = σ(-a).
struct GRUAsTorch {
    using Ours = gru_after::Cell;
    static constexpr int GATES = 3, STATES = 1, KEPT = Ours::KEPT;
    static constexpr bool SUM_OF_PARTS = false;
    static void step(const V* x, const V* r, V* s, V* kept) {
        const V ours_x[] = {x[1].neg(), x[0], x[2]}, ours_r[] = {r[1].neg(), r[0], r[2]}, no_bias(0.f);
        Ours::step(ours_x, ours_r, s, &no_bias, kept);
    }
    static void back(const V* kept, V h, V* ds, V* dx, V* dr) {
        const V no_bias(0.f);
        V da[Ours::SLOTS], down[Ours::OWN];
        Ours::back(kept, h, ds, &no_bias, da, down);
        const V *of_x = da + Ours::X_SLOT, *of_r = da + Ours::R_SLOT;
        for (int n = 0; n < GATES; n++)
            if (Ours::x_gate(n) == 2) dx[2] = of_x[n];
        dr[0] = dx[0] = of_r[1], dr[1] = dx[1] = of_r[0].neg(), dr[2] = of_r[2];
    }
};

struct StepSizes {
    int64_t B, I, H, G;
    StepSizes(const SingleStep& a, int64_t G, int64_t states) : B(a.x.size(0)), I(a.x.size(1)), H(a.h.size(1)), G(G) {
        check(a.x, "x", {B, I});
        check(a.h, "h", {B, H});
        check(a.weight_x, "weight_x", {G * H, I});
        check(a.weight_h, "weight_h", {G * H, H});
        TORCH_CHECK(bool(a.c) == (states > 1), "an LSTM has a state c, other cells have none");
        TORCH_CHECK(bool(a.bias_x) == bool(a.bias_h), "both biases or neither");
        if (a.c) check(*a.c, "c", {B, H});
        if (a.bias_x) check(*a.bias_x, "bias_x", {G * H});
        if (a.bias_h) check(*a.bias_h, "bias_h", {G * H});
    }
    // Calls body(row, units), a vector of units of one sequence at a time; a thread has enough of them to be worth it.
    template <class Body>
    void each(const Body& body) const {
        at::parallel_for(0, B, std::max<int64_t>(1, 8192 / std::max<int64_t>(H, 1)), [&](int64_t begin, int64_t end) {
            for (int64_t row = begin; row < end; row++)
                each_vector(H, [&](const auto& units) { body(row, units); });
        });
    }
};

inline const float* data_of(const Tensor& t) { return t.defined() ? t.const_data_ptr<float>() : nullptr; }
inline Tensor contiguous(const OptionalTensor& t) { return t ? t->contiguous() : Tensor(); }

template <class Cell>
Stepped single_step(const SingleStep& a) {
    const StepSizes z(a, Cell::GATES, Cell::STATES);
    const Tensor h_ = a.h.contiguous(), c_ = contiguous(a.c);
    const Tensor bias_x_ = contiguous(a.bias_x), bias_h_ = contiguous(a.bias_h);
    Tensor x_ = at::mm(a.x, a.weight_x.t()), r_;
    if (Cell::SUM_OF_PARTS)
        x_.addmm_(h_, a.weight_h.t());
    else
        r_ = at::mm(h_, a.weight_h.t());
    Tensor next_h = at::empty({z.B, z.H}, h_.options());
    Tensor next_c = at::empty({Cell::STATES > 1 ? z.B : 0, z.H}, h_.options());
    Tensor kept_ = at::empty({z.B, Cell::KEPT, z.H}, h_.options());
    const float *x = data_of(x_), *r = data_of(r_), *bias_x = data_of(bias_x_), *bias_h = data_of(bias_h_);
    const float *h = data_of(h_), *c = data_of(c_);
    float *to_h = next_h.mutable_data_ptr<float>(), *to_c = next_c.mutable_data_ptr<float>();
    float* kept = kept_.mutable_data_ptr<float>();
    z.each([&](int64_t row, const auto& units) {
        V parts[Cell::GATES], of_h[Cell::GATES], s[Cell::STATES], values[Cell::KEPT];
        for (int g = 0; g < Cell::GATES; g++) {
            parts[g] = units.load(x + (row * Cell::GATES + g) * z.H);
            of_h[g] = r ? units.load(r + (row * Cell::GATES + g) * z.H) : V(0.f);
            if (!bias_x) continue;
            parts[g] = parts[g] + units.load(bias_x + g * z.H);
            of_h[g] = of_h[g] + units.load(bias_h + g * z.H);
        }
        s[0] = units.load(h + row * z.H);
        if constexpr (Cell::STATES > 1) s[1] = units.load(c + row * z.H);
        Cell::step(parts, of_h, s, values);
        units.store(s[0], to_h + row * z.H);
        if constexpr (Cell::STATES > 1) units.store(s[1], to_c + row * z.H);
        for (int k = 0; k < Cell::KEPT; k++) units.store(values[k], kept + (row * Cell::KEPT + k) * z.H);
    });
    return {next_h, next_c, kept_};
}

template <class Cell>
StepGradients single_step_backward(const SingleStepBackward& a) {
    const SingleStep& f = a.forward;
    const StepSizes z(f, Cell::GATES, Cell::STATES);
    check(a.kept, "kept", {z.B, Cell::KEPT, z.H});
    if (a.grad_h) check(*a.grad_h, "grad_h", {z.B, z.H});
    if (a.grad_c) check(*a.grad_c, "grad_c", {z.B, z.H});
    const Tensor h_ = f.h.contiguous(), kept_ = a.kept.contiguous();
    const Tensor grad_h_ = contiguous(a.grad_h), grad_c_ = contiguous(a.grad_c);
    const auto none = [&] { return at::empty({0}, h_.options()); };  // outputs must not share memory
    Tensor dx_ = at::empty({z.B, Cell::GATES * z.H}, h_.options());
    Tensor dr_ = Cell::SUM_OF_PARTS ? dx_ : at::empty(dx_.sizes(), h_.options());
    Tensor dh_ = at::empty({z.B, z.H}, h_.options());
    Tensor dc_ = Cell::STATES > 1 ? at::empty({z.B, z.H}, h_.options()) : none();
    const float *h = data_of(h_), *kept = data_of(kept_), *grad_h = data_of(grad_h_), *grad_c = data_of(grad_c_);
    float *dx = dx_.mutable_data_ptr<float>(), *dr = dr_.mutable_data_ptr<float>();
    float *dh = dh_.mutable_data_ptr<float>(), *dc = dc_.mutable_data_ptr<float>();
    z.each([&](int64_t row, const auto& units) {
        V values[Cell::KEPT], ds[Cell::STATES], of_x[Cell::GATES], of_r[Cell::GATES];
        for (int k = 0; k < Cell::KEPT; k++) values[k] = units.load(kept + (row * Cell::KEPT + k) * z.H);
        ds[0] = grad_h ? units.load(grad_h + row * z.H) : V(0.f);
        if constexpr (Cell::STATES > 1) ds[1] = grad_c ? units.load(grad_c + row * z.H) : V(0.f);
        Cell::back(values, units.load(h + row * z.H), ds, of_x, of_r);
        units.store(ds[0], dh + row * z.H);
        if constexpr (Cell::STATES > 1) units.store(ds[1], dc + row * z.H);
        for (int g = 0; g < Cell::GATES; g++) {
            units.store(of_x[g], dx + (row * Cell::GATES + g) * z.H);
            if (!Cell::SUM_OF_PARTS) units.store(of_r[g], dr + (row * Cell::GATES + g) * z.H);
        }
    });
    if (a.need_h) dh_.addmm_(dr_, f.weight_h);
    const Tensor grad_x = a.need_x ? at::mm(dx_, f.weight_x) : none();
    if (!a.need_weights) return {grad_x, a.need_h ? dh_ : none(), dc_, none(), none(), none(), none()};
    const Tensor of_bias_x = f.bias_x ? dx_.sum(0) : none();
    const Tensor of_bias_h = !f.bias_x ? none() : Cell::SUM_OF_PARTS ? of_bias_x.clone() : dr_.sum(0);
    const Tensor of_x = at::mm(dx_.t(), f.x), of_h = at::mm(dr_.t(), h_);
    return {grad_x, a.need_h ? dh_ : none(), dc_, of_x, of_h, of_bias_x, of_bias_h};
}

// Calls body with the cell of that name as torch lays out its gates.
template <class Body>
auto with_torch_cell(std::string_view name, const Body& body) {
    if (name == "lstm") return body(AsTorch<lstm::Cell>());
    if (name == "gru-after") return body(GRUAsTorch());
    if (name == "rnn-tanh") return body(AsTorch<rnn_tanh::Cell>());
    TORCH_CHECK(name == "rnn-relu", "torch has no cell '", std::string(name), "'");
    return body(AsTorch<rnn_relu::Cell>());
}

inline Stepped single_step_of(const SingleStep& a) {
    const at::AutoDispatchBelowAutograd below;
    return with_torch_cell(a.cell, [&](auto cell) { return single_step<decltype(cell)>(a); });
}

inline StepGradients single_step_backward_of(const SingleStepBackward& a) {
    const at::AutoDispatchBelowAutograd below;
    return with_torch_cell(a.forward.cell, [&](auto cell) { return single_step_backward<decltype(cell)>(a); });
}

}  // namespace seqkit
