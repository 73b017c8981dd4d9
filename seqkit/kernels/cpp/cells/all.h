// The cells of this library, by their names in Python: those of standard.h are made of their steps, the others were
// written by hand.
#pragma once

#include "../cell_operators.h"
#include "gru_before.h"
#include "lstm_layer_norm.h"
#include "standard.h"

namespace seqkit {

constexpr CellOperators kCells[] = {
    operators_of<rnn_tanh::Cell>("rnn-tanh"),
    operators_of<rnn_relu::Cell>("rnn-relu"),
    operators_of<lstm::Cell>("lstm"),
    operators_of<lstm_peephole::Cell>("lstm-peephole"),
    operators_of<lstm_coupled::Cell>("lstm-coupled"),
    operators_of<LayerNormLSTM>("lstm-layer-norm"),
    operators_of<gru_after::Cell>("gru-after"),
    operators_of<GRUBefore>("gru-before"),
};

}  // namespace seqkit
