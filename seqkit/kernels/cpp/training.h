// The operators of training: forward that keeps what backward needs, and backward.
#pragma once

#include "arguments.h"
#include "backward.h"
#include "buffer.h"
#include "cells/cell.h"
#include "gradients.h"
#include "inference.h"
#include "layer.h"
#include "pack.h"
#include "plan.h"
#include "sizes.h"
#include "team.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <cstdint>
#include <memory>
#include <tuple>
#include <vector>

namespace seqkit {

using Forwarded = std::tuple<Tensor, Tensor, Tensor, Tensor>;  // out, final, kept_h, kept

template <class Cell>
Forwarded forward(const ForwardArguments& a) {
    const LayerWeights& w = a.weights;
    const Sizes z = check_layer<Cell>(a.x, w, a.options);
    check(a.state, "state", {Cell::STATES, z.B, z.D, z.H});
    const auto options = a.x.options();
    const Tensor x = a.x.contiguous(), state = a.state.contiguous();
    const Tensor vectors = at::cat({w.bias.reshape({z.D, z.G, z.H}), w.own}, 1);
    const Tensor packed = pack(w.weight_x, w.weight_h, z.bf16 ? Precision::bf16 : Precision::f32);
    const Plan plan = make_plan(a.lengths, z.B, z.T, a.options.slices);
    Tensor out = at::empty({z.B, z.T, z.D * z.H}, options), final = at::empty(state.sizes(), options);
    Tensor kept_h = in_large_pages(at::empty({z.D, kept_h_rows<Cell>(z), z.H}, options));
    Tensor kept = in_large_pages(at::empty({z.D, z.B * z.T, kept_size<Cell>(z)}, options));
    const float* h = state.const_data_ptr<float>();
    float* final_h = final.mutable_data_ptr<float>();
    const int64_t c = Cell::STATES > 1 ? z.B * z.D * z.H : 0;  // where c lies behind h
    run_forward<Cell>({
        .z = z,
        .plan = plan,
        .team = a.options.team,
        .x = x.const_data_ptr<float>(),
        .packed = operand_at(packed, 0),
        .vectors = vectors.const_data_ptr<float>(),
        .initial = {h, h + c},
        .out = out.mutable_data_ptr<float>(),
        .final = {final_h, final_h + c},
        .kept_h = kept_h.mutable_data_ptr<float>(),
        .kept = kept.mutable_data_ptr<float>(),
    });
    return {out, final, kept_h, kept};
}

// What the loops backward leave.
struct PreActivationGradients {
    Tensor da;          // (D, packed rows, SLOTS·H)
    Tensor sums;        // (D, slices, (SLOTS + OWN)·H), over a slice's rows
    Tensor grad_state;  // (STATES, B, D, H)
};

inline Tensor pack_for_backward(const Tensor& weight_h, const Sizes& z) {
    const int64_t gates = z.G * z.H;
    Tensor packed = at::empty({z.D, gates * z.H}, weight_h.options().dtype(z.bf16 ? at::kBFloat16 : at::kFloat));
    const float* from = weight_h.const_data_ptr<float>();
    if (z.bf16)
        pack_columns(from, z.D, gates, z.H, packed.mutable_data_ptr<BFloat16>());
    else
        pack_columns(from, z.D, gates, z.H, packed.mutable_data_ptr<float>());
    return packed;
}

template <class Cell>
PreActivationGradients run_backward(const BackwardArguments& a, const Sizes& z, const Plan& plan) {
    constexpr int64_t SLOTS = Cell::SLOTS, OWN = Cell::OWN;
    const int64_t slices = plan.slices.size(), rows = z.B * z.T;
    const Tensor packed = pack_for_backward(a.weights.weight_h.contiguous(), z), own = a.weights.own.contiguous();
    const Tensor grad_out = a.grad_out.contiguous(), grad_final = a.grad_final.contiguous();
    const auto options = a.x.options();
    PreActivationGradients left{
        .da = in_large_pages(at::empty({z.D, rows, SLOTS * z.H}, options)),
        .sums = at::zeros({z.D, slices, (SLOTS + OWN) * z.H}, options),
        .grad_state = at::empty(grad_final.sizes(), options),
    };
    std::vector<std::unique_ptr<BackwardScratch>> scratch;
    for (int64_t item = 0; item < z.D * slices; item++)
        scratch.push_back(
            std::make_unique<BackwardScratch>(z, plan.slices[item / z.D], Cell::STATES, Cell::backward_scratch(z)));
    run_in_teams(z.D * slices, a.options.team, z.bf16, [&](int64_t item, const Member& member) {
        const int64_t d = item % z.D, s = item / z.D;
        Backward loop{
            .z = z,
            .s = plan.slices[s],
            .member = member,
            .d = d,
            .weight_h = operand_at(packed, d * z.G * z.H * z.H),
            .own = own.const_data_ptr<float>() + d * OWN * z.H,
            .kept_h = a.kept_h.const_data_ptr<float>() + d * kept_h_rows<Cell>(z) * z.H,
            .kept = a.kept.const_data_ptr<float>() + d * rows * kept_size<Cell>(z),
            .grad_out = grad_out.const_data_ptr<float>(),
            .grad_final = grad_final.const_data_ptr<float>(),
            .da = left.da.mutable_data_ptr<float>() + d * rows * SLOTS * z.H,
            .sums = left.sums.mutable_data_ptr<float>() + (d * slices + s) * (SLOTS + OWN) * z.H,
            .grad_state = left.grad_state.mutable_data_ptr<float>(),
            .shared = *scratch[item],
        };
        loop.template run<Cell>();
    });
    return left;
}

struct WeightGradients {
    Tensor x, weight_x, weight_h;  // x is empty where it is not asked for
};

template <class Cell>
WeightGradients weight_gradients_of(const BackwardArguments& a, const Sizes& z, const Plan& plan, const Tensor& da) {
    const int64_t rows = z.B * z.T, gates = z.G * z.H;
    const Tensor x = a.x.contiguous(), weight_x = a.weights.weight_x.contiguous();
    WeightGradients grad{
        // Padding has no row that would set its gradient.
        .x = !a.need_x   ? at::empty({0}, x.options())
             : a.lengths ? at::zeros_like(x)
                         : at::empty_like(x),
        .weight_x = at::empty_like(weight_x),
        .weight_h = at::empty({z.D, gates, z.H}, x.options()),
    };
    if (plan.total == 0) grad.weight_x.zero_(), grad.weight_h.zero_();
    for (int64_t d = 0; d < z.D; d++) {
        const DirectionGradients direction{
            .z = z,
            .plan = plan,
            .batch_row = batch_rows(plan, z.T, d == 1),
            .x = x.const_data_ptr<float>(),
            .weight_x = weight_x.const_data_ptr<float>() + d * gates * z.I,
            .kept_h = a.kept_h.const_data_ptr<float>() + d * kept_h_rows<Cell>(z) * z.H,
            .kept = a.kept.const_data_ptr<float>() + d * rows * kept_size<Cell>(z),
            .da = da.const_data_ptr<float>() + d * rows * Cell::SLOTS * z.H,
            .grad_weight_x = grad.weight_x.mutable_data_ptr<float>() + d * gates * z.I,
            .grad_weight_h = grad.weight_h.mutable_data_ptr<float>() + d * gates * z.H,
            .grad_x = grad.x.mutable_data_ptr<float>(),
        };
        weight_gradients<Cell>(direction);
        if (a.need_x) input_gradient<Cell>(direction, d == 1);
    }
    return grad;
}

// Gradients of x, weight_x, weight_h, bias, own and state.
using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

template <class Cell>
Gradients backward(const BackwardArguments& a) {
    const Sizes z = check_layer<Cell>(a.x, a.weights, a.options);
    check(a.kept_h, "kept_h", {z.D, kept_h_rows<Cell>(z), z.H});
    check(a.kept, "kept", {z.D, z.B * z.T, kept_size<Cell>(z)});
    check(a.grad_out, "grad_out", {z.B, z.T, z.D * z.H});
    check(a.grad_final, "grad_final", {Cell::STATES, z.B, z.D, z.H});
    const Plan plan = make_plan(a.lengths, z.B, z.T, a.options.slices);
    const PreActivationGradients left = run_backward<Cell>(a, z, plan);
    const WeightGradients grad = weight_gradients_of<Cell>(a, z, plan, left.da);
    const Tensor sums = left.sums.sum(1).view({z.D, Cell::SLOTS + Cell::OWN, z.H});
    const Tensor grad_bias = at::empty({z.D, z.G, z.H}, sums.options());
    for (int n = 0; n < Cell::GATES; n++) grad_bias.select(1, Cell::x_gate(n)).copy_(sums.select(1, Cell::X_SLOT + n));
    const Tensor grad_own = sums.narrow(1, Cell::SLOTS, Cell::OWN).clone(at::MemoryFormat::Contiguous);
    return {grad.x, grad.weight_x, grad.weight_h, grad_bias.view({z.D, z.G * z.H}), grad_own, left.grad_state};
}

}  // namespace seqkit
