// The functions of squash.h and bfloat16.h on arrays, for test_squashing.py, which compiles this for each capability of
// processors. Counts are multiples of 64, so that every vector is full.
#include "bfloat16.h"
#include "squash.h"

#include <cmath>

namespace {

using seqkit::kLanes, seqkit::load, seqkit::V;

template <class Function>
void map(const float* from, float* to, int64_t count, Function function) {
    for (int64_t n = 0; n < count; n += kLanes) function(load(from + n)).store(to + n);
}

}  // namespace

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED void tanh_of(const float* x, float* y, int64_t count) { map(x, y, count, seqkit::tanh); }

EXPORTED void sigmoid_of(const float* x, float* y, int64_t count) { map(x, y, count, seqkit::sigmoid); }

EXPORTED void reciprocal_of(const float* x, float* y, int64_t count) { map(x, y, count, seqkit::reciprocal); }

// The two factors of e^x, so that neither their product nor its subnormal numbers are rounded.
EXPORTED void exponential_of(const float* x, float* rest, float* scale, int64_t count) {
    map(x, rest, count, [](V v) { return seqkit::exponential(v).rest; });
    map(x, scale, count, [](V v) { return seqkit::exponential(v).scale; });
}

EXPORTED void round_row(const float* x, uint16_t* y, int64_t count) {
    seqkit::round_row(x, count, reinterpret_cast<c10::BFloat16*>(y));
}

EXPORTED void store_pair(const float* x, uint16_t* y, int64_t count) {
    seqkit::store_pair(x, x + count, count, reinterpret_cast<c10::BFloat16*>(y));
}
