// The plain recurrent cell: h' = tanh(x + r), or max(0, x + r). It keeps h' alone, which gives the slope of both.
#pragma once

#include "../squash.h"
#include "unit_wise.h"

namespace seqkit {

template <bool relu>
struct RNN : UnitWise<RNN<relu>> {
    static constexpr int GATES = 1, STATES = 1, KEPT = 1, SLOTS = 1;
    static constexpr bool KEEPS_ONLY_H = true;

    static inline void step(const V* x, const V* r, V* s, const V*, V* kept) {
        const V a = x[0] + r[0];
        s[0] = kept[0] = relu ? at::vec::maximum(a, V(0.f)) : tanh(a);
    }

    static inline void back(const V* kept, V, V* ds, const V*, V* da, V*) {
        da[0] = relu ? V::blendv(V(0.f), ds[0], kept[0] > V(0.f)) : ds[0] * slope_of_tanh(kept[0]);
        ds[0] = V(0.f);
    }
};

}  // namespace seqkit
