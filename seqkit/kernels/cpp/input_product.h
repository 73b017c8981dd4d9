// A product of all rows of a batch with a matrix, both rounded to bfloat16 or to 8-bit integers: that of the inputs of the
// loops that are given it whole, scan.h and phased.h, and those of its gradients.
#pragma once

#include "arguments.h"
#include "buffer.h"
#include "right_side.h"
#include "rounded_rows.h"
#include "sizes.h"

#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace seqkit {

// x (N, I) in rows, weight (R, I), bias (R), to (N, R).
struct RoundedProduct {
    const RoundedRows& x;
    Precision precision;
    const float *weight, *bias;
    float* out;
    int64_t N, I, R;

    // kPanel columns from `first` on, or as many as there are.
    void columns(int64_t first) const {
        const int64_t width = std::min(kPanel, R - first);
        const Buffer turned = buffer(I * kPanel);
        for (int64_t n = 0; n < width; n++)
            for (int64_t k = 0; k < I; k++) turned[k * kPanel + n] = weight[(first + n) * I + k];
        const RightSide right(I, width, precision, [&](int64_t k) { return turned.get() + k * kPanel; });
        right.times(x.operand(nullptr), x.ld(), N, out + first, R, false, right.all());
        for (int64_t row = 0; row < N; row++)
            for (int64_t n = first; n < first + width; n++) out[row * R + n] += bias[n];
    }
};

inline Tensor rounded_product(const Tensor& x_, const Tensor& weight_, const Tensor& bias_, std::string_view name) {
    TORCH_CHECK(x_.dim() == 2 && weight_.dim() == 2, "x must be (N, I), weight (R, I)");
    const Tensor x = x_.contiguous(), weight = weight_.contiguous(), bias = bias_.contiguous();
    const int64_t N = x.size(0), I = x.size(1), R = weight.size(0);
    const Precision precision = precision_named(name);
    check(x, "x", {N, I});
    check(weight, "weight", {R, I});
    check(bias, "bias", {R});
    check_precision(precision, I);
    Tensor out = at::empty({N, R}, x.options());
    if (!N) return out;
    const RoundedRows rows(precision, N, rounded_width(I));
    at::parallel_for(0, N, 16, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; n++) rows.set(n, x.const_data_ptr<float>() + n * I, I);
    });
    const RoundedProduct product{rows, precision, weight.const_data_ptr<float>(), bias.const_data_ptr<float>(),
                                 out.mutable_data_ptr<float>(), N, I, R};
    at::parallel_for(0, (R + kPanel - 1) / kPanel, 1, [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; block++) product.columns(block * kPanel);
        at::native::cpublas::brgemm_release(true);
    });
    return out;
}

}  // namespace seqkit
