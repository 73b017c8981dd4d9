// The cells by name, as Python asks for them.
#pragma once

#include "gru_after.h"
#include "gru_before.h"
#include "lstm.h"
#include "lstm_coupled.h"
#include "lstm_layer_norm.h"
#include "lstm_peephole.h"
#include "rnn.h"

#include <c10/util/Exception.h>

#include <string>
#include <string_view>

namespace seqkit {

// Calls visit with an object of the cell's type, which it is there for.
template <class Visit>
auto visit_cell(std::string_view name, const Visit& visit) {
    if (name == "rnn-tanh") return visit(RNN<false>());
    if (name == "rnn-relu") return visit(RNN<true>());
    if (name == "lstm") return visit(LSTM());
    if (name == "lstm-peephole") return visit(PeepholeLSTM());
    if (name == "lstm-coupled") return visit(CoupledLSTM());
    if (name == "lstm-layer-norm") return visit(LayerNormLSTM());
    if (name == "gru-after") return visit(GRUAfter());
    if (name == "gru-before") return visit(GRUBefore());
    TORCH_CHECK(false, "no native kernel for cell '", std::string(name), "'");
}

}  // namespace seqkit
