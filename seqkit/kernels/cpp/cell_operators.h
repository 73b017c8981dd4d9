// The operators of a cell as plain functions: what a library of compiled cells hands to the one that has the operators.
#pragma once

#include "arguments.h"
#include "cells/cell.h"
#include "inference.h"
#include "phased.h"
#include "scan.h"
#include "sizes.h"
#include "training.h"

#include <c10/util/Exception.h>

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace seqkit {

// A cell whose units see each other through one recurrent product has the first ones, one without a recurrent product
// those of a scan, and one whose step is divided into phases the last two; the others are null.
struct CellOperators {
    const char* name;
    Forwarded (*forward)(const ForwardArguments&) = nullptr;
    Gradients (*backward)(const BackwardArguments&) = nullptr;
    Inferred (*infer)(const InferenceArguments&) = nullptr;
    Inferred (*step)(const InferenceArguments&) = nullptr;
    Inferred (*infer_in_place)(const InPlaceArguments&) = nullptr;
    Inferred (*step_in_place)(const InPlaceArguments&) = nullptr;
    int64_t (*kept_floats)(int64_t hidden_size) = nullptr;
    bool keeps_only_h = false;
    Scanned (*scan)(const ScanArguments&, bool keep) = nullptr;
    ScanGradients (*scan_backward)(const ScanBackwardArguments&) = nullptr;
    PhasedForwarded (*phased)(const PhasedArguments&, bool keep) = nullptr;
    PhasedGradients (*phased_backward)(const PhasedBackwardArguments&) = nullptr;
    int64_t products = 0;  // whose operands training keeps
};

template <class Cell>
int64_t kept_floats(int64_t H) {
    return kept_size<Cell>(Sizes(0, 0, 0, 1, Cell::GATES, H, H));
}

template <class Cell>
constexpr CellOperators operators_of(const char* name) {
    return {name,
            &forward<Cell>,
            &backward<Cell>,
            &infer<Cell>,
            &step<Cell>,
            &infer_in_place<Cell>,
            &step_in_place<Cell>,
            &kept_floats<Cell>,
            Cell::KEEPS_ONLY_H};
}

template <class Cell>
constexpr CellOperators scan_operators_of(const char* name) {
    return {.name = name, .scan = &scan<Cell>, .scan_backward = &scan_backward<Cell>};
}

template <class Cell>
constexpr CellOperators phased_operators_of(const char* name) {
    return {.name = name,
            .kept_floats = [](int64_t H) { return Cell::KEPT * H + Cell::KEPT_SCALARS; },
            .phased = &run_phases<Cell>,
            .phased_backward = &run_phases_back<Cell>,
            .products = PhasedSizes<Cell>::PHASES};
}

// The cells of a library, linked to those that were added before; read by any thread, added to by one at a time.
struct CellTable {
    const CellOperators* cells;
    int64_t count;
    const CellTable* next = nullptr;
};

class Cells {
  public:
    explicit Cells(CellTable ours) : ours_(ours), first_(&ours_) {}

    void add(CellTable* table) {
        table->next = first_.load(std::memory_order_relaxed);
        while (!first_.compare_exchange_weak(table->next, table, std::memory_order_release)) {
        }
    }

    const CellOperators& find(std::string_view name) const {
        for (const CellTable* table = first_.load(std::memory_order_acquire); table; table = table->next)
            for (int64_t n = 0; n < table->count; n++)
                if (name == table->cells[n].name) return table->cells[n];
        TORCH_CHECK(false, "no native kernel for cell '", std::string(name), "'");
    }

    // One of a cell's functions, which it may not have.
    template <class Function>
    Function of(std::string_view name, Function CellOperators::* function) const {
        const Function found = find(name).*function;
        TORCH_CHECK(found, "cell '", std::string(name), "' has no such operator");
        return found;
    }

  private:
    CellTable ours_;
    std::atomic<const CellTable*> first_;
};

}  // namespace seqkit
