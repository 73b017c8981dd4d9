// A whole layer forward: its directions and slices, dealt to teams of threads.
#pragma once

#include "bfloat16.h"
#include "cells/cell.h"
#include "fingerprint.h"
#include "forward.h"
#include "plan.h"
#include "sizes.h"
#include "team.h"

#include <c10/util/SmallVector.h>

#include <atomic>
#include <cstdint>

namespace seqkit {

struct LayerForward {
    const Sizes& z;
    const Plan& plan;
    int64_t team;
    const float* x;        // (B, T, I)
    Operand packed;        // the input weights of all directions, then their recurrent weights
    const float* vectors;  // (D, G + OWN, H)
    const float* initial[kMaxStates];
    float* out;
    float* final[kMaxStates];
    WeightsInPlace in_place[2] = {};           // of each direction, instead of packed ones, for a single row
    Verification* verification = nullptr;      // of the weights that were packed
    float *kept_h = nullptr, *kept = nullptr;  // what backward needs, of all directions; null if it is not to be kept
};

template <class Cell>
void run_forward(const LayerForward& layer, bool from_zeros, std::atomic<bool>& finite) {
    const Sizes& z = layer.z;
    const int64_t items = z.D * layer.plan.slices.size(), gates = z.G * z.H;
    c10::SmallVector<ForwardScratch, 2> scratch;
    for (int64_t item = 0; item < items; item++)
        scratch.emplace_back(z, layer.plan.slices[item / z.D], Cell::STATES, Cell::forward_scratch(z));
    run_in_teams(items, layer.team, z.bf16 || z.int8, [&](int64_t item, const Member& member) {
        if (layer.verification) layer.verification->check_share(item * member.size + member.number, items * member.size);
        const int64_t d = item % z.D;
        const float* bias = layer.vectors + d * (z.G + Cell::OWN) * z.H;
        Forward loop{
            .z = z,
            .s = layer.plan.slices[item / z.D],
            .member = member,
            .d = d,
            .x = layer.x,
            .weight_x = layer.packed + d * gates * z.packed_rows(z.I),
            .weight_h = layer.packed + gates * (z.D * z.packed_rows(z.I) + d * z.packed_rows(z.H)),
            .in_place = layer.in_place[d],
            .bias = bias,
            .own = bias + gates,
            .initial = {layer.initial[0], layer.initial[1]},
            .out = layer.out,
            .final = {layer.final[0], layer.final[1]},
            .kept_h = layer.kept_h ? layer.kept_h + d * kept_h_rows<Cell>(z) * z.H : nullptr,
            .kept = layer.kept ? layer.kept + d * z.B * z.T * kept_size<Cell>(z) : nullptr,
            .shared = scratch[item],
            .from_zeros = from_zeros,
            .finite = finite,
        };
        loop.template run<Cell>();
    }, !layer.in_place[0].x || z.B * z.T >= kRowsWorthPacking);
}

// The first recurrent product of zeros is believed to be zeros, which it is not where a weight is infinite or no number:
// the second one tells, since such a weight spoils it whatever it is multiplied with. Then all is computed again.
template <class Cell>
void run_forward(const LayerForward& layer) {
    std::atomic<bool> finite{true};
    const bool from_zeros = !layer.initial[0];
    run_forward<Cell>(layer, from_zeros, finite);
    if (!finite) run_forward<Cell>(layer, false, finite);
}

}  // namespace seqkit
