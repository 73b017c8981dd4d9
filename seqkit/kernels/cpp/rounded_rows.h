// Rows as the left side of products, in the precision that the weights have.
#pragma once

#include "bfloat16.h"
#include "int8.h"
#include "sizes.h"

#include <cstdint>

namespace seqkit {

class RoundedRows {
  public:
    RoundedRows() = default;
    RoundedRows(Precision precision, int64_t rows, int64_t ld)
        : ld_(ld),
          bf16_(bfloat16_buffer(precision == Precision::bf16 ? rows * ld : 0)),
          int8_(precision == Precision::int8 ? QuantizedRows(rows, ld) : QuantizedRows()) {}

    bool rounds() const { return bf16_ || int8_.bytes(); }
    int64_t ld() const { return ld_; }
    // Where the count is odd, there is room for a 0 behind it.
    void set(int64_t row, const float* from, int64_t count) const {
        if (!bf16_) return int8_.set(row, from, count);
        round_row(from, count, bf16_.get() + row * ld_);
        if (count % 2) bf16_[row * ld_ + count] = 0.f;
    }
    // These rows; `full` in float32, which are not rounded.
    Operand operand(const float* full) const { return {full, bf16_.get(), int8_.bytes(), int8_.scales()}; }

  private:
    int64_t ld_ = 0;
    BFloat16Buffer bf16_;
    QuantizedRows int8_;
};

}  // namespace seqkit
