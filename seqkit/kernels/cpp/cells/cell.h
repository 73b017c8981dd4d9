// What the loops ask of a cell, which is one struct in a header of its own. Its definition is its `step` in Python; the
// struct is that step on vectors of hidden units, and the way back.
//
// Every cell names
//   GATES, STATES    as in Python; the first state is h
//   KEPT             values of each unit that a step forward keeps for the step back
//   SLOTS            gradients of pre-activations of each unit that a step back leaves. Those of the input parts lie
//   side
//                    by side from X_SLOT on, those of the recurrent parts from R_SLOT on; most cells have one for both
//   forward(f), backward(b)   one time step of a slice (see UnitWise for cells whose units do not look at each other)
// and whatever of the following is not as here.
#pragma once

#include "../sizes.h"

#include <cstdint>

namespace seqkit {

// One recurrent product of a step: the gates that it serves, and which kept value it multiplies.
struct Stage {
    int first_gate, gates, operand;
};
constexpr int kHiddenState = -1;  // as an operand: h before the step, which is no kept value of the cell's

template <class Cell>
struct CellDefaults {
    static constexpr int OWN = 0;           // parameters of each unit besides weights and bias
    static constexpr int KEPT_SCALARS = 0;  // numbers of a whole row that forward keeps, beside each block
    static constexpr int X_SLOT = 0, R_SLOT = 0;
    // The gate of the n-th slot of the input parts; those of the recurrent parts are in the gates' order.
    static constexpr int x_gate(int n) { return n; }

    static constexpr int STAGES = 1;
    static constexpr Stage stage(int) { return {0, Cell::GATES, kHiddenState}; }

    // Whether what is kept is h after the step and nothing else. h before a step is then what the step before it kept.
    static constexpr bool KEEPS_ONLY_H = false;

    // Floats for each row that the members of a team share beyond states and products.
    static int64_t forward_scratch(const Sizes&) { return 0; }
    static int64_t backward_scratch(const Sizes&) { return 0; }
};

// The recurrent product that serves a gate.
template <class Cell>
constexpr int stage_of(int64_t gate) {
    int n = 0;
    while (gate >= Cell::stage(n).first_gate + Cell::stage(n).gates) n++;
    return n;
}

// Kept values lie as (rows, blocks, KEPT, units of a block), with the scalars at the end of each block.
template <class Cell>
int64_t kept_block_size(const Sizes& z) {
    return Cell::KEPT * z.NB + Cell::KEPT_SCALARS;
}
template <class Cell>
int64_t kept_size(const Sizes& z) {
    return kept_block_size<Cell>(z) * z.blocks;
}

// Rows of kept_h in a direction: h before each step, or where it is kept already, only that before the first.
template <class Cell>
int64_t kept_h_rows(const Sizes& z) {
    return Cell::KEEPS_ONLY_H ? z.B : z.B * z.T;
}

}  // namespace seqkit
