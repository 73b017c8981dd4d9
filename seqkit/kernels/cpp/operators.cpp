// The time loop of seqkit's cells for the CPU as torch operators. This is the one file that is compiled; it includes
// all the others, which are best read in this order:
//
//   vector.h squash.h buffer.h bfloat16.h int8.h numbers
//   sizes.h plan.h team.h                        how hidden units, the batch and threads are divided
//   product.h pack.h in_place.h interleaved.h    matrix products, and weights in the order in which they are read
//   rounded_rows.h                               rows of 8-bit integers
//   fingerprint.h                                whether packed weights are still those of now
//   forward.h backward.h                         the loops over time
//   cells/                                       what happens in one step; cell.h says what the loops ask of a cell
//   gradients.h                                  products over all time steps at once
//   arguments.h layer.h inference.h training.h   the operators
//   right_side.h input_product.h                 products of the two loops below
//   scan.h                                       those of cells without a recurrent product
//   phased.h                                     those of cells with several, or with sums over their units
//   single_step.h                                one step with gradients, on the weights as torch lays them out
//   cell_operators.h                             those of each cell, by name
//   grams.h                                      the n-grams of texts
//
// The letters of sizes are those of sizes.h: B batch, T time, I inputs, H hidden units, G gates, D directions.
#include "arguments.h"
#include "cell_operators.h"
#include "cells/all.h"
#include "grams.h"
#include "inference.h"
#include "input_product.h"
#include "product.h"
#include "single_step.h"
#include "sizes.h"
#include "training.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <tuple>

// Another library with another name for its operators can be loaded beside this one.
#ifndef SEQKIT_NAMESPACE
#define SEQKIT_NAMESPACE seqkit
#endif
#define SEQKIT_TEXT_OF(name) #name
#define SEQKIT_TEXT(name) SEQKIT_TEXT_OF(name)

using namespace seqkit;

static Cells cells({kCells, std::size(kCells)});

static void define_operators(torch::Library& m) {
    m.def("multiplies_bf16() -> bool", &multiplies_bf16);
    m.def("multiplies_int8() -> bool", &multiplies_int8);
    m.def("kept_floats(str cell, int hidden_size) -> int",
          [](std::string_view cell, int64_t H) { return cells.of(cell, &CellOperators::kept_floats)(H); });
    m.def("keeps_only_h(str cell) -> bool", [](std::string_view cell) { return cells.find(cell).keeps_only_h; });
    m.def("runs_in_phases(str cell) -> bool", [](std::string_view cell) { return bool(cells.find(cell).phased); });
    m.def("products(str cell) -> int", [](std::string_view cell) { return cells.find(cell).products; });
    // The address of a CellTable in another library of these very sources, which stays loaded.
    m.def("add_cells(int table) -> ()", [](int64_t table) { cells.add(reinterpret_cast<CellTable*>(table)); });
    m.def("pack(Tensor weight_x, Tensor weight_h, str precision) -> Tensor");
    m.def(
        "forward(str cell, Tensor x, Tensor? lengths, Tensor weight_x, Tensor weight_h, Tensor bias, Tensor own, "
        "Tensor state, int units, bool bf16, int slices, int team) -> (Tensor, Tensor, Tensor, Tensor)");
    m.def(
        "infer(str cell, Tensor x, Tensor? lengths, Tensor packed, Tensor vectors, Tensor? h, Tensor? c, int units, "
        "int slices, int team) -> (Tensor, Tensor, Tensor)");
    m.def(
        "step(str cell, Tensor x, Tensor packed, Tensor vectors, Tensor? h, Tensor? c, int units, int slices, int "
        "team) "
        "-> (Tensor, Tensor, Tensor)");
    m.def(
        "infer_in_place(str cell, Tensor x, Tensor[] weights, int directions, Tensor? h, Tensor? c, int team) -> "
        "(Tensor, Tensor, Tensor)");
    m.def(
        "step_in_place(str cell, Tensor x, Tensor[] weights, int layers, Tensor? h, Tensor? c, int team) -> (Tensor, "
        "Tensor, Tensor)");
    m.def("fingerprint(Tensor[] weights) -> Tensor");
    m.def(
        "find_grams(Tensor[] tree, int symbols_known, int rows_known, Tensor places, Tensor sizes, Tensor symbols, "
        "Tensor letters, Tensor letter_sizes) -> (Tensor, Tensor)");
    m.def("rounded_product(Tensor x, Tensor weight, Tensor bias, str precision) -> Tensor");
    m.def(
        "infer_verified(str cell, Tensor x, Tensor? lengths, Tensor packed, Tensor vectors, Tensor? h, Tensor? c, int "
        "units, int slices, int team, Tensor[] weights, Tensor fingerprint) -> (Tensor, Tensor, Tensor, bool)");
    m.def(
        "step_verified(str cell, Tensor x, Tensor packed, Tensor vectors, Tensor? h, Tensor? c, int units, int slices, "
        "int team, Tensor[] weights, Tensor fingerprint) -> (Tensor, Tensor, Tensor, bool)");
    m.def(
        "backward(str cell, Tensor x, Tensor? lengths, Tensor weight_x, Tensor weight_h, Tensor bias, Tensor own, "
        "Tensor kept_h, Tensor kept, Tensor grad_out, Tensor grad_final, int units, bool bf16, int slices, int team, "
        "bool need_x) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
    m.def(
        "scan(str cell, Tensor x, Tensor? lengths, Tensor own, Tensor state, bool reverse, bool keep) -> (Tensor, "
        "Tensor, Tensor)");
    m.def(
        "scan_backward(str cell, Tensor x, Tensor? lengths, Tensor own, Tensor state, bool reverse, Tensor out, Tensor "
        "kept, Tensor grad_out, Tensor grad_final) -> (Tensor, Tensor, Tensor)");
    m.def(
        "phased(str cell, Tensor x, Tensor? lengths, Tensor weight_h, Tensor own, Tensor state, bool reverse, bool "
        "keep, str precision, int slices, int team) -> (Tensor, Tensor, Tensor, Tensor)");
    m.def(
        "phased_backward(str cell, Tensor x, Tensor? lengths, Tensor weight_h, Tensor own, Tensor state, bool reverse, "
        "Tensor operands, Tensor kept, Tensor grad_out, Tensor grad_final, str precision, int slices, int team) -> "
        "(Tensor, Tensor, Tensor, Tensor)");
    m.def(
        "single_step(str cell, Tensor x, Tensor h, Tensor? c, Tensor weight_x, Tensor weight_h, Tensor? bias_x, Tensor? "
        "bias_h) -> (Tensor, Tensor, Tensor)");
    m.def(
        "single_step_backward(str cell, Tensor x, Tensor h, Tensor? c, Tensor weight_x, Tensor weight_h, Tensor? "
        "bias_x, Tensor? bias_h, Tensor kept, Tensor? grad_h, Tensor? grad_c, bool need_x, bool need_h, bool "
        "need_weights) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
}

// Schemas are flat, and here alone arguments have an order.
static void implement_operators(torch::Library& m) {
    m.impl("pack", [](const Tensor& weight_x, const Tensor& weight_h, std::string_view precision) {
        return pack(weight_x, weight_h, precision_named(precision));
    });
    m.impl("forward", [](std::string_view cell, const Tensor& x, const OptionalTensor& lengths, const Tensor& weight_x,
                         const Tensor& weight_h, const Tensor& bias, const Tensor& own, const Tensor& state,
                         int64_t units, bool bf16, int64_t slices, int64_t team) {
        const ForwardArguments a{cell, x, lengths, {weight_x, weight_h, bias, own}, state, {units, bf16, slices, team}};
        return cells.of(cell, &CellOperators::forward)(a);
    });
    m.impl("infer", [](std::string_view cell, const Tensor& x, const OptionalTensor& lengths, const Tensor& packed,
                       const Tensor& vectors, const OptionalTensor& h, const OptionalTensor& c, int64_t units,
                       int64_t slices, int64_t team) {
        const InferenceArguments a{cell, x, lengths, packed, vectors, h, c, units, slices, team};
        return cells.of(cell, &CellOperators::infer)(a);
    });
    m.impl("step", [](std::string_view cell, const Tensor& x, const Tensor& packed, const Tensor& vectors,
                      const OptionalTensor& h, const OptionalTensor& c, int64_t units, int64_t slices, int64_t team) {
        const InferenceArguments a{cell, x, {}, packed, vectors, h, c, units, slices, team};
        return cells.of(cell, &CellOperators::step)(a);
    });
    m.impl("infer_in_place", [](std::string_view cell, const Tensor& x, at::TensorList weights, int64_t directions,
                                const OptionalTensor& h, const OptionalTensor& c, int64_t team) {
        return cells.of(cell, &CellOperators::infer_in_place)({cell, x, weights, directions, h, c, team});
    });
    m.impl("step_in_place", [](std::string_view cell, const Tensor& x, at::TensorList weights, int64_t layers,
                               const OptionalTensor& h, const OptionalTensor& c, int64_t team) {
        return cells.of(cell, &CellOperators::step_in_place)({cell, x, weights, layers, h, c, team});
    });
    m.impl("fingerprint", &fingerprint);
    m.impl("find_grams", &find_grams);
    m.impl("rounded_product", &rounded_product);
    m.impl("infer_verified",
           [](std::string_view cell, const Tensor& x, const OptionalTensor& lengths, const Tensor& packed,
              const Tensor& vectors, const OptionalTensor& h, const OptionalTensor& c, int64_t units, int64_t slices,
              int64_t team, at::TensorList weights, const Tensor& fingerprint) {
               Verification verification(weights, fingerprint);
               const InferenceArguments a{cell, x, lengths, packed, vectors, h, c, units, slices, team, &verification};
               const Inferred found = cells.of(cell, &CellOperators::infer)(a);
               return std::tuple_cat(found, std::tuple(verification.same()));
           });
    m.impl("step_verified", [](std::string_view cell, const Tensor& x, const Tensor& packed, const Tensor& vectors,
                               const OptionalTensor& h, const OptionalTensor& c, int64_t units, int64_t slices,
                               int64_t team, at::TensorList weights, const Tensor& fingerprint) {
        Verification verification(weights, fingerprint);
        const InferenceArguments a{cell, x, {}, packed, vectors, h, c, units, slices, team, &verification};
        const Inferred found = cells.of(cell, &CellOperators::step)(a);
        return std::tuple_cat(found, std::tuple(verification.same()));
    });
    m.impl("backward", [](std::string_view cell, const Tensor& x, const OptionalTensor& lengths, const Tensor& weight_x,
                          const Tensor& weight_h, const Tensor& bias, const Tensor& own, const Tensor& kept_h,
                          const Tensor& kept, const Tensor& grad_out, const Tensor& grad_final, int64_t units,
                          bool bf16, int64_t slices, int64_t team, bool need_x) {
        const BackwardArguments a{cell, x,        lengths,    {weight_x, weight_h, bias, own}, kept_h,
                                  kept, grad_out, grad_final, {units, bf16, slices, team},     need_x};
        return cells.of(cell, &CellOperators::backward)(a);
    });
    m.impl("scan", [](std::string_view cell, const Tensor& x, const OptionalTensor& lengths, const Tensor& own,
                      const Tensor& state, bool reverse, bool keep) {
        return cells.of(cell, &CellOperators::scan)({cell, x, lengths, own, state, reverse}, keep);
    });
    m.impl("scan_backward", [](std::string_view cell, const Tensor& x, const OptionalTensor& lengths, const Tensor& own,
                               const Tensor& state, bool reverse, const Tensor& out, const Tensor& kept,
                               const Tensor& grad_out, const Tensor& grad_final) {
        return cells.of(cell, &CellOperators::scan_backward)(
            {{cell, x, lengths, own, state, reverse}, out, kept, grad_out, grad_final});
    });
    m.impl("phased", [](std::string_view cell, const Tensor& x, const OptionalTensor& lengths, const Tensor& weight_h,
                        const Tensor& own, const Tensor& state, bool reverse, bool keep, std::string_view precision,
                        int64_t slices, int64_t team) {
        const PhasedArguments a{cell,    x,      lengths, weight_h, own, state, reverse, precision_named(precision),
                                slices, team};
        return cells.of(cell, &CellOperators::phased)(a, keep);
    });
    m.impl("phased_backward",
           [](std::string_view cell, const Tensor& x, const OptionalTensor& lengths, const Tensor& weight_h,
              const Tensor& own, const Tensor& state, bool reverse, const Tensor& operands, const Tensor& kept,
              const Tensor& grad_out, const Tensor& grad_final, std::string_view precision, int64_t slices,
              int64_t team) {
               const PhasedArguments forward{cell,  x,       lengths, weight_h, own,
                                             state, reverse, precision_named(precision), slices, team};
               return cells.of(cell, &CellOperators::phased_backward)({forward, operands, kept, grad_out, grad_final});
           });
    m.impl("single_step", [](std::string_view cell, const Tensor& x, const Tensor& h, const OptionalTensor& c,
                             const Tensor& weight_x, const Tensor& weight_h, const OptionalTensor& bias_x,
                             const OptionalTensor& bias_h) {
        return single_step_of({cell, x, h, c, weight_x, weight_h, bias_x, bias_h});
    });
    m.impl("single_step_backward",
           [](std::string_view cell, const Tensor& x, const Tensor& h, const OptionalTensor& c, const Tensor& weight_x,
              const Tensor& weight_h, const OptionalTensor& bias_x, const OptionalTensor& bias_h, const Tensor& kept,
              const OptionalTensor& grad_h, const OptionalTensor& grad_c, bool need_x, bool need_h, bool need_weights) {
               const SingleStep forward{cell, x, h, c, weight_x, weight_h, bias_x, bias_h};
               return single_step_backward_of({forward, kept, grad_h, grad_c, need_x, need_h, need_weights});
           });
}

// What TORCH_LIBRARY does, but that of two builds in one process the first serves: torch would abort at the second.
struct Registration {
    std::optional<torch::Library> definitions, implementations;
    Registration() {
        const char* name = SEQKIT_TEXT(SEQKIT_NAMESPACE);
        if (c10::Dispatcher::singleton().findSchema({SEQKIT_TEXT(SEQKIT_NAMESPACE) "::forward", ""})) return;
        definitions.emplace(torch::Library::DEF, name, std::nullopt, __FILE__, __LINE__);
        define_operators(*definitions);
        implementations.emplace(torch::Library::IMPL, name, c10::DispatchKey::CPU, __FILE__, __LINE__);
        implement_operators(*implementations);
    }
};

static const Registration registration;
