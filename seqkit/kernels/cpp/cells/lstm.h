// Long short-term memory: c' = f c + i g, h' = o tanh(c').
#pragma once

#include "../squash.h"
#include "unit_wise.h"

namespace seqkit {

struct LSTM : UnitWise<LSTM> {
    static constexpr int GATES = 4, STATES = 2, KEPT = 5, SLOTS = 4;

    static inline void step(const V* x, const V* r, V* s, const V*, V* kept) {
        const V i = sigmoid(x[0] + r[0]), f = sigmoid(x[1] + r[1]), g = tanh(x[2] + r[2]), o = sigmoid(x[3] + r[3]);
        kept[0] = i, kept[1] = f, kept[2] = g, kept[3] = o, kept[4] = s[1];
        s[1] = f * s[1] + i * g;
        s[0] = o * tanh(s[1]);
    }

    static inline void back(const V* kept, V, V* ds, const V*, V* da, V*) {
        const V i = kept[0], f = kept[1], g = kept[2], o = kept[3], c = kept[4];
        const V t = tanh(f * c + i * g);
        const V dc = ds[1] + ds[0] * o * slope_of_tanh(t);
        da[0] = dc * g * slope_of_sigmoid(i), da[1] = dc * c * slope_of_sigmoid(f);
        da[2] = dc * i * slope_of_tanh(g), da[3] = ds[0] * t * slope_of_sigmoid(o);
        ds[0] = V(0.f), ds[1] = dc * f;
    }
};

}  // namespace seqkit
