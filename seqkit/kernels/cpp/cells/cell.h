// What the loops ask of a cell. A cell is one struct in a header of its own: its step, which Python defines, on vectors
// of hidden units, and the way back.
//
// Every cell names
//   GATES, STATES            as in Python; the first state is h
//   KEPT                     values of each unit that a step keeps for the way back
//   SLOTS                    gradients of pre-activations of each unit that the way back leaves: those of the input
//                            parts side by side from X_SLOT on, those of the recurrent parts from R_SLOT on (most cells
//                            have the same slots for both)
//   forward(f), backward(b)  one time step of a slice; UnitWise has them for cells whose units do not see each other
// and, where it differs from CellDefaults, what is named there.
#pragma once

#include "../sizes.h"

#include <cstdint>

namespace seqkit {

// One recurrent product of a step: the gates that it serves, and what it multiplies, which is a kept value or h.
struct Stage {
    int first_gate, gates, operand;
};
constexpr int kHiddenState = -1;  // the operand h before the step

template <class Cell>
struct CellDefaults {
    static constexpr int OWN = 0;           // parameters of each unit besides weights and bias
    static constexpr int KEPT_SCALARS = 0;  // numbers of a whole row that a step keeps, with each block
    static constexpr int X_SLOT = 0, R_SLOT = 0;
    // The gate of the n-th slot of the input parts; the slots of the recurrent parts are in the order of the gates.
    static constexpr int x_gate(int n) { return n; }

    static constexpr int STAGES = 1;
    static constexpr Stage stage(int) { return {0, Cell::GATES, kHiddenState}; }

    // Whether h after the step is all that a step keeps. Then h before a step need not be kept, too.
    static constexpr bool KEEPS_ONLY_H = false;

    // Floats for each row that the members of a team share, besides states and products.
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

// Rows of kept_h in a direction: h before each step, or, where steps keep it, before the first alone.
template <class Cell>
int64_t kept_h_rows(const Sizes& z) {
    return Cell::KEEPS_ONLY_H ? z.B : z.B * z.T;
}

}  // namespace seqkit
