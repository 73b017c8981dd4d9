// The LSTM with peepholes: i and f see the cell state before the step, o the one after, each unit its own.
#pragma once

#include "../squash.h"
#include "unit_wise.h"

namespace seqkit {

struct PeepholeLSTM : UnitWise<PeepholeLSTM> {
    static constexpr int GATES = 4, STATES = 2, KEPT = 5, OWN = 3, SLOTS = 4;

    static inline void step(const V* x, const V* r, V* s, const V* p, V* kept) {
        const V i = sigmoid(x[0] + r[0] + p[0] * s[1]), f = sigmoid(x[1] + r[1] + p[1] * s[1]), g = tanh(x[2] + r[2]);
        const V c = f * s[1] + i * g;
        const V o = sigmoid(x[3] + r[3] + p[2] * c);
        kept[0] = i, kept[1] = f, kept[2] = g, kept[3] = o, kept[4] = s[1];
        s[1] = c;
        s[0] = o * tanh(c);
    }

    static inline void back(const V* kept, V, V* ds, const V* p, V* da, V* dp) {
        const V i = kept[0], f = kept[1], g = kept[2], o = kept[3], before = kept[4];
        const V c = f * before + i * g, t = tanh(c);
        da[3] = ds[0] * t * slope_of_sigmoid(o);
        const V dc = ds[1] + ds[0] * o * slope_of_tanh(t) + da[3] * p[2];
        da[0] = dc * g * slope_of_sigmoid(i), da[1] = dc * before * slope_of_sigmoid(f),
        da[2] = dc * i * slope_of_tanh(g);
        dp[0] = da[0] * before, dp[1] = da[1] * before, dp[2] = da[3] * c;
        ds[0] = V(0.f), ds[1] = dc * f + da[0] * p[0] + da[1] * p[1];
    }
};

}  // namespace seqkit
