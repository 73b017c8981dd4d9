// What a cell that was compiled from its step in Python stands on: UnitWise, and what its expressions need besides.
#pragma once

#include "../phased.h"
#include "../squash.h"
#include "../vector.h"
#include "unit_wise.h"

namespace seqkit {

// Truth values are vectors with all bits of a lane set or none.
inline V negation(V truth) { return truth ^ (V(0.f) == V(0.f)); }
inline V where(V truth, V a, V b) { return V::blendv(b, a, truth); }
inline V sign(V x) { return where(x > V(0.f), V(1.f), where(x < V(0.f), V(-1.f), x)); }

template <class Cell>
struct Compiled : UnitWise<Cell> {
    static constexpr bool CLEARS_PADDING = true;
};

}  // namespace seqkit
