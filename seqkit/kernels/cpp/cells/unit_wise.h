// Cells whose hidden units do not see each other but through one recurrent product, as those of most cells. Such a cell
// is written as two functions on vectors of units, with no loop in them:
//
//   step(x, r, s, own, kept)          x and r are the input and recurrent parts by gate; s holds the states before the
//                                     step and is set to those after; kept is set
//   back(kept, h, ds, own, da, down)  h is that before the step (0 if the cell keeps only h); ds holds the gradients of
//                                     the states after the step and is set to those of the states before, without the
//                                     share of the recurrent product; da, of the slots, and down, of own, are set
//
// A cell of anybody's may give padding units what ours never do, a NaN from dividing 0 by 0 for one, which a product
// with the zeros of its weights would spread. Where CLEARS_PADDING says so, padding units are set to 0 each way.
#pragma once

#include "../backward.h"
#include "../forward.h"
#include "../vector.h"
#include "cell.h"

#include <c10/macros/Macros.h>

#include <algorithm>
#include <cstdint>

namespace seqkit {

// The lanes of a vector from hidden unit `unit` on that are no padding, and 0 in the others.
inline V without_padding(const Sizes& z, int64_t unit, V value) {
    return V::set(V(0.f), value, std::clamp<int64_t>(z.units - unit, 0, kLanes));
}

template <class Cell>
struct UnitWise : CellDefaults<Cell> {
    static constexpr bool CLEARS_PADDING = false;

    static void forward(Forward& f) {
        float* r_part = f.product_of_block.get();
        const Operand h = f.operand(f.h);
        for (int64_t block = f.first_block; block < f.last_block; block++) {
            f.recurrent(block, Cell::stage(0), h, r_part);
            for (int64_t i = 0; i < f.rows; i++) forward_row(f, block, i, r_part + i * Cell::GATES * f.z.NB);
        }
    }

    static C10_ALWAYS_INLINE void forward_row(Forward& f, int64_t block, int64_t i, const float* r_part) {
        const Sizes& z = f.z;
        const float* x_part = f.x_part(block, i);
        float* kept = f.keeps() ? f.kept_of(block, i) : nullptr;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
            const int64_t unit = block * z.NB + j;
            // own and kept have one more than there are, since an array must not be empty.
            V x[Cell::GATES], r[Cell::GATES], s[Cell::STATES], own[Cell::OWN + 1], values[Cell::KEPT + 1];
            for (int g = 0; g < Cell::GATES; g++) {
                x[g] = load(x_part + g * z.NB + j) + load(f.bias + g * z.H + unit);
                r[g] = load(r_part + g * z.NB + j);
            }
            for (int p = 0; p < Cell::OWN; p++) own[p] = load(f.own + p * z.H + unit);
            s[0] = load(f.h + i * z.ld + unit);
            if constexpr (Cell::STATES > 1) s[1] = load(f.c + i * z.H + unit);
            Cell::step(x, r, s, own, values);
            if (Cell::CLEARS_PADDING && unit + kLanes > z.units)
                for (V& state : s) state = without_padding(z, unit, state);
            f.set_h(i, unit, s[0]);
            if constexpr (Cell::STATES > 1) s[1].store(f.c + i * z.H + unit);
            if (kept)
                for (int k = 0; k < Cell::KEPT; k++) values[k].store(kept + k * z.NB + j);
        }
    }

    static void backward(Backward& b) {
        for (int64_t block = b.first_block; block < b.last_block; block++)
            for (int64_t i = 0; i < b.rows; i++) backward_row(b, block, i);
        b.member.meet();
        b.recurrent(Cell::stage(0), b.dh, true);
    }

    static C10_ALWAYS_INLINE void backward_row(Backward& b, int64_t block, int64_t i) {
        const Sizes& z = b.z;
        const float *kept = b.kept_of(block, i), *h = Cell::KEEPS_ONLY_H ? nullptr : b.h_before(i);
        float* slots = b.da + (b.s.first[b.t] + i) * Cell::SLOTS * z.H;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
            const int64_t unit = block * z.NB + j;
            V values[Cell::KEPT + 1], own[Cell::OWN + 1], ds[Cell::STATES], da[Cell::SLOTS], down[Cell::OWN + 1];
            for (int k = 0; k < Cell::KEPT; k++) values[k] = load(kept + k * z.NB + j);
            for (int p = 0; p < Cell::OWN; p++) own[p] = load(b.own + p * z.H + unit);
            ds[0] = b.grad_h(i, unit);
            if constexpr (Cell::STATES > 1) ds[1] = load(b.dc + i * z.H + unit);
            Cell::back(values, h ? load(h + unit) : V(0.f), ds, own, da, down);
            if (Cell::CLEARS_PADDING && unit + kLanes > z.units) {
                for (V& state : ds) state = without_padding(z, unit, state);
                for (V& slot : da) slot = without_padding(z, unit, slot);
                for (int p = 0; p < Cell::OWN; p++) down[p] = without_padding(z, unit, down[p]);
            }
            ds[0].store(b.dh + i * z.ld + unit);
            if constexpr (Cell::STATES > 1) ds[1].store(b.dc + i * z.H + unit);
            for (int k = 0; k < Cell::SLOTS; k++) {
                da[k].store(slots + k * z.H + unit);
                add_to(b.sums + k * z.H + unit, da[k]);
            }
            for (int g = 0; g < Cell::GATES; g++) da[Cell::R_SLOT + g].store(b.dr + i * b.width() + g * z.H + unit);
            for (int p = 0; p < Cell::OWN; p++) add_to(b.sums + (Cell::SLOTS + p) * z.H + unit, down[p]);
        }
    }
};

}  // namespace seqkit
