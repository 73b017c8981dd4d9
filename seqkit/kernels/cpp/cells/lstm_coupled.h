// The LSTM with coupled gates, 1 - i in the place of f: c' = c + i (g - c).
#pragma once

#include "../squash.h"
#include "unit_wise.h"

namespace seqkit {

struct CoupledLSTM : UnitWise<CoupledLSTM> {
    static constexpr int GATES = 3, STATES = 2, KEPT = 4, SLOTS = 3;

    static inline void step(const V* x, const V* r, V* s, const V*, V* kept) {
        const V i = sigmoid(x[0] + r[0]), g = tanh(x[1] + r[1]), o = sigmoid(x[2] + r[2]);
        kept[0] = i, kept[1] = g, kept[2] = o, kept[3] = s[1];
        s[1] = s[1] + i * (g - s[1]);
        s[0] = o * tanh(s[1]);
    }

    static inline void back(const V* kept, V, V* ds, const V*, V* da, V*) {
        const V i = kept[0], g = kept[1], o = kept[2], c = kept[3];
        const V t = tanh(c + i * (g - c));
        const V dc = ds[1] + ds[0] * o * slope_of_tanh(t);
        da[0] = dc * (g - c) * slope_of_sigmoid(i), da[1] = dc * i * slope_of_tanh(g);
        da[2] = ds[0] * t * slope_of_sigmoid(o);
        ds[0] = V(0.f), ds[1] = dc * (V(1.f) - i);
    }
};

}  // namespace seqkit
