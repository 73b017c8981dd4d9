// The operators of inference: forward alone, from packed weights or from weights as they lie, with nothing kept. They are
// operators of their own so that autograd need not look at them.
#pragma once

#include "arguments.h"
#include "buffer.h"
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
    pack_rows(weight_h.const_data_ptr<float>(), z.D, z.G, z.H, z.H, to + z.D * z.G * z.H * z.packed_rows(z.I));
}

inline int64_t packed_size(const Sizes& z) { return z.D * z.G * z.H * (z.packed_rows(z.I) + z.packed_rows(z.H)); }

inline Tensor pack(const Tensor& weight_x_, const Tensor& weight_h_, Precision precision) {
    const Tensor weight_x = weight_x_.contiguous(), weight_h = weight_h_.contiguous();
    const int64_t D = weight_h.size(0), H = weight_h.size(2), G = weight_h.size(1) / H, I = weight_x.size(2);
    check(weight_h, "weight_h", {D, G * H, H});
    check(weight_x, "weight_x", {D, G * H, I});
    const Sizes z(0, 0, I, D, G, H, H, precision);
    const at::ScalarType type = z.bf16 ? at::kBFloat16 : z.int8 ? at::kByte : at::kFloat;
    Tensor packed = in_large_pages(at::empty({packed_size(z)}, weight_x.options().dtype(type)));
    if (z.bf16)
        pack_into(weight_x, weight_h, z, packed.mutable_data_ptr<BFloat16>());
    else if (z.int8)
        pack_into(weight_x, weight_h, z, packed.mutable_data_ptr<uint8_t>());
    else
        pack_into(weight_x, weight_h, z, packed.mutable_data_ptr<float>());
    return packed;
}

// By a way that is shorter than at::empty: a step of a small layer takes microseconds.
inline Tensor empty_floats(at::IntArrayRef sizes) { return at::detail::empty_cpu(sizes, at::kFloat); }

using Inferred = std::tuple<Tensor, Tensor, Tensor>;  // output, h, c; c is empty for a cell whose only state is h

// The weights of a layer as its loop reads them: packed or as they lie.
struct ReadWeights {
    Operand packed{nullptr, nullptr};
    const float* vectors = nullptr;
    WeightsInPlace in_place[2] = {};
};

// A stack of layers over whole sequences (B, T, I), or over one time step (B, I); the first has the sizes z, and
// weights(l, z) are those of layer l. Only the output of a whole sequence has padding units.
template <class Cell, class WeightsOf>
Inferred run_layers(Sizes z, int64_t layers, const Plan& plan, int64_t team, const Tensor& given,
                    const InitialStates& initial, Verification* verification, const WeightsOf& weights) {
    z.set_unpadded_states(z.D * layers);
    const bool single = given.dim() == 2;
    Tensor x = given.contiguous(), h = empty_floats({z.B, z.D * layers, z.units});
    Tensor c = Cell::STATES > 1 ? empty_floats({z.B, z.D * layers, z.units}) : empty_floats({0});
    float *final_h = h.mutable_data_ptr<float>(), *final_c = c.mutable_data_ptr<float>();
    for (int64_t l = 0; l < layers; l++) {
        const ReadWeights read = weights(l, z);
        Tensor out = single ? empty_floats({z.B, z.H}) : empty_floats({z.B, z.T, z.D * z.H});
        const int64_t first = l * z.D * z.units;
        run_forward<Cell>({
            .z = z,
            .plan = plan,
            .team = team,
            .x = x.const_data_ptr<float>(),
            .packed = read.packed,
            .vectors = read.vectors,
            .initial = {initial.data(0, first), initial.data(1, first)},
            .out = out.mutable_data_ptr<float>(),
            .final = {final_h + first, Cell::STATES > 1 ? final_c + first : nullptr},
            .in_place = {read.in_place[0], read.in_place[1]},
            .verification = l ? nullptr : verification,
        });
        x = single && z.units != z.H ? out.narrow(1, 0, z.units).contiguous() : out;
        z.I = z.units;
    }
    return {x, h, c};
}

// Whole sequences through one layer.
template <class Cell>
Inferred infer(const InferenceArguments& a) {
    TORCH_CHECK(a.x.dim() == 3 && a.vectors.dim() == 3, "x must be (B, T, I), vectors (D, n, H)");
    const Sizes z(a.x.size(0), a.x.size(1), a.x.size(2), a.vectors.size(0), Cell::GATES, a.vectors.size(2), a.units,
                  precision_of(a.packed));
    check_sizes(z, a.slices, a.team);
    check(a.x, "x", a.x.sizes());
    check_packed<Cell>(a, packed_size(z));
    const InitialStates initial(a.h, a.c, Cell::STATES, {z.B, z.D, z.units});
    const Plan plan = make_plan(a.lengths, z.B, z.T, a.slices);
    return run_layers<Cell>(z, 1, plan, a.team, a.x, initial, a.verification, [&](int64_t, const Sizes&) {
        return ReadWeights{operand_at(a.packed, 0), a.vectors.const_data_ptr<float>()};
    });
}

// One time step through all L layers of a stack in one direction. Packed weights lie layer after layer, and there are L
// of the vectors and of each state.
template <class Cell>
Inferred step(const InferenceArguments& a) {
    TORCH_CHECK(a.x.dim() == 2 && a.vectors.dim() == 3 && a.vectors.size(0) > 0, "x must be (B, I), vectors (L, n, H)");
    const int64_t B = a.x.size(0), L = a.vectors.size(0), units = a.units;
    const Sizes z(B, 1, a.x.size(1), 1, Cell::GATES, a.vectors.size(2), units, precision_of(a.packed));
    Sizes next = z;
    next.I = units;
    check_sizes(z, a.slices, a.team);
    check(a.x, "x", {B, z.I});
    check_packed<Cell>(a, packed_size(z) + (L - 1) * packed_size(next));
    const InitialStates initial(a.h, a.c, Cell::STATES, {B, L, units});
    const Plan plan = make_plan({}, B, 1, a.slices);
    return run_layers<Cell>(z, L, plan, a.team, a.x, initial, a.verification, [&](int64_t l, const Sizes&) {
        const int64_t before = l ? packed_size(z) + (l - 1) * packed_size(next) : 0;
        return ReadWeights{operand_at(a.packed, before), a.vectors.const_data_ptr<float>() + l * a.vectors.stride(0)};
    });
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

// The weights of the directions of a layer as they lie, checked and held while they are read.
template <class Cell>
class InPlace {
  public:
    explicit InPlace(const Sizes& z)
        : floats_((Cell::GATES + Cell::OWN) * z.H), vectors_(buffer(z.D * floats_)) {}

    // `each` tensors of one direction after another.
    ReadWeights read(at::TensorList tensors, int64_t each, const Sizes& z) {
        ReadWeights found{.vectors = vectors_.get()};
        for (int64_t d = 0; d < z.D; d++) {
            const auto own = tensors.slice(d * each, each);
            x_[d] = own[0].contiguous(), h_[d] = own[1].contiguous();
            check(x_[d], "weight_x", {z.G * z.units, z.I});
            check(h_[d], "weight_h", {z.G * z.units, z.units});
            gather_vectors<Cell>(own.slice(2), z, vectors_.get() + d * floats_);
            found.in_place[d] = {x_[d].template const_data_ptr<float>(), h_[d].template const_data_ptr<float>()};
        }
        return found;
    }

  private:
    int64_t floats_;
    Buffer vectors_;
    Tensor x_[2], h_[2];
};

template <class Cell>
Sizes sizes_in_place(const InPlaceArguments& a, int64_t T, int64_t D) {
    TORCH_CHECK(a.n > 0 && a.weights.size() % a.n == 0 && a.each() >= 3 && a.weights[1].dim() == 2 && a.x.dim() >= 2,
                "weights or x do not fit");
    check(a.x, "x", a.x.sizes());
    const int64_t units = a.weights[1].size(1), H = (units + kUnitMultiple - 1) / kUnitMultiple * kUnitMultiple;
    const Sizes z(a.x.size(0), T, a.x.size(-1), D, Cell::GATES, H, units);
    check_sizes(z, 1, a.team);
    return z;
}

// Sequences of one length through one layer, as `infer`, from weights as they lie.
template <class Cell>
Inferred infer_in_place(const InPlaceArguments& a) {
    TORCH_CHECK(a.x.dim() == 3, "x must be (B, T, I)");
    const Sizes z = sizes_in_place<Cell>(a, a.x.size(1), a.n);
    const InitialStates initial(a.h, a.c, Cell::STATES, {z.B, z.D, z.units});
    InPlace<Cell> layer(z);
    return run_layers<Cell>(z, 1, make_plan({}, z.B, z.T, 1), a.team, a.x, initial, nullptr,
                            [&](int64_t, const Sizes& z) { return layer.read(a.weights, a.each(), z); });
}

// One time step, as `step`, from weights as they lie.
template <class Cell>
Inferred step_in_place(const InPlaceArguments& a) {
    TORCH_CHECK(a.x.dim() == 2, "x must be (B, I)");
    const Sizes z = sizes_in_place<Cell>(a, 1, 1);
    const InitialStates initial(a.h, a.c, Cell::STATES, {z.B, a.n, z.units});
    // That of a single row is made once: it takes as long as a hidden layer of 16 units.
    static const Plan of_a_row = make_plan({}, 1, 1, 1);
    const Plan made = z.B == 1 ? Plan() : make_plan({}, z.B, 1, 1), &plan = z.B == 1 ? of_a_row : made;
    InPlace<Cell> layer(z);
    return run_layers<Cell>(z, a.n, plan, a.team, a.x, initial, nullptr, [&](int64_t l, const Sizes& z) {
        return layer.read(a.weights.slice(l * a.each(), a.each()), a.each(), z);
    });
}

}  // namespace seqkit
