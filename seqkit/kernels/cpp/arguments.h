// What the operators are called with, and the checks that it all fits: the loops go by plain pointers.
#pragma once

#include "bfloat16.h"
#include "fingerprint.h"
#include "product.h"
#include "sizes.h"
#include "team.h"

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace seqkit {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

// How a call is carried out: hidden units that are not padding, the precision of products, slices of the batch for each
// direction, and threads for each slice.
struct Options {
    int64_t units;
    bool bf16;
    int64_t slices, team;
};

// The weights of all directions.
struct LayerWeights {
    const Tensor& weight_x;  // (D, G·H, I)
    const Tensor& weight_h;  // (D, G·H, H)
    const Tensor& bias;      // (D, G·H)
    const Tensor& own;       // (D, OWN, H)
};

struct ForwardArguments {
    std::string_view cell;
    const Tensor& x;  // (B, T, I)
    const OptionalTensor& lengths;
    LayerWeights weights;
    const Tensor& state;  // (STATES, B, D, H)
    Options options;
};

struct BackwardArguments {
    std::string_view cell;
    const Tensor& x;
    const OptionalTensor& lengths;
    LayerWeights weights;
    const Tensor &kept_h, &kept;          // what forward returned
    const Tensor &grad_out, &grad_final;  // (B, T, D·H), (STATES, B, D, H)
    Options options;
    bool need_x;
};

// In inference weights are packed beforehand, and the precision is theirs. h and c (B, n, units) have no padding, for n
// directions or layers; both are there or neither, but a cell whose only state is h ignores c.
struct InferenceArguments {
    std::string_view cell;
    const Tensor& x;  // (B, T, I), or (B, I) for one step
    const OptionalTensor& lengths;
    const Tensor &packed, &vectors;  // vectors (n, G + OWN, H): biases, then the cell's own parameters
    const OptionalTensor &h, &c;
    int64_t units, slices, team;
    Verification* verification = nullptr;
};

// A few sequences, with weights as they lie: of each direction or layer weight_x, weight_h, bias, and what `own` of
// LayerWeights is made of, without padding units. n is the number of directions, or, in a step, of layers.
struct InPlaceArguments {
    std::string_view cell;
    const Tensor& x;  // (B, T, I), or (B, I) for one step
    at::TensorList weights;
    int64_t n;
    const OptionalTensor &h, &c;  // (B, n, units)
    int64_t team;
    int64_t each() const { return weights.size() / n; }
};

inline void check(const Tensor& t, const char* name, at::IntArrayRef sizes, at::ScalarType type = at::kFloat) {
    TORCH_CHECK(t.scalar_type() == type && t.device().is_cpu(), name, " must be ", type, " on the CPU");
    TORCH_CHECK(t.sizes() == sizes, name, " must be ", sizes, ", not ", t.sizes());
}

// Of products of so many numbers.
inline void check_precision(Precision precision, int64_t K) {
    TORCH_CHECK(precision != Precision::bf16 || multiplies_bf16(), "this processor has no bfloat16 products");
    TORCH_CHECK(precision != Precision::int8 || K <= kMostQuantized,
                "products of more than 65536 8-bit integers would overflow");
}

inline void check_sizes(const Sizes& z, int64_t slices, int64_t team) {
    check_precision(z.precision(), std::max(z.I, z.H));
    TORCH_CHECK(z.H % kUnitMultiple == 0 && z.units <= z.H && z.D <= 2, "hidden size or directions do not fit");
    TORCH_CHECK(slices >= 1 && team >= 1 && team <= kMaxTeam, "slices and team must be at least 1, team at most ",
                kMaxTeam);
}

template <class Cell>
Sizes check_layer(const Tensor& x, const LayerWeights& weights, const Options& options) {
    const Tensor& weight_h = weights.weight_h;
    TORCH_CHECK(x.dim() == 3 && weight_h.dim() == 3, "x must be (B, T, I), weight_h (D, G·H, H)");
    const Sizes z(x.size(0), x.size(1), x.size(2), weight_h.size(0), Cell::GATES, weight_h.size(2), options.units,
                  options.bf16 ? Precision::bf16 : Precision::f32);
    check_sizes(z, options.slices, options.team);
    check(x, "x", {z.B, z.T, z.I});
    check(weight_h, "weight_h", {z.D, z.G * z.H, z.H});
    check(weights.weight_x, "weight_x", {z.D, z.G * z.H, z.I});
    check(weights.bias, "bias", {z.D, z.G * z.H});
    check(weights.own, "own", {z.D, Cell::OWN, z.H});
    return z;
}

// The packed weights of `size` numbers, and the vectors that go with them.
template <class Cell>
void check_packed(const InferenceArguments& a, int64_t size) {
    check(a.vectors, "vectors", {a.vectors.size(0), Cell::GATES + Cell::OWN, a.vectors.size(2)});
    check(a.packed, "packed", {size}, a.packed.scalar_type());
    TORCH_CHECK(a.packed.is_contiguous() && a.vectors.is_contiguous(), "packed weights must be contiguous");
}

// The states that a call starts from, (B, n, units) each; null for zeros.
struct InitialStates {
    Tensor state[kMaxStates];
    InitialStates(const OptionalTensor& h, const OptionalTensor& c, int64_t states, at::IntArrayRef sizes) {
        if (!h) return;
        state[0] = h->contiguous();
        check(state[0], "h", sizes);
        if (states == 1) return;
        TORCH_CHECK(c, "h needs c beside it");
        state[1] = c->contiguous();
        check(state[1], "c", sizes);
    }
    const float* data(int n, int64_t offset) const {
        return state[n].defined() ? state[n].const_data_ptr<float>() + offset : nullptr;
    }
};

inline Precision precision_named(std::string_view name) {
    TORCH_CHECK(name == "f32" || name == "bf16" || name == "int8", "no precision '", std::string(name), "'");
    return name == "f32" ? Precision::f32 : name == "bf16" ? Precision::bf16 : Precision::int8;
}

inline Precision precision_of(const Tensor& packed) {
    const at::ScalarType type = packed.scalar_type();
    return type == at::kBFloat16 ? Precision::bf16 : type == at::kByte ? Precision::int8 : Precision::f32;
}

// Packed weights from element n on.
inline Operand operand_at(const Tensor& packed, int64_t n) {
    if (packed.scalar_type() == at::kByte) return {nullptr, nullptr, packed.const_data_ptr<uint8_t>() + n};
    if (packed.scalar_type() == at::kBFloat16) return {nullptr, packed.const_data_ptr<BFloat16>() + n};
    return {packed.const_data_ptr<float>() + n, nullptr};
}

}  // namespace seqkit
