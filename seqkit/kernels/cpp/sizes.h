// The sizes of a layer, by the letters of its equations, and how its hidden units are divided into blocks.
//
// B batch, T time, I inputs, H hidden units (a multiple of 16; the caller pads), G gates, D directions.
#pragma once

#include "bfloat16.h"
#include "int8.h"

#include <algorithm>
#include <cstdint>

namespace seqkit {

constexpr int64_t kMaxStates = 2;      // h and c
constexpr int64_t kUnitMultiple = 16;  // of H
constexpr int64_t kCacheLine = 16;     // in float32
constexpr int64_t kTile = 16;          // rows and columns that are transposed at a time

// Units of a block where it holds one column a unit.
inline int64_t wide_block(int64_t H) { return H % 64 == 0 ? 64 : H % 32 == 0 ? 32 : 16; }

// Columns that lie side by side where there is one for each unit, as in the weights on the way back.
inline int64_t columns_block(int64_t H) { return std::min(kPanel, wide_block(H)); }

// Units of a block that holds all gates of each unit, as the weights do on the way forward: a row of it is then at most
// 4 vectors of AVX-512, which are read from memory one after another.
inline int64_t gates_block(int64_t G, int64_t H) { return G == 1 ? wide_block(H) : 16; }

// Of both sides of products.
enum class Precision { f32, bf16, int8 };

struct Sizes {
    int64_t D, B, T, I, H, G;
    int64_t units;                  // hidden units that are not padding
    int64_t NB, blocks;             // units of a block of gates, and the number of blocks
    int64_t wide;                   // units of a block on the way back
    int64_t ld;                     // row length of operands, odd in cache lines, so that rows do not collide
    int64_t state_ld, state_units;  // of the caller's states: from one sequence to the next, and units of each
    bool bf16, int8;

    Sizes(int64_t B, int64_t T, int64_t I, int64_t D, int64_t G, int64_t H, int64_t units,
          Precision precision = Precision::f32)
        : D(D),
          B(B),
          T(T),
          I(I),
          H(H),
          G(G),
          units(units),
          NB(gates_block(G, H)),
          blocks(H / NB),
          wide(wide_block(H)),
          ld(H + kCacheLine),
          state_ld(D * H),
          state_units(H),
          bf16(precision == Precision::bf16),
          int8(precision == Precision::int8) {}

    // For states of n layers or directions without padding units.
    void set_unpadded_states(int64_t n) { state_ld = n * units, state_units = units; }
    Precision precision() const { return bf16 ? Precision::bf16 : int8 ? Precision::int8 : Precision::f32; }
    int64_t inputs() const { return bf16 ? even(I) : int8 ? quad(I) : I; }  // in a row of a product
    // Numbers, or bytes, that K rows of packed weights take for each column.
    int64_t packed_rows(int64_t K) const { return bf16 ? even(K) : int8 ? quantized_rows(K) : K; }
    // How many columns of a packed block lie side by side, and where a column, the first of such, begins; for K rows.
    bool panels() const { return kPanels && !bf16 && !int8; }
    int64_t together() const { return panels() ? kPanel : G * NB; }
    int64_t column_at(int64_t column, int64_t K) const { return column * (panels() ? K : 1); }
    int64_t wide_blocks() const { return H / wide; }
};

}  // namespace seqkit
