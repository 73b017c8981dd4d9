// The cells that were written by hand, by their names in Python.
#pragma once

#include "../cell_operators.h"
#include "gru_after.h"
#include "gru_before.h"
#include "lstm.h"
#include "lstm_coupled.h"
#include "lstm_layer_norm.h"
#include "lstm_peephole.h"
#include "rnn.h"

namespace seqkit {

constexpr CellOperators kCells[] = {
    operators_of<RNN<false>>("rnn-tanh"),
    operators_of<RNN<true>>("rnn-relu"),
    operators_of<LSTM>("lstm"),
    operators_of<PeepholeLSTM>("lstm-peephole"),
    operators_of<CoupledLSTM>("lstm-coupled"),
    operators_of<LayerNormLSTM>("lstm-layer-norm"),
    operators_of<GRUAfter>("gru-after"),
    operators_of<GRUBefore>("gru-before"),
};

}  // namespace seqkit
