// The product of all inputs of a layer with its input weights in 8-bit integers, for the loops that are given it whole:
// those of scan.h and phased.h.
#pragma once

#include "arguments.h"
#include "buffer.h"
#include "int8.h"

#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace seqkit {

constexpr int64_t kProductColumns = 64, kRowsAtOnce = 64;

// x (N, I) in rows, weight (R, I), bias (R), to (N, R).
struct Int8InputProduct {
    const QuantizedRows& x;
    const float *weight, *bias;
    float* out;
    int64_t N, I, R;

    // The columns from `first` on; those beyond R are zeros.
    void columns(int64_t first) const {
        const int64_t width = std::min(kProductColumns, R - first);
        const Buffer full = buffer(I * kProductColumns), sums = buffer(kRowsAtOnce * kProductColumns);
        const std::unique_ptr<uint8_t[]> packed(new uint8_t[quantized_rows(I) * kProductColumns]);
        std::fill_n(full.get(), I * kProductColumns, 0.f);
        for (int64_t n = 0; n < width; n++)
            for (int64_t k = 0; k < I; k++) full[k * kProductColumns + n] = weight[(first + n) * I + k];
        quantize_block(full.get(), I, kProductColumns, packed.get());
        const float* scales = reinterpret_cast<const float*>(packed.get() + quad(I) * kProductColumns);
        for (int64_t row = 0; row < N; row += kRowsAtOnce) {
            const int64_t rows = std::min(kRowsAtOnce, N - row);
            int8_product(rows, kProductColumns, I, x.bytes() + row * quad(I), x.scales() + row, quad(I), packed.get(),
                         scales, kProductColumns, sums.get(), kProductColumns);
            for (int64_t i = 0; i < rows; i++)
                for (int64_t n = 0; n < width; n++)
                    out[(row + i) * R + first + n] = sums[i * kProductColumns + n] + bias[first + n];
        }
    }
};

inline Tensor int8_input_product(const Tensor& x_, const Tensor& weight_, const Tensor& bias_) {
    TORCH_CHECK(x_.dim() == 2 && weight_.dim() == 2, "x must be (N, I), weight (R, I)");
    const Tensor x = x_.contiguous(), weight = weight_.contiguous(), bias = bias_.contiguous();
    const int64_t N = x.size(0), I = x.size(1), R = weight.size(0);
    check(x, "x", {N, I});
    check(weight, "weight", {R, I});
    check(bias, "bias", {R});
    TORCH_CHECK(I <= kMostQuantized, "products of more than 65536 8-bit integers would overflow");
    Tensor out = at::empty({N, R}, x.options());
    if (!N) return out;
    const QuantizedRows rows(N, quad(I));
    at::parallel_for(0, N, 16, [&](int64_t begin, int64_t end) {
        for (int64_t n = begin; n < end; n++) rows.set(n, x.const_data_ptr<float>() + n * I, I);
    });
    const Int8InputProduct product{rows, weight.const_data_ptr<float>(), bias.const_data_ptr<float>(),
                                   out.mutable_data_ptr<float>(), N, I, R};
    const int64_t blocks = (R + kProductColumns - 1) / kProductColumns;
    at::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t block = begin; block < end; block++) product.columns(block * kProductColumns);
        at::native::cpublas::brgemm_release(true);
    });
    return out;
}

}  // namespace seqkit
