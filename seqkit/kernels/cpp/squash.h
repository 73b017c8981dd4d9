// The squashing functions of the gates and their slopes, on vectors.
//
// e^y comes from a polynomial of degree 7 after reduction by powers of 2; tanh is formed from e^2x - 1, which keeps its
// precision near 0. Both functions are within 4 units in the last place (measured: tanh 3.4, sigmoid 2.3).
//
// A library built with SEQKIT_LINEAR_GATES has linear functions in their place. With weights and inputs that are small
// integers, every sum and product of the loops is then an integer that float32 holds exactly, so that a test can demand
// equal bits, however the sums are divided among threads and blocks.
#pragma once

#include "vector.h"

#include <cmath>

namespace seqkit {

#ifndef SEQKIT_LINEAR_GATES

// e^y = scale (1 + rest), with the scale a power of 2.
struct Exponential {
    V rest, scale;
};

inline Exponential exponential(V y) {
    const V n = (y * V(1.44269504f)).round();
    // y - n ln 2, with ln 2 in two pieces so that the first product is exact.
    V r = at::vec::fmadd(n, V(-0.693359375f), y);
    r = at::vec::fmadd(n, V(2.12194440e-4f), r);
    V p = at::vec::fmadd(r, V(1.f / 5040), V(1.f / 720));
    p = at::vec::fmadd(p, r, V(1.f / 120));
    p = at::vec::fmadd(p, r, V(1.f / 24));
    p = at::vec::fmadd(p, r, V(1.f / 6));
    p = at::vec::fmadd(p, r, V(.5f));
    const IntV bits = (at::vec::convert_to_int_of_same_size(n) + IntV(127)) << IntV(23);
    return {at::vec::fmadd(p, r * r, r), at::vec::cast<float>(bits)};
}

inline V reciprocal(V d) {
#if defined(CPU_CAPABILITY_AVX512)
    const V r = _mm512_rcp14_ps(d);
    return r * (V(2.f) - d * r);
#else
    return V(1.f) / d;
#endif
}

inline V sigmoid(V x) {
    const auto e = exponential(at::vec::clamp(x.neg(), V(-87.f), V(87.f)));
    return reciprocal(at::vec::fmadd(e.scale, e.rest, V(1.f) + e.scale));
}

inline V tanh(V x) {
    const auto e = exponential(at::vec::clamp(x + x, V(-20.f), V(20.f)));
    const V m = at::vec::fmadd(e.scale, e.rest, e.scale - V(1.f));
    return m * reciprocal(m + V(2.f));
}

// Slopes, from the value of the function.
inline V slope_of_sigmoid(V s) { return s * (V(1.f) - s); }
inline V slope_of_tanh(V t) { return V(1.f) - t * t; }

// What else layer normalization needs, which linear gates have to make exact, too.
inline float mean_of(float sum, float count) { return sum / count; }
inline float inverse_root(float variance) { return 1.f / std::sqrt(variance); }

#else

// Slope 1 everywhere, but wrapped into -2 to 2: what grows without bound soon has more bits than a float32.
inline V wrapped(V x) { return x - V(4.f) * (x * V(.25f)).round(); }
inline V sigmoid(V x) { return wrapped(x); }
inline V tanh(V x) { return wrapped(x); }
inline V slope_of_sigmoid(V) { return V(1.f); }
inline V slope_of_tanh(V) { return V(1.f); }

// A mean would be no integer; the wrapped sum shows a missing or doubled summand as well.
inline float mean_of(float sum, float) { return sum - 4.f * std::nearbyint(sum * .25f); }
inline float inverse_root(float) { return 1.f; }

#endif

}  // namespace seqkit
