// The gated recurrent unit with the reset gate after the product: n = tanh(x_n + r (U_n h + c_n)), h' = h + z (n - h).
//
// The candidate's input part and recurrent part have gradients of their own. The slots are n of the input, z, r, n of
// the product: so the three of each lie side by side.
#pragma once

#include "../squash.h"
#include "unit_wise.h"

namespace seqkit {

struct GRUAfter : UnitWise<GRUAfter> {
    static constexpr int GATES = 3, STATES = 1, KEPT = 4, OWN = 1, SLOTS = 4, X_SLOT = 0, R_SLOT = 1;
    static constexpr int x_gate(int n) { return n == 0 ? 2 : n - 1; }

    static inline void step(const V* x, const V* r, V* s, const V* own, V* kept) {
        const V z = sigmoid(x[0] + r[0]), reset = sigmoid(x[1] + r[1]), u = r[2] + own[0];
        const V n = tanh(x[2] + reset * u);
        kept[0] = z, kept[1] = reset, kept[2] = n, kept[3] = u;
        s[0] = s[0] + z * (n - s[0]);
    }

    static inline void back(const V* kept, V h, V* ds, const V*, V* da, V* down) {
        const V z = kept[0], reset = kept[1], n = kept[2], u = kept[3];
        da[0] = ds[0] * z * slope_of_tanh(n);
        da[1] = ds[0] * (n - h) * slope_of_sigmoid(z);
        da[2] = da[0] * u * slope_of_sigmoid(reset);
        da[3] = down[0] = da[0] * reset;
        ds[0] = ds[0] * (V(1.f) - z);
    }
};

}  // namespace seqkit
