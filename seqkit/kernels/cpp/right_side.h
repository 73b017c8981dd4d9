// The right side of the products of the loops that pack nothing for later calls, in the precision of the layer; or, where
// each weight is read a few times only, weights as they lie.
#pragma once

#include "bfloat16.h"
#include "buffer.h"
#include "gradients.h"
#include "in_place.h"
#include "int8.h"
#include "product.h"
#include "rounded_rows.h"
#include "sizes.h"
#include "team.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>

namespace seqkit {

constexpr int64_t kDepth = 1024;  // that a product sums over at a time: for each depth a kernel is made

// Room for a row of so many numbers in any precision.
inline int64_t rounded_width(int64_t K) { return quad(K); }

class RightSide {
  public:
    // A matrix (K, N), whose row k begins at row(k).
    template <class Row>
    RightSide(int64_t K, int64_t N, Precision precision, const Row& row)
        : K_(K), N_(N), columns_{K, precision == Precision::int8 ? 0 : N, precision == Precision::bf16} {
        if (precision == Precision::int8)
            pack_bytes(row);
        else
            set_rows(columns_, 0, K, [&](int64_t k, float*) { return row(k); });
    }
    // Of the rows (N, K) as they lie; in float32.
    RightSide(int64_t K, int64_t N, const float* rows) : K_(K), N_(N), columns_{K, 0, false}, rows_(rows) {}

    // Some of the columns; kPanel divides the first.
    struct Columns {
        int64_t first, end;
    };
    Columns all() const { return {0, N_}; }
    Columns share_of(const Member& member) const {
        const int64_t blocks = (N_ + kPanel - 1) / kPanel;
        return {member.first_of(blocks) * kPanel, std::min(member.last_of(blocks) * kPanel, N_)};
    }

    // A times columns of this, to C (rows, N); or added to it, where that is not of 8-bit integers. Rows of A are lda
    // apart.
    void times(const Operand& A, int64_t lda, int64_t rows, float* C, int64_t ldc, bool add,
               const Columns& columns) const {
        if (rows_) return times_rows_in_place(A.full, lda, rows, C, ldc, columns);
        if (bytes_) return times_bytes(A, lda, rows, C, ldc, columns);
        const int64_t K = columns_.bf16 ? even(K_) : K_;
        for (int64_t n = columns.first; n < columns.end; n += kPanel)
            for (int64_t k = 0; k < K; k += kDepth)
                product(rows, columns_.width(n), std::min(kDepth, K - k), A + k, lda, columns_.at(k, n),
                        columns_.width(n), C + n, ldc, add || k);
    }

    // The same for rows that have to be rounded first.
    void times(const RoundedRows& rounded, const float* A, int64_t lda, int64_t rows, float* C, int64_t ldc, bool add,
               const Columns& columns) const {
        if (!rounded.rounds()) return times({A, nullptr}, lda, rows, C, ldc, add, columns);
        for (int64_t i = 0; i < rows; i++) rounded.set(i, A + i * lda, K_);
        times(rounded.operand(nullptr), rounded.ld(), rows, C, ldc, add, columns);
    }

  private:
    template <class Row>
    void pack_bytes(const Row& row) {
        const int64_t blocks = (N_ + kPanel - 1) / kPanel;
        bytes_.reset(new uint8_t[blocks * kPanel * quantized_rows(K_)]);
        const Buffer full = buffer(K_ * kPanel);
        for (int64_t n = 0; n < N_; n += kPanel) {
            std::fill_n(full.get(), K_ * kPanel, 0.f);
            for (int64_t k = 0; k < K_; k++) std::memcpy(full.get() + k * kPanel, row(k) + n, width(n) * sizeof(float));
            quantize_block(full.get(), K_, kPanel, bytes_.get() + n * quantized_rows(K_));
        }
    }

    void times_bytes(const Operand& A, int64_t lda, int64_t rows, float* C, int64_t ldc, const Columns& columns) const {
        alignas(64) float block[kProductRows * kPanel];
        for (int64_t n = columns.first; n < columns.end; n += kPanel) {
            const uint8_t* bytes = bytes_.get() + n * quantized_rows(K_);
            const float* scales = reinterpret_cast<const float*>(bytes + quad(K_) * kPanel);
            for (int64_t m = 0; m < rows; m += kProductRows) {
                const int64_t count = std::min(kProductRows, rows - m);
                int8_product(count, kPanel, K_, A.bytes + m * lda, A.scales + m, lda, bytes, scales, kPanel, block,
                             kPanel);
                for (int64_t i = 0; i < count; i++)
                    std::memcpy(C + (m + i) * ldc + n, block + i * kPanel, width(n) * sizeof(float));
            }
        }
    }

    void times_rows_in_place(const float* A, int64_t lda, int64_t rows, float* C, int64_t ldc,
                             const Columns& columns) const {
        for (int64_t n = columns.first; n < columns.end; n += kLanes) {
            const int64_t count = std::min<int64_t>(kLanes, columns.end - n);
            for (int64_t i = 0; i < rows; i++)
                times_row(rows_ + n * K_, count, K_, A + i * lda).store(C + i * ldc + n, count);
        }
    }

    int64_t width(int64_t n) const { return std::min(kPanel, N_ - n); }

    int64_t K_, N_;
    ColumnBlocks columns_;
    std::unique_ptr<uint8_t[]> bytes_;
    const float* rows_ = nullptr;
};

}  // namespace seqkit
