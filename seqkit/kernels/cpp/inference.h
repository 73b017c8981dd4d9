// The operators of inference: forward alone, from packed weights or from weights as they lie, with nothing kept. They are
// operators of their own so that autograd need not look at them.
#pragma once

#include "arguments.h"
#include "layer.h"
#include "pack.h"
#include "plan.h"
#include "sizes.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <tuple>

namespace seqkit {

template <class Number>
void pack_into(const Tensor& weight_x, const Tensor& weight_h, const Sizes& z, Number* to) {
    pack_rows(weight_x.const_data_ptr<float>(), z.D, z.G, z.H, z.I, to);
    pack_rows(weight_h.const_data_ptr<float>(), z.D, z.G, z.H, z.H, to + z.D * z.G * z.H * z.inputs());
}

inline int64_t packed_size(const Sizes& z) { return z.D * z.G * z.H * (z.inputs() + z.H); }

inline Tensor pack(const Tensor& weight_x_, const Tensor& weight_h_, bool bf16) {
    const Tensor weight_x = weight_x_.contiguous(), weight_h = weight_h_.contiguous();
    const int64_t D = weight_h.size(0), H = weight_h.size(2), G = weight_h.size(1) / H, I = weight_x.size(2);
    check(weight_h, "weight_h", {D, G * H, H});
    check(weight_x, "weight_x", {D, G * H, I});
    const Sizes z(0, 0, I, D, G, H, H, bf16);
    Tensor packed = at::empty({packed_size(z)}, weight_x.options().dtype(bf16 ? at::kBFloat16 : at::kFloat));
    if (bf16)
        pack_into(weight_x, weight_h, z, packed.mutable_data_ptr<BFloat16>());
    else
        pack_into(weight_x, weight_h, z, packed.mutable_data_ptr<float>());
    return packed;
}

// By a way that is shorter than at::empty: a step of a small layer takes microseconds.
inline Tensor empty_floats(at::IntArrayRef sizes) { return at::detail::empty_cpu(sizes, at::kFloat); }

using Inferred = std::tuple<Tensor, Tensor, Tensor>;  // output, h, c; c is empty for a cell whose only state is h

// Whole sequences through one layer.
template <class Cell>
Inferred infer(const InferenceArguments& a) {
    TORCH_CHECK(a.x.dim() == 3 && a.vectors.dim() == 3, "x must be (B, T, I), vectors (D, n, H)");
    Sizes z(a.x.size(0), a.x.size(1), a.x.size(2), a.vectors.size(0), Cell::GATES, a.vectors.size(2), a.units,
            a.packed.scalar_type() == at::kBFloat16);
    z.set_unpadded_states(z.D);
    check_sizes(z, a.slices, a.team);
    check(a.x, "x", a.x.sizes());
    check_packed<Cell>(a, packed_size(z));
    const InitialStates initial(a.h, a.c, Cell::STATES, {z.B, z.D, z.units});
    const Plan plan = make_plan(a.lengths, z.B, z.T, a.slices);
    const Tensor x = a.x.contiguous();
    Tensor out = empty_floats({z.B, z.T, z.D * z.H}), h = empty_floats({z.B, z.D, z.units});
    Tensor c = Cell::STATES > 1 ? empty_floats({z.B, z.D, z.units}) : empty_floats({0});
    run_forward<Cell>({
        .z = z,
        .plan = plan,
        .team = a.team,
        .x = x.const_data_ptr<float>(),
        .packed = operand_at(a.packed, 0),
        .vectors = a.vectors.const_data_ptr<float>(),
        .initial = {initial.data(0, 0), initial.data(1, 0)},
        .out = out.mutable_data_ptr<float>(),
        .final = {h.mutable_data_ptr<float>(), c.mutable_data_ptr<float>()},
        .verification = a.verification,
    });
    return {out, h, c};
}

// One time step through all L layers of a stack in one direction. Packed weights lie layer after layer, and there are L
// of the vectors and of each state.
template <class Cell>
Inferred step(const InferenceArguments& a) {
    TORCH_CHECK(a.x.dim() == 2 && a.vectors.dim() == 3 && a.vectors.size(0) > 0, "x must be (B, I), vectors (L, n, H)");
    const int64_t B = a.x.size(0), L = a.vectors.size(0), units = a.units;
    Sizes first(B, 1, a.x.size(1), 1, Cell::GATES, a.vectors.size(2), units, a.packed.scalar_type() == at::kBFloat16);
    first.set_unpadded_states(L);
    Sizes next = first;
    next.I = units;
    check_sizes(first, a.slices, a.team);
    check(a.x, "x", {B, first.I});
    check_packed<Cell>(a, packed_size(first) + (L - 1) * packed_size(next));
    const InitialStates initial(a.h, a.c, Cell::STATES, {B, L, units});
    const Plan plan = make_plan({}, B, 1, a.slices);
    Tensor x = a.x.contiguous(), h = empty_floats({B, L, units});
    Tensor c = Cell::STATES > 1 ? empty_floats({B, L, units}) : empty_floats({0});
    float *final_h = h.mutable_data_ptr<float>(), *final_c = c.mutable_data_ptr<float>();
    for (int64_t l = 0, packed = 0; l < L; l++) {
        const Sizes& z = l ? next : first;
        Tensor out = empty_floats({B, z.H});
        run_forward<Cell>({
            .z = z,
            .plan = plan,
            .team = a.team,
            .x = x.const_data_ptr<float>(),
            .packed = operand_at(a.packed, packed),
            .vectors = a.vectors.const_data_ptr<float>() + l * a.vectors.stride(0),
            .initial = {initial.data(0, l * units), initial.data(1, l * units)},
            .out = out.mutable_data_ptr<float>(),
            .final = {final_h + l * units, Cell::STATES > 1 ? final_c + l * units : nullptr},
            .verification = l ? nullptr : a.verification,
        });
        packed += packed_size(z);
        x = units == z.H ? out : out.narrow(1, 0, units).contiguous();
    }
    return {x, h, c};
}

// Biases and the cell's own parameters of a layer as the loops read them: (G + OWN, H), padding units 0.
template <class Cell>
void gather_vectors(at::TensorList tensors, const Sizes& z, float* to) {
    int64_t rows = 0;
    for (const Tensor& given : tensors) {
        const Tensor tensor = given.contiguous();
        TORCH_CHECK(tensor.scalar_type() == at::kFloat && tensor.numel() % z.units == 0, "a vector does not fit");
        const float* from = tensor.const_data_ptr<float>();
        const int64_t count = tensor.numel() / z.units;
        TORCH_CHECK(rows + count <= z.G + Cell::OWN, "more vectors than the cell has");
        for (int64_t n = 0; n < count; n++, rows++) {
            std::memcpy(to + rows * z.H, from + n * z.units, z.units * sizeof(float));
            std::fill_n(to + rows * z.H + z.units, z.H - z.units, 0.f);
        }
    }
    TORCH_CHECK(rows == z.G + Cell::OWN, "fewer vectors than the cell has");
}

// The weights of a direction as they lie, checked and held while they are read.
template <class Cell>
struct InPlace {
    Tensor x, h;
    WeightsInPlace weights;

    // Its biases and own parameters go to `vectors`.
    InPlace(at::TensorList tensors, const Sizes& z, float* vectors)
        : x(tensors[0].contiguous()), h(tensors[1].contiguous()) {
        check(x, "weight_x", {z.G * z.units, z.I});
        check(h, "weight_h", {z.G * z.units, z.units});
        weights = {x.const_data_ptr<float>(), h.const_data_ptr<float>()};
        gather_vectors<Cell>(tensors.slice(2), z, vectors);
    }
};

template <class Cell>
Sizes sizes_in_place(const InPlaceArguments& a, int64_t T, int64_t D) {
    const int64_t each = a.n > 0 ? a.weights.size() / a.n : 0;
    TORCH_CHECK(each >= 3 && a.weights[1].dim() == 2 && a.x.dim() >= 2, "weights or x do not fit");
    check(a.x, "x", a.x.sizes());
    const int64_t units = a.weights[1].size(1), H = (units + kUnitMultiple - 1) / kUnitMultiple * kUnitMultiple;
    Sizes z(a.x.size(0), T, a.x.size(-1), D, Cell::GATES, H, units, false);
    z.set_unpadded_states(a.n);
    check_sizes(z, 1, a.team);
    return z;
}

// Sequences of one length through one layer, as `infer`, from weights as they lie.
template <class Cell>
Inferred infer_in_place(const InPlaceArguments& a) {
    TORCH_CHECK(a.x.dim() == 3, "x must be (B, T, I)");
    const Sizes z = sizes_in_place<Cell>(a, a.x.size(1), a.n);
    const InitialStates initial(a.h, a.c, Cell::STATES, {z.B, z.D, z.units});
    const Plan plan = make_plan({}, z.B, z.T, 1);
    const int64_t each = a.weights.size() / a.n, floats = (z.G + Cell::OWN) * z.H;
    const Buffer vectors = buffer(z.D * floats);
    const Tensor x = a.x.contiguous();
    Tensor out = empty_floats({z.B, z.T, z.D * z.H}), h = empty_floats({z.B, z.D, z.units});
    Tensor c = Cell::STATES > 1 ? empty_floats({z.B, z.D, z.units}) : empty_floats({0});
    const InPlace<Cell> first(a.weights.slice(0, each), z, vectors.get());
    const InPlace<Cell> last(a.weights.slice((z.D - 1) * each, each), z, vectors.get() + (z.D - 1) * floats);
    run_forward<Cell>({
        .z = z,
        .plan = plan,
        .team = a.team,
        .x = x.const_data_ptr<float>(),
        .packed = {nullptr, nullptr},
        .vectors = vectors.get(),
        .initial = {initial.data(0, 0), initial.data(1, 0)},
        .out = out.mutable_data_ptr<float>(),
        .final = {h.mutable_data_ptr<float>(), c.mutable_data_ptr<float>()},
        .in_place = {first.weights, last.weights},
    });
    return {out, h, c};
}

// One time step, as `step`, from weights as they lie.
template <class Cell>
Inferred step_in_place(const InPlaceArguments& a) {
    TORCH_CHECK(a.x.dim() == 2, "x must be (B, I)");
    const int64_t L = a.n, each = a.weights.size() / std::max<int64_t>(L, 1);
    Sizes z = sizes_in_place<Cell>(a, 1, 1);
    const InitialStates initial(a.h, a.c, Cell::STATES, {z.B, L, z.units});
    // That of a single row is made once: it takes as long as a hidden layer of 16 units.
    static const Plan of_a_row = make_plan({}, 1, 1, 1);
    const Plan made = z.B == 1 ? Plan() : make_plan({}, z.B, 1, 1), &plan = z.B == 1 ? of_a_row : made;
    const Buffer vectors = buffer((z.G + Cell::OWN) * z.H);
    Tensor x = a.x.contiguous(), h = empty_floats({z.B, L, z.units});
    Tensor c = Cell::STATES > 1 ? empty_floats({z.B, L, z.units}) : empty_floats({0});
    float *final_h = h.mutable_data_ptr<float>(), *final_c = c.mutable_data_ptr<float>();
    for (int64_t l = 0; l < L; l++) {
        const InPlace<Cell> layer(a.weights.slice(l * each, each), z, vectors.get());
        Tensor out = empty_floats({z.B, z.H});
        run_forward<Cell>({
            .z = z,
            .plan = plan,
            .team = a.team,
            .x = x.const_data_ptr<float>(),
            .packed = {nullptr, nullptr},
            .vectors = vectors.get(),
            .initial = {initial.data(0, l * z.units), initial.data(1, l * z.units)},
            .out = out.mutable_data_ptr<float>(),
            .final = {final_h + l * z.units, Cell::STATES > 1 ? final_c + l * z.units : nullptr},
            .in_place = {layer.weights},
        });
        x = z.units == z.H ? out : out.narrow(1, 0, z.units).contiguous();
        z.I = z.units;
    }
    return {x, h, c};
}

}  // namespace seqkit
